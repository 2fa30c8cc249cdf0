/*
 * user - who the engine is, and giving up what it was (design section 3, "Users")
 */
#ifndef LOCAL_USER_H
#define LOCAL_USER_H

#include <sys/types.h>

#include "base/str.h"
#include "base/why.h"

struct user {
    bool drop;              /* we are root and must become this */
    uid_t uid;
    gid_t gid;
    bool alone;             /* no groups but gid */
    char name[64];          /* for initgroups; may be digits */
};

/* By name or uid in digits. ST_NONE: no such user. ST_AGAIN: could not find out. */
enum status user_find(struct str name, struct user *out, struct why *why);
/* By name or gid in digits; likewise. */
enum status user_group(struct str name, gid_t *gid, struct why *why);
/* Whether the user is in that group, as its own or as one more. */
bool user_in_group(const struct user *u, gid_t gid);
/* Who the engine shall be: name and group (options, may be empty), else the
 * owner of the spool, else "perigee". ST_NEVER says what to set. */
enum status user_choose(struct str name, struct str group, const char *spool, bool allow_root,
                        struct user *out, struct why *why);
/* Somebody without rights to check rules as, before the rules say who we are. */
void user_for_checker(const char *spool, struct user *out);

/* Groups, group and user for good, each verified. Only in a fresh child. */
enum status user_become(const struct user *u, struct why *why);

/* Between the two the master makes files as the user, so that what the user
 * puts in its way (links) gives it nothing (one thread). */
void user_act(const struct user *u);
void user_act_end(void);

/* Closes every descriptor from 3 on but these. */
void user_keep_only(const int *fds, size_t n);
/* Dies with the parent. False: it is gone already. Call after user_become. */
bool user_tie(pid_t parent);

#endif

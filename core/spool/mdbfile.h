/*
 * mdbfile - an LMDB file of the spool's: opened whole or not at all, and its transactions
 *
 * One file, beside which its lock stands ("-lock" behind the name). What comes back is
 * LMDB's own number (0: good); whoever knows what the file is for makes the sentence.
 */
#ifndef SPOOL_MDBFILE_H
#define SPOOL_MDBFILE_H

#include <lmdb.h>

/* flags: MDB_NOSYNC, MDB_RDONLY; tables: named ones, 0 for the one without a name. A file that
 * was cut short is MDB_CORRUPTED: its missing pages would be a fatal signal later. NULL after an error. */
int mdbfile_open(const char *path, unsigned flags, unsigned tables, size_t map, MDB_env **env);
/* The file and its lock. */
void mdbfile_unlink(const char *path);

/* Where a reader died, or another process made the map larger, once more. */
int mdbfile_begin(MDB_env *env, unsigned flags, MDB_txn **txn);
/* Commits what went well (rc is 0), drops the rest; rc, or what the commit says. */
int mdbfile_end(MDB_txn *txn, int rc);

#endif

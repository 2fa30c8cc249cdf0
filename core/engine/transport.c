#include "engine/transport.h"

#include "net/sock.h"

#include "engine/settings.h"
#include "options.h"

static const struct val *get(const struct transport_values *tv, int opt)
{
    if ((size_t)opt >= tv->n || tv->v[opt].type == VAL_NIL || tv->v[opt].type == VAL_FUNC)
        return NULL;
    return &tv->v[opt];
}

static struct str text(struct arena *a, const struct transport_values *tv, int opt, struct str def)
{
    const struct val *v = get(tv, opt);

    if (v && v->type == VAL_INT)
        return arena_printf(a, "%lld", (long long)v->u.i);
    return v && v->type == VAL_STR ? arena_dup(a, v->u.s) : def;
}

static struct val copy(struct arena *a, const struct transport_values *tv, int opt)
{
    const struct val *v = get(tv, opt);

    return v ? val_dup(a, v) : (struct val){ .type = VAL_NIL };
}

static bool flag(const struct transport_values *tv, int opt, bool def)
{
    return val_bool(get(tv, opt), def);
}

static int64_t number(const struct transport_values *tv, int opt, int64_t def)
{
    return val_int(get(tv, opt), def);
}

static int64_t ms(const struct transport_values *tv, int opt, int64_t def_s)
{
    int64_t s = val_time(get(tv, opt), def_s);

    return (s > 0 ? s : def_s) * 1000;
}

/* A list option, or a colon list in a string ("::" is a colon). */
static void list(struct arena *a, const struct transport_values *tv, int opt, const struct str **out, size_t *n)
{
    const struct val *v = get(tv, opt);
    struct str rest, word, *items;
    size_t max = 1;

    *n = 0;
    if (!v)
        return;
    if (v->type == VAL_LIST) {
        struct val d = val_dup(a, v);

        *out = d.u.list.v;
        *n = d.u.list.n;
        return;
    }
    if (v->type != VAL_STR)
        return;
    rest = arena_dup(a, v->u.s);
    for (size_t i = 0; i < rest.n; i++)
        max += rest.p[i] == ':';
    items = arena_array(a, struct str, max);
    while (str_cut(&rest, ':', &word)) {
        word = str_trim(word);
        if (word.n)
            items[(*n)++] = word;
    }
    *out = items;
}

/* headers_add as a list or as text of several lines. */
static struct str lines(struct arena *a, const struct transport_values *tv, int opt)
{
    const struct val *v = get(tv, opt);
    struct buf b = { 0 };
    struct str s;

    if (!v)
        return STR("");
    if (v->type == VAL_STR)
        return arena_dup(a, v->u.s);
    if (v->type != VAL_LIST)
        return STR("");
    for (size_t i = 0; i < v->u.list.n; i++) {
        buf_add(&b, v->u.list.v[i]);
        buf_byte(&b, '\n');
    }
    s = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return s;
}

static void read_common(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    t->headers_add = lines(a, tv, TOPT_headers_add);
    t->headers_remove = lines(a, tv, TOPT_headers_remove);
    t->return_path = text(a, tv, TOPT_return_path, (struct str){ NULL, 0 });
    t->return_path_add = flag(tv, TOPT_return_path_add, false);
    t->envelope_to_add = flag(tv, TOPT_envelope_to_add, false);
    t->delivery_date_add = flag(tv, TOPT_delivery_date_add, false);
    t->body_only = flag(tv, TOPT_body_only, false);
    t->headers_only = flag(tv, TOPT_headers_only, false);
    t->message_size_limit = number(tv, TOPT_message_size_limit, 0);
    t->user = text(a, tv, TOPT_user, STR(""));
    t->group = text(a, tv, TOPT_group, STR(""));
    t->initgroups = flag(tv, TOPT_initgroups, false);
    t->headers_rewrite = text(a, tv, TOPT_headers_rewrite, STR("")).n > 0;
    t->home = text(a, tv, TOPT_home_directory, STR(""));
    t->directory = text(a, tv, TOPT_current_directory, STR(""));
    t->shadow = text(a, tv, TOPT_shadow_transport, STR(""));
    t->shadow_wanted = flag(tv, TOPT_shadow_condition, true);
    t->disable_logging = flag(tv, TOPT_disable_logging, false);
    t->include_affixes = flag(tv, TOPT_rcpt_include_affixes, false);
    t->max_parallel = (unsigned)number(tv, TOPT_max_parallel, 0);
    t->filter = copy(a, tv, TOPT_transport_filter);
    t->filter_ms = ms(tv, TOPT_transport_filter_timeout, 300);
    t->batch_max = (uint32_t)number(tv, TOPT_batch_max, 1);
    t->batch_id = copy(a, tv, TOPT_batch_id);
}

static uint16_t read_port(struct arena *a, const struct transport_values *tv, const struct transport *t)
{
    struct str s = text(a, tv, TOPT_port, STR(""));
    uint64_t n;

    if (str_u64(s, 65535, &n))
        return (uint16_t)n;
    if (str_same_fold(s, STR("submission")))
        return 587;
    if (str_same_fold(s, STR("lmtp")) || t->lmtp)
        return 24;
    if (str_same_fold(s, STR("smtps")) || str_same_fold(s, STR("submissions")) || t->smtps)
        return 465;
    return 25;
}

static void read_smtp(struct arena *a, const struct transport_values *tv, struct str hostname, struct transport *t)
{
    list(a, tv, TOPT_hosts, &t->hosts, &t->nhosts);
    list(a, tv, TOPT_fallback_hosts, &t->fallback, &t->nfallback);
    t->lmtp = str_same_fold(text(a, tv, TOPT_protocol, STR("smtp")), STR("lmtp"));
    t->smtps = str_same_fold(text(a, tv, TOPT_protocol, STR("smtp")), STR("smtps"));
    t->hosts_override = flag(tv, TOPT_hosts_override, false);
    t->hosts_randomize = flag(tv, TOPT_hosts_randomize, false);
    t->allow_localhost = flag(tv, TOPT_allow_localhost, false);
    t->multi_domain = flag(tv, TOPT_multi_domain, true);
    t->include_ip = flag(tv, TOPT_retry_include_ip_address, true);
    t->port = read_port(a, tv, t);
    t->helo = text(a, tv, TOPT_helo_data, hostname);
    if (t->helo.n == 0)
        t->helo = hostname;
    t->interface = text(a, tv, TOPT_interface, STR(""));
    t->connect_ms = ms(tv, TOPT_connect_timeout, 300);
    t->command_ms = ms(tv, TOPT_command_timeout, 300);
    t->data_ms = ms(tv, TOPT_data_timeout, 300);
    t->final_ms = ms(tv, TOPT_final_timeout, 600);
    t->max_rcpt = (uint32_t)number(tv, TOPT_max_rcpt, 100);
    if (t->max_rcpt == 0)
        t->max_rcpt = UINT32_MAX;
    t->max_messages = (uint32_t)number(tv, TOPT_connection_max_messages, 500);
    t->max_try = (uint32_t)number(tv, TOPT_hosts_max_try, 5);
    t->hard_max_try = (uint32_t)number(tv, TOPT_hosts_max_try_hardlimit, 50);
    t->keepalive = flag(tv, TOPT_keepalive, true);
    t->ignore_quota = flag(tv, TOPT_lmtp_ignore_quota, false);
    t->delay_after_cutoff = flag(tv, TOPT_delay_after_cutoff, true);
    t->dscp = sock_dscp(text(a, tv, TOPT_dscp, STR("")));
    t->size_addition = number(tv, TOPT_size_addition, 1024);
    /* Not Exim's 998: what came in goes out as it was (R3.7). */
    t->line_max = number(tv, TOPT_message_linelength_limit, 0);
    t->auth_sender = text(a, tv, TOPT_authenticated_sender, (struct str){ NULL, 0 });
    t->auth_force = flag(tv, TOPT_authenticated_sender_force, false);
    transport_read_tls(a, tv, t);
}

static void read_signing(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    const struct val *sign = get(tv, TOPT_dkim_domain);

    if (sign && sign->type == VAL_LIST) {
        struct val d = val_dup(a, sign);

        t->sign = d.u.list.v;
        t->nsigned = d.u.list.n;
    }
    t->arc_sign = text(a, tv, TOPT_arc_sign, STR(""));
    t->signs = sign || get(tv, TOPT_arc_sign);
}

static void read_program(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    bool lmtp = t->driver == DRIVER_LMTP;

    t->socket = text(a, tv, TOPT_socket, STR(""));
    t->command = copy(a, tv, TOPT_command);
    t->environment = copy(a, tv, TOPT_environment);
    t->path = text(a, tv, TOPT_path, STR("/bin:/usr/bin"));
    t->timeout_ms = ms(tv, TOPT_timeout, lmtp ? 300 : 3600);
    t->output_max = (size_t)number(tv, TOPT_max_output, 20 * 1024);
    t->temp_errors = copy(a, tv, TOPT_temp_errors);
    t->ignore_status = flag(tv, TOPT_ignore_status, false);
    t->return_output = flag(tv, TOPT_return_output, false);
    t->return_fail_output = flag(tv, TOPT_return_fail_output, false);
    t->log_output = flag(tv, TOPT_log_output, false);
    t->log_fail_output = flag(tv, TOPT_log_fail_output, false);
    t->log_defer_output = flag(tv, TOPT_log_defer_output, false);
    t->timeout_defer = flag(tv, TOPT_timeout_defer, false);
    t->freeze_exec_fail = flag(tv, TOPT_freeze_exec_fail, false);
    t->freeze_signal = flag(tv, TOPT_freeze_signal, false);
    t->force_command = flag(tv, TOPT_force_command, false);
    t->restrict_to_path = flag(tv, TOPT_restrict_to_path, false);
    list(a, tv, TOPT_allow_commands, &t->allow, &t->nallow);
    t->umask = (mode_t)number(tv, TOPT_umask, 022);
}

static void read_quota(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    t->quota = number(tv, TOPT_quota, 0);
    t->quota_files = number(tv, TOPT_quota_filecount, 0);
    t->quota_inclusive = flag(tv, TOPT_quota_is_inclusive, true);
    t->quota_directory = text(a, tv, TOPT_quota_directory, STR(""));
    t->size_regex = text(a, tv, TOPT_quota_size_regex, STR(""));
    t->warn_threshold = text(a, tv, TOPT_quota_warn_threshold, STR(""));
    t->warn_message = text(a, tv, TOPT_quota_warn_message, STR(""));
    t->used = copy(a, tv, TOPT_mailbox_size);
    t->files = copy(a, tv, TOPT_mailbox_filecount);
    t->size_file = flag(tv, TOPT_maildir_use_size_file, false);
    t->directory_regex = text(a, tv, TOPT_maildir_quota_directory_regex, STR(""));
}

static void read_file(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    t->file = copy(a, tv, TOPT_file);
    t->folder = copy(a, tv, TOPT_directory);
    t->maildir = flag(tv, TOPT_maildir_format, false);
    t->mailstore = flag(tv, TOPT_mailstore_format, false);
    t->create_directory = flag(tv, TOPT_create_directory, true);
    t->file_must_exist = flag(tv, TOPT_file_must_exist, false);
    t->check_owner = flag(tv, TOPT_check_owner, true);
    t->check_group = flag(tv, TOPT_check_group, false);
    t->mode_fail_narrower = flag(tv, TOPT_mode_fail_narrower, true);
    t->allow_fifo = flag(tv, TOPT_allow_fifo, false);
    t->allow_symlink = flag(tv, TOPT_allow_symlink, false);
    t->create_file = text(a, tv, TOPT_create_file, STR("anywhere"));
    t->lockfile = flag(tv, TOPT_use_lockfile, true);
    t->fcntl_lock = flag(tv, TOPT_use_fcntl_lock, true);
    t->flock_lock = flag(tv, TOPT_use_flock_lock, false);
    t->mode = (mode_t)number(tv, TOPT_mode, 0600);
    t->directory_mode = (mode_t)number(tv, TOPT_directory_mode, 0700);
    t->lockfile_mode = (mode_t)number(tv, TOPT_lockfile_mode, 0600);
    t->lock_retries = number(tv, TOPT_lock_retries, 10);
    t->lock_interval = val_time(get(tv, TOPT_lock_interval), 3);
    t->lock_fcntl_timeout = val_time(get(tv, TOPT_lock_fcntl_timeout), 0);
    t->lock_flock_timeout = val_time(get(tv, TOPT_lock_flock_timeout), 0);
    t->lockfile_timeout = val_time(get(tv, TOPT_lockfile_timeout), 1800);
    t->file_name = text(a, tv, TOPT_directory_file, STR(""));
    t->tag = text(a, tv, TOPT_maildir_tag, STR(""));
    t->maildir_retries = number(tv, TOPT_maildir_retries, 10);
    t->folder_regex = text(a, tv, TOPT_maildirfolder_create_regex, STR(""));
    t->mailstore_prefix = text(a, tv, TOPT_mailstore_prefix, STR(""));
    t->mailstore_suffix = text(a, tv, TOPT_mailstore_suffix, STR(""));
    list(a, tv, TOPT_file_format, &t->formats, &t->nformats);
    read_quota(a, tv, t);
}

static const char *path_or_none(struct arena *a, const struct transport_values *tv, int opt)
{
    struct str s = text(a, tv, opt, STR(""));

    return s.n ? arena_z(a, s) : NULL;
}

static void read_reply(struct arena *a, const struct transport_values *tv, struct transport *t)
{
    t->reply_rcpt[0] = text(a, tv, TOPT_to, STR(""));
    t->reply_rcpt[1] = text(a, tv, TOPT_cc, STR(""));
    t->reply_rcpt[2] = text(a, tv, TOPT_bcc, STR(""));
    t->reply_from = text(a, tv, TOPT_from, STR(""));
    t->reply_to = text(a, tv, TOPT_reply_to, STR(""));
    t->reply_subject = text(a, tv, TOPT_subject, STR(""));
    t->reply_text = text(a, tv, TOPT_text, STR(""));
    t->reply_headers = lines(a, tv, TOPT_headers);
    t->reply_file = path_or_none(a, tv, TOPT_file);
    t->reply_log = path_or_none(a, tv, TOPT_log);
    t->once = path_or_none(a, tv, TOPT_once);
    t->file_expand = flag(tv, TOPT_file_expand, false);
    t->file_optional = flag(tv, TOPT_file_optional, false);
    t->return_message = flag(tv, TOPT_return_message, false);
    t->once_size = number(tv, TOPT_once_file_size, 0);
    t->once_repeat = val_time(get(tv, TOPT_once_repeat), 0);
    t->mode = (mode_t)number(tv, TOPT_mode, 0600);
    list(a, tv, TOPT_never_mail, &t->never, &t->nnever);
}

/* F31: a spool pair is what the queue holds, whatever else the transport says.
 * Addresses that go to one directory share it. */
static void plain(struct transport *t)
{
    t->headers_add = t->headers_remove = t->shadow = STR("");
    t->return_path = (struct str){ NULL, 0 };
    t->return_path_add = t->envelope_to_add = t->delivery_date_add = t->disable_logging = false;
    t->message_size_limit = 0;
    t->max_parallel = 0;
    t->filter = (struct val){ .type = VAL_NIL };
    t->headers_rewrite = false;
    t->batch_max = UINT32_MAX;
}

static enum driver driver_of(struct str name)
{
    if (str_same(name, STR("smtp")))
        return DRIVER_SMTP;
    if (str_same(name, STR("lmtp")))
        return DRIVER_LMTP;
    if (str_same(name, STR("appendfile")))
        return DRIVER_APPENDFILE;
    if (str_same(name, STR("autoreply")))
        return DRIVER_AUTOREPLY;
    if (str_same(name, STR("queuefile")))
        return DRIVER_QUEUEFILE;
    return str_same(name, STR("pipe")) ? DRIVER_PIPE : DRIVER_OTHER;
}

void transport_read(struct arena *a, const struct transport_values *tv, struct str hostname, struct transport *t)
{
    t->name = arena_dup(a, tv->name);
    t->driver_name = arena_dup(a, tv->driver);
    t->driver = driver_of(tv->driver);
    read_common(a, tv, t);
    t->check_string = copy(a, tv, TOPT_check_string);
    t->escape_string = copy(a, tv, TOPT_escape_string);
    t->prefix = copy(a, tv, TOPT_message_prefix);
    t->suffix = copy(a, tv, TOPT_message_suffix);
    t->crlf = flag(tv, TOPT_use_crlf, false);
    t->bsmtp = flag(tv, TOPT_use_bsmtp, false);
    switch (t->driver) {
    case DRIVER_SMTP:
        read_smtp(a, tv, hostname, t);
        read_signing(a, tv, t);
        break;
    case DRIVER_LMTP:
        read_smtp(a, tv, hostname, t);
        read_signing(a, tv, t);
        read_program(a, tv, t);
        t->lmtp = true;
        t->ignore_quota = flag(tv, TOPT_ignore_quota, false);
        t->command_ms = t->data_ms = t->final_ms = t->connect_ms = t->timeout_ms;
        t->max_messages = 1;
        break;
    case DRIVER_PIPE:
        read_program(a, tv, t);
        break;
    case DRIVER_APPENDFILE:
        read_file(a, tv, t);
        break;
    case DRIVER_AUTOREPLY:
        read_reply(a, tv, t);
        break;
    case DRIVER_QUEUEFILE:
        t->folder = copy(a, tv, TOPT_directory);
        plain(t);
        break;
    case DRIVER_OTHER:
        break;
    }
}

static bool item_matches(struct str item, struct str name, struct ip ip)
{
    struct ip net;
    size_t slash = str_find(item, '/');
    uint64_t bits;

    if (str_same(item, STR("*")))
        return true;
    if (str_starts(item, STR("*")))
        return str_ends_fold(name, str_from(item, 1));
    if (slash != SIZE_MAX && ip_parse(str_head(item, slash), &net) && str_u64(str_from(item, slash + 1), 128, &bits))
        return ip_in(ip, net, (unsigned)bits);
    if (ip_parse(item, &net))
        return ip_same(ip, net);
    return str_same_fold(item, name);
}

bool host_listed(const struct val *v, struct str name, struct ip ip)
{
    struct str rest, item;
    size_t i = 0;
    bool no = false;                    /* behind a last item with "!" the list has all others */

    if (v->type != VAL_LIST && v->type != VAL_STR)
        return false;
    rest = v->type == VAL_STR ? v->u.s : STR("");
    for (;;) {
        if (v->type == VAL_LIST) {
            if (i == v->u.list.n)
                return no;
            item = v->u.list.v[i++];
        } else if (!str_cut(&rest, ':', &item)) {
            return no;
        }
        item = str_trim(item);
        if ((no = item.n && item.p[0] == '!'))
            item = str_trim(str_from(item, 1));
        if (item.n && item_matches(item, name, ip))
            return !no;
    }
}

/* One word off the front: blanks part words, "..." and '...' keep them
 * together, and inside "..." a backslash takes the next byte as it is. */
static bool next_word(struct arena *a, struct str *rest, struct str *word, bool *bad)
{
    char *out = arena_alloc(a, rest->n + 1);
    size_t n = 0, i = 0;
    char quote = 0;

    while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t' || rest->p[i] == '\n'))
        i++;
    if (i == rest->n)
        return false;
    for (; i < rest->n; i++) {
        char c = rest->p[i];

        if (quote && c == quote)
            quote = 0;
        else if (quote == '"' && c == '\\' && i + 1 < rest->n)
            out[n++] = rest->p[++i];
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (!quote && (c == ' ' || c == '\t' || c == '\n'))
            break;
        else
            out[n++] = c;
    }
    *bad = quote != 0;
    *rest = str_from(*rest, i);
    *word = (struct str){ out, n };
    return true;
}

char **command_argv(struct arena *a, const struct val *command)
{
    char **argv;
    size_t n = 0;
    struct str rest, word;
    bool bad = false;

    if (command->type == VAL_LIST) {
        if (command->u.list.n == 0)
            return NULL;
        argv = arena_array(a, char *, command->u.list.n + 1);
        for (; n < command->u.list.n; n++) {
            if (memchr(command->u.list.v[n].p, 0, command->u.list.v[n].n))
                return NULL;
            argv[n] = arena_z(a, command->u.list.v[n]);
        }
        return argv[0][0] ? argv : NULL;
    }
    if (command->type != VAL_STR || command->u.s.n == 0 || memchr(command->u.s.p, 0, command->u.s.n))
        return NULL;
    argv = arena_array(a, char *, command->u.s.n / 2 + 2);
    for (rest = command->u.s; next_word(a, &rest, &word, &bad);) {
        if (bad)
            return NULL;
        argv[n++] = arena_z(a, word);
    }
    return n && argv[0][0] ? argv : NULL;
}

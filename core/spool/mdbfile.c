#include "spool/mdbfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"

enum { READERS = 256 };

static bool is_whole(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    mdb_filehandle_t fd;

    return !mdb_env_info(env, &info) && !mdb_env_stat(env, &st) && !mdb_env_get_fd(env, &fd) && !fstat(fd, &file)
        && (info.me_last_pgno <= 1 || (uint64_t)file.st_size >= (info.me_last_pgno + 1) * st.ms_psize);
}

int mdbfile_open(const char *path, unsigned flags, unsigned tables, size_t map, MDB_env **env)
{
    int dead, rc = mdb_env_create(env);

    if (rc) {
        *env = NULL;
        return rc;
    }
    mdb_env_set_maxdbs(*env, tables);
    mdb_env_set_mapsize(*env, map);
    mdb_env_set_maxreaders(*env, READERS);
    rc = FAULT(LMDB) ? errno : mdb_env_open(*env, path, flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (!rc && !is_whole(*env))
        rc = MDB_CORRUPTED;
    if (rc) {
        mdb_env_close(*env);
        *env = NULL;
    } else if (!(flags & MDB_RDONLY)) {
        mdb_reader_check(*env, &dead);
    }
    return rc;
}

void mdbfile_unlink(const char *path)
{
    struct buf lock = { 0 };

    buf_addf(&lock, "%s-lock%c", path, 0);
    unlink(path);
    unlink(lock.mem + lock.at);
    buf_free(&lock);
}

int mdbfile_begin(MDB_env *env, unsigned flags, MDB_txn **txn)
{
    int dead, rc = FAULT(LMDB) ? errno : mdb_txn_begin(env, NULL, flags, txn);

    if (rc == MDB_MAP_RESIZED) {
        rc = mdb_env_set_mapsize(env, 0);
        if (!rc)
            rc = mdb_txn_begin(env, NULL, flags, txn);
    } else if (rc == MDB_READERS_FULL) {
        mdb_reader_check(env, &dead);
        rc = mdb_txn_begin(env, NULL, flags, txn);
    }
    return rc;
}

int mdbfile_end(MDB_txn *txn, int rc)
{
    if (!rc && FAULT(LMDB))
        rc = errno;
    if (!rc)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

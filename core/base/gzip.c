#include "base/gzip.h"

#include <assert.h>
#include <zlib.h>

#include "base/why.h"

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };     /* 16: gzip's frame and not zlib's */

void gzip_add(struct str text, struct buf *out)
{
    z_stream z = { 0 };
    char *to;
    uLong room;

    assert(text.n < UINT32_MAX / 2);
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        die("no memory to compress with");
    room = deflateBound(&z, text.n);
    to = buf_room(out, room);
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    /* With that much room one call does all of it. */
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        die("deflate did not end");
    buf_grew(out, z.total_out);
    deflateEnd(&z);
}

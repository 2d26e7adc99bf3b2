/* Files, read without the interpreter in between. Knows nothing of what is in them. */

#define _DEFAULT_SOURCE /* the times of `stat`, and what POSIX has */

#include "planes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

/* Read so many pieces of one length, each from where it starts; return whether all are there. */
EXPORT int gather(int file, const int64_t *starts, int count, int length, u8 *pieces) {
    for (int at = 0; at < count; at++)
        if (pread(file, pieces + (size_t)at * length, length, starts[at]) != length) return 0;
    return 1;
}

/* Where a file's bytes are, or one of these; and its stamp: `Stamp` in stamp.py. */
enum { LEFT_OUT = -1, CHANGED = -2 };

typedef struct {
    int64_t start, size, mtime_ns, ctime_ns, inode;
} File;

/* Without a sign, since the year 2262 is too late for one. */
static int64_t nanoseconds(struct timespec time) { return time.tv_sec * (uint64_t)1000000000 + time.tv_nsec; }

/* Read an open file if it is a regular one, not empty, smaller than the room, and stays as it was: as `_read` in
   decode.py does it. Returns how many bytes that are, or why not. */
static int64_t read_whole(int file, int64_t room, u8 *bytes, File *found) {
    struct stat before, after;
    if (fstat(file, &before) || !S_ISREG(before.st_mode)) return LEFT_OUT;
    if (before.st_size == 0 || before.st_size >= room) return LEFT_OUT;
    int64_t size = read(file, bytes, before.st_size + 1); /* one more, to see that it has not grown */
    if (size < before.st_size || fstat(file, &after)) return LEFT_OUT;
    found->size = after.st_size, found->inode = after.st_ino;
    found->mtime_ns = nanoseconds(after.st_mtim), found->ctime_ns = nanoseconds(after.st_ctim);
    return size == after.st_size && found->mtime_ns == nanoseconds(before.st_mtim) ? size : CHANGED;
}

/* Read small files, one after the other into the room for their bytes. Their paths follow each other, each with its
   0 at the end. What is left out is for the caller to look at. */
EXPORT void read_small(const char *paths, int many, int64_t room, u8 *bytes, File *files) {
    int64_t used = 0;
    for (int at = 0; at < many; at++, paths += strlen(paths) + 1) {
        int file = open(paths, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        int64_t size = file < 0 ? LEFT_OUT : read_whole(file, room - used, bytes + used, &files[at]);
        files[at].start = size < 0 ? size : used;
        used += max(0, size);
        if (file >= 0) close(file);
    }
}

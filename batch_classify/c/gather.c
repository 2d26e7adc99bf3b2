/* Pieces of a file, read without the interpreter in between. */

#define _POSIX_C_SOURCE 200809L /* pread */

#include "planes.h"

#include <unistd.h>

/* Read so many pieces of one length, each from where it starts; return whether all are there. */
EXPORT int gather(int file, const int64_t *starts, int count, int length, u8 *pieces) {
    for (int at = 0; at < count; at++)
        if (pread(file, pieces + (size_t)at * length, length, starts[at]) != length) return 0;
    return 1;
}

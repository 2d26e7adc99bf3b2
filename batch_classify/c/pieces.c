/* Pieces of ink: what hangs together in a mask, as runs along its rows. */

#include "planes.h"

int piece_of(const Run *runs, int at) {
    while (runs[at].piece != at) at = runs[at].piece;
    return at;
}

/* Join a run that follows all others to those of the row above that it touches, 8-connected. `above` is the
   first run that may be one, and is moved on. */
void join(Run *runs, int last, int *above) {
    Run run = runs[last];
    for (; *above < last && runs[*above].row < run.row; ++*above)
        if (runs[*above].row == run.row - 1 && runs[*above].end >= run.first) break;
    for (int at = *above; at < last && runs[at].row == run.row - 1 && runs[at].first <= run.end; at++) {
        int one = piece_of(runs, at), other = piece_of(runs, last);
        runs[max(one, other)].piece = min(one, other);
    }
}

/* The runs of a mask, joined to pieces. */
int runs_of(const u8 *mask, int height, int width, Run *runs) {
    int many = 0, above = 0;
    for (int row = 0; row < height; row++) {
        const u8 *line = mask + row * width, *end = line + width, *next = line;
        while (next < end && (next = memchr(next, 1, end - next))) {
            const u8 *past = memchr(next, 0, end - next);
            past = past ? past : end;
            runs[many] = (Run){row, next - line, past - line, many};
            join(runs, many++, &above);
            next = past;
        }
    }
    return many;
}

/* How much a piece is, and where. */
int measured(const Run *runs, int many, int piece, Box *box) {
    int left = INT32_MAX, right = 0, top = INT32_MAX, bottom = 0, area = 0;
    for (int at = piece; at < many; at++)
        if (piece_of(runs, at) == piece) {
            Run run = runs[at];
            area += run.end - run.first;
            left = min(left, run.first), right = max(right, run.end);
            top = min(top, run.row), bottom = max(bottom, run.row + 1);
        }
    *box = (Box){left, top, right - left, bottom - top};
    return area;
}

/* How much ink each component of a labelled plane holds, and whether any of it is strong. `size` px have labels
   of 2 or 4 bytes; `inks` and `held` begin with 0 and have an entry for each label. */
EXPORT void weigh(const void *labels, int bytes, const u8 *ink, int size, int strong, double *inks, u8 *held) {
    for (int i = 0; i < size; i++) {
        int label = bytes == 2 ? ((const uint16_t *)labels)[i] : ((const int32_t *)labels)[i];
        if (!label) continue;
        inks[label] += ink[i];
        held[label] |= ink[i] > strong;
    }
}

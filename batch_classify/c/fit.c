/* From a digit's box to the picture that the model sees: what MNIST is (LeCun et al. 1998), a digit whose longer
   side is 20 px, with its centre of mass in the middle of 28x28. Sizes are changed with OpenCV's arithmetic, to
   the byte. Knows nothing of paper or of what is around the box. */

#include "planes.h"

enum {
    BOX = 20,
    FINE = 3,     /* strokes are thickened at so many times the final size */
    FINE_SIDE = FINE * BOX,
    PALE = 240,   /* levels; ink with a paler peak is stretched to the full range */
    WIDEST = 256, /* px: so wide a picture is made of another at the most */
};
static const double DARKEST = 0.9; /* of the ink is no darker than its peak */
static const double THIN = 1.5;    /* px; thinner strokes are thickened */
static const double WIDTH = 2;     /* to that */

/* What a px of the smaller picture takes of a row or a column: px `first` up to `end` with the weight `inner`,
   and a part of the one before and of the one behind. */
typedef struct {
    int first, end;
    float before, inner, behind;
} Cell;

static void cells_of(int from, int to, Cell *cells) {
    double scale = 1 / (to / (double)from);
    for (int at = 0; at < to; at++) {
        double start = at * scale, end = start + scale, width = fmin(scale, from - start);
        int last = min((int)floor(end), from - 1), first = min((int)ceil(start), last);
        double behind = end - last > 1e-3 ? fmin(fmin(end - last, 1), width) / width : 0;
        cells[at] = (Cell){first, last, first - start > 1e-3 ? (first - start) / width : 0, 1 / width, behind};
    }
}

static void add_row(const u8 *row, float share, const Cell *cells, int columns, float *sums) {
    for (int x = 0; x < columns; x++) {
        Cell cell = cells[x];
        float sum = 0;
        if (cell.before > 0) sum += row[cell.first - 1] * cell.before;
        for (int at = cell.first; at < cell.end; at++) sum += row[at] * cell.inner;
        if (cell.behind > 0) sum += row[cell.end] * cell.behind;
        sums[x] += share * sum;
    }
}

/* By whole factors, each px is the mean of those that it covers. */
static void reduce_wholly(const u8 *plane, int width, int down, int across, u8 *small, int rows, int columns) {
    float share = 1.f / (down * across);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            int sum = 0;
            for (int row = 0; row < down; row++)
                for (int at = 0; at < across; at++) sum += plane[(y * down + row) * width + x * across + at];
            small[y * columns + x] = down == 2 && across == 2 ? (sum + 2) >> 2 : (int)rintf(sum * share);
        }
}

static void reduce(const u8 *plane, int height, int width, u8 *small, int rows, int columns) {
    Cell along[WIDEST], down[WIDEST];
    if (height % rows == 0 && width % columns == 0) {
        reduce_wholly(plane, width, height / rows, width / columns, small, rows, columns);
        return;
    }
    cells_of(width, columns, along), cells_of(height, rows, down);
    for (int y = 0; y < rows; y++) {
        float sums[WIDEST] = {0};
        Cell cell = down[y];
        if (cell.before > 0) add_row(plane + (cell.first - 1) * width, cell.before, along, columns, sums);
        for (int at = cell.first; at < cell.end; at++) add_row(plane + at * width, cell.inner, along, columns, sums);
        if (cell.behind > 0) add_row(plane + cell.end * width, cell.behind, along, columns, sums);
        for (int x = 0; x < columns; x++) small[y * columns + x] = (int)fminf(255, rintf(sums[x]));
    }
}

/* Where a px of the larger picture lies between two of a row or a column, and what it takes of each in 2048ths. */
typedef struct {
    int one, other, share, rest;
} Between;

static void places_of(int from, int to, int at_ends, Between *places) {
    double scale = 1 / (to / (double)from);
    for (int at = 0; at < to; at++) {
        float place = (float)((at + 0.5) * scale - 0.5);
        int one = (int)floorf(place);
        place -= one;
        if (at_ends && (one < 0 || one >= from - 1)) place = 0;
        int share = (int)rintf((1 - place) * 2048), rest = (int)rintf(place * 2048);
        places[at] = (Between){min(max(one, 0), from - 1), min(max(one + 1, 0), from - 1), share, rest};
    }
}

static void enlarge(const u8 *plane, int height, int width, u8 *large, int rows, int columns) {
    Between along[WIDEST], down[WIDEST];
    places_of(width, columns, 1, along), places_of(height, rows, 0, down);
    for (int y = 0; y < rows; y++) {
        Between place = down[y];
        const u8 *one = plane + place.one * width, *other = plane + place.other * width;
        for (int x = 0; x < columns; x++) {
            Between at = along[x];
            int upper = one[at.one] * at.share + one[at.other] * at.rest;
            int lower = other[at.one] * at.share + other[at.other] * at.rest;
            int sum = ((place.share * (upper >> 4)) >> 16) + ((place.rest * (lower >> 4)) >> 16);
            large[y * columns + x] = (sum + 2) >> 2;
        }
    }
}

/* Enlarge a picture, or reduce it by area, to at most WIDEST: `scaled` in ink.py. The new one is written to
   `to`, and its size to `rows` and `columns`. */
void scaled(const u8 *plane, int height, int width, double scale, u8 *to, int *rows, int *columns) {
    *rows = max(1, rounded(height * scale)), *columns = max(1, rounded(width * scale));
    if (*rows == height && *columns == width) memcpy(to, plane, height * width);
    else if (scale < 1) reduce(plane, height, width, to, *rows, *columns);
    else enlarge(plane, height, width, to, *rows, *columns);
}

/* Thicken strokes of a fine picture by `reach` px on all sides, by a round nib. `wide` gets what is as much
   larger on each side. */
static void thicken(const u8 *fine, int height, int width, int reach, u8 *wide) {
    int columns = width + 2 * reach;
    memset(wide, 0, (height + 2 * reach) * columns);
    for (int down = -reach; down <= reach; down++) {
        int across = rounded(reach * sqrt((reach * reach - down * down) * (1.0 / (reach * reach))));
        for (int y = 0; y < height; y++)
            for (int along = -across; along <= across; along++) {
                u8 *to = wide + (y + reach + down) * columns + reach + along;
                const u8 *from = fine + y * width;
                for (int x = 0; x < width; x++) to[x] = to[x] > from[x] ? to[x] : from[x];
            }
    }
}

/* Stretch pale ink to the full range: what a tenth of it exceeds becomes 255. */
static void stretch(u8 *glyph, int size) {
    int counts[256] = {0}, inked = 0, bright = 0;
    for (int i = 0; i < size; i++) counts[glyph[i]]++;
    for (int level = 1; level < 256; level++) inked += counts[level], bright += level >= PALE ? counts[level] : 0;
    if (!inked || inked - bright < ceil(DARKEST * inked)) return;
    counts[0] = 0;
    float scale = 255.0 / quantile(counts, DARKEST);
    for (int i = 0; i < size; i++) glyph[i] = (int)fminf(255, rintf(glyph[i] * scale));
}

/* Where something of some length begins in 28 px if its middle is in theirs. */
static int offset(double middle, int length) { return min(max(rounded(SIDE / 2 - middle), 0), SIDE - length); }

/* The column and the row of 28x28 at which a glyph begins if its mass is in the middle; false if it has none. */
static int place_of(const u8 *glyph, int height, int width, int step, int *left, int *top) {
    int64_t mass = 0, across = 0, down = 0;
    for (int y = 0; y < height; y++) {
        int sum = 0, moment = 0;
        for (int x = 0; x < width; x++) sum += glyph[y * step + x], moment += x * glyph[y * step + x];
        mass += sum, across += moment, down += y * (int64_t)sum;
    }
    if (!mass) return 0;
    *left = offset(across / (double)mass, width), *top = offset(down / (double)mass, height);
    return 1;
}

/* Whether an ink plane is already what `picture_of` makes; specks and all, it is then left as it is. Without that,
   2 % of MNIST would lose a speck, and be scaled and moved for it. */
EXPORT int is_prepared(const u8 *ink, int height, int width) {
    int left = SIDE, right = -1, top = SIDE, bottom = -1, x, y;
    if (height != SIDE || width != SIDE) return 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        if (ink[i]) {
            left = min(left, i % SIDE), right = max(right, i % SIDE);
            top = min(top, i / SIDE), bottom = max(bottom, i / SIDE);
        }
    int columns = right - left + 1, rows = bottom - top + 1;
    return max(columns, rows) == BOX && place_of(ink + top * SIDE + left, rows, columns, SIDE, &x, &y) &&
           x == left && y == top;
}

/* Make the model's picture of a digit's box: scale it, thicken strokes that are too thin for MNIST, stretch pale
   ink, and paste it into 28x28. */
EXPORT void picture_of(const u8 *glyph, int height, int width, u8 *picture) {
    u8 small[FINE_SIDE * FINE_SIDE], fine[FINE_SIDE * FINE_SIDE], wide[FINE_SIDE * FINE_SIDE];
    int rows, columns, left, top;
    double ink = 0, scale = BOX / (double)max(height, width);
    for (int i = 0; i < height * width; i++) ink += glyph[i];
    double stroke = 2 * ink / fmax(1, variation(glyph, height, width)) * scale;
    if (stroke >= THIN) scaled(glyph, height, width, scale, small, &rows, &columns);
    else {
        int reach = max(1, rounded(FINE * (WIDTH - stroke) / 2));
        scaled(glyph, height, width, (FINE_SIDE - 2 * reach) / (double)max(height, width), fine, &rows, &columns);
        thicken(fine, rows, columns, reach, wide);
        rows += 2 * reach, columns += 2 * reach;
        scaled(wide, rows, columns, BOX / (double)max(rows, columns), small, &rows, &columns);
    }
    stretch(small, rows * columns);
    memset(picture, 0, SIDE * SIDE);
    if (place_of(small, rows, columns, columns, &left, &top))
        for (int y = 0; y < rows; y++) memcpy(picture + (top + y) * SIDE + left, small + y * columns, columns);
}

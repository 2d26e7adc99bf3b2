/* The short way for easy scans: one dark piece of writing, on paper that is bare or evenly noisy.

   Steps that the long way also has are named as they are in frames.py, strokes.py and preprocess.py, hold to
   the same numbers, and are explained there. Knows nothing of files, sizes to fit, or which digit it is. */

#include "planes.h"

/* Which of the checks that need more than a glance the caller has still to make: that no seam between two
   papers, no faint rule and no rule runs through the scan. */
enum { SEAM = 1, FAINT_RULES = 2, RULES = 4 };

typedef struct {
    int32_t checks;
    int32_t prepared;       /* whether the plane is a 28x28 already */
    int32_t height, width;  /* of the plane */
    Box box;                /* of the digit's ink */
    int32_t dark;           /* a tenth of the digit's ink exceeds this level */
    int32_t weak;           /* ink is at least that dark */
    int32_t steepest;       /* slope of the digit's ink, levels a px; of small digits 0 */
    double ink;             /* of the glyph, in levels times px */
    double variation;       /* of the glyph, in levels times px */
} Digit;

enum { SIDE = 28, BOX = 20, TINY_SIDE = 40, FLAT = 4, UNEVEN = 5 };
enum { SMALLEST_FRAME = 18, LEAST_SIDE = 6, PALEST = 20, CLEAR = 3, LARGE = 33 };

/* What lies within some px of a box. */
static Box around(Box box, int margin, int height, int width) {
    int x = max(0, box.x - margin), y = max(0, box.y - margin);
    return (Box){x, y, min(width, box.x + box.width + margin) - x, min(height, box.y + box.height + margin) - y};
}

/* Whether ink of a box's size runs along all of its sides, but where the picture ends. */
static int may_be_frame(const u8 *mask, int height, int width, Box box) {
    if (box.height < 0.3 * height || box.width < 0.3 * width) return 0;
    if (box.height < SMALLEST_FRAME || box.width < SMALLEST_FRAME) return 0;
    int band = max(2, rounded(0.16 * min(box.width, box.height)));
    int right = box.x + box.width, bottom = box.y + box.height, covered[4] = {0};
    for (int x = box.x; x < right; x++) {
        int above = 0, below = 0;
        for (int y = 0; y < band && box.y + y < height; y++) above |= mask[(box.y + y) * width + x];
        for (int y = max(0, bottom - band); y < bottom; y++) below |= mask[y * width + x];
        covered[0] += above, covered[1] += below;
    }
    for (int y = box.y; y < bottom; y++) {
        int before = 0, after = 0;
        for (int x = 0; x < band && box.x + x < width; x++) before |= mask[y * width + box.x + x];
        for (int x = max(0, right - band); x < right; x++) after |= mask[y * width + x];
        covered[2] += before, covered[3] += after;
    }
    return (box.y == 0 || covered[0] >= 0.85 * box.width) && (bottom == height || covered[1] >= 0.85 * box.width) &&
           (box.x == 0 || covered[2] >= 0.85 * box.height) && (right == width || covered[3] >= 0.85 * box.height);
}

/* The place at which something begins if its middle is that of 28 px. */
static int offset(double middle, int length) { return min(max(rounded(SIDE / 2 - middle), 0), SIDE - length); }

static void place(const u8 *plane, int width, Box box, int *x, int *y) {
    double mass = 0, across = 0, down = 0;
    for (int v = 0; v < box.height; v++)
        for (int u = 0; u < box.width; u++) {
            int level = plane[(box.y + v) * width + box.x + u];
            mass += level, across += u * level, down += v * level;
        }
    *x = offset(across / mass, box.width), *y = offset(down / mass, box.height);
}

static int is_prepared(const u8 *ink, int height, int width) {
    if (height != SIDE || width != SIDE) return 0;
    int left = SIDE, right = 0, top = SIDE, bottom = 0, x, y;
    for (int i = 0; i < SIDE * SIDE; i++)
        if (ink[i]) {
            left = min(left, i % SIDE), right = max(right, i % SIDE);
            top = min(top, i / SIDE), bottom = max(bottom, i / SIDE);
        }
    Box box = {left, top, right - left + 1, bottom - top + 1};
    if (max(box.width, box.height) != BOX) return 0;
    place(ink, SIDE, box, &x, &y);
    return box.x == x && box.y == y;
}

/* Whether the only piece of ink in a plane plainly is a digit; its box is cut out into `glyph`. `work` has
   room for 12 planes, since a run begins at every second px at most. */
static int find(const u8 *ink, int noisy, u8 *glyph, Digit *found, u8 *work) {
    int height = found->height, width = found->width, size = height * width, area = 0, seed = 0;
    int side = min(max(height, width), 3 * min(height, width)), counts[256] = {0};
    u8 *mask = work, *piece = work + size, *near = work + 2 * size, *spare = work + 3 * size;
    Run *runs = (Run *)(work + 4 * size);
    Box box;

    Levels told = levels(ink, height, width, noisy ? UNEVEN : 1, work);
    if (noisy ? 3 * told.floor > told.strong / 2 : told.floor > 0) return 0;
    for (int i = 0; i < size; i++) area += mask[i] = ink[i] >= told.weak;
    while (seed < size && ink[seed] <= told.strong) seed++;
    if (seed == size) return 0;
    int many = runs_of(mask, height, width, runs), held = 0;
    while (runs[held].row * width + runs[held].end <= seed) held++;
    held = piece_of(runs, held);
    int own = measured(runs, many, held, &box);
    memset(piece, 0, size);
    for (int at = held; at < many; at++) {
        Run run = runs[at];
        if (piece_of(runs, at) == held) memset(piece + run.row * width + run.first, 1, run.end - run.first);
    }
    if (area - own > (noisy ? 0.1 * own : 0)) return 0;
    int others = 0;
    for (int i = 0; i < size; i++) others |= (ink[i] > told.strong) & !piece[i];
    if (others) return 0;

    int longer = max(box.width, box.height), inner = 0;
    if (box.width > box.height || longer < fmax(LEAST_SIDE, 0.25 * side)) return 0;
    if (box.width < 0.05 * box.height || may_be_frame(piece, height, width, box)) return 0;
    for (int y = box.y; y < box.y + box.height; y++) {
        int outside = y < height / 6 || y >= height - height / 6;
        for (int x = box.x; x < box.x + box.width; x++)
            if (piece[y * width + x]) {
                counts[ink[y * width + x]]++;
                inner += !outside && x >= width / 6 && x < width - width / 6;
            }
    }
    double inside = inner / (double)own;
    int dark = quantile(counts, 0.9);
    if (dark <= told.strong || inside < 0.2 || dark < max(PALEST, CLEAR * told.weak)) return 0;

    memcpy(near, piece, size);
    grow(near, height, width, spare);
    Box reach = around(box, 1, height, width);
    for (int y = 0; y < reach.height; y++)
        for (int x = 0; x < reach.width; x++) {
            int at = (reach.y + y) * width + reach.x + x;
            spare[y * reach.width + x] = near[at] ? ink[at] : 0;
        }
    if (variation(spare, reach.height, reach.width) > 5.0 * 2 * dark * longer) return 0;
    double needed = 1.53 - 0.5 * dark / 255 - 0.65 * inside - 0.45;
    const double plain = 0.45; /* one piece of ink on bare paper always explains more of the variance */
    /* A disc within the strokes is no larger than all of them. */
    if (needed + 2.0 * (1 + 1.1 * sqrt(own / 3.14)) / side > plain)
        needed += 2.0 * half_width(piece, width, box) / side;
    Box apart = around(box, max(2, rounded(0.04 * longer)), height, width);
    if (needed > plain && separability(ink, width, apart) < needed) return 0;

    found->ink = 0;
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) {
            int at = (box.y + y) * width + box.x + x;
            u8 level = near[at] ? max(ink[at], told.floor) - told.floor : 0;
            glyph[y * box.width + x] = level;
            found->ink += level;
        }
    found->variation = variation(glyph, box.height, box.width);
    found->box = box, found->dark = dark, found->weak = told.weak;
    found->prepared = is_prepared(ink, height, width);
    found->steepest = longer < LARGE ? 0 : steepest(ink, width, around(box, 2, height, width));
    if (may_hold_faint_rules(ink, height, width)) found->checks |= FAINT_RULES;
    if (may_hold_rules(piece, height, width, box, spare, runs)) found->checks |= RULES;
    return 1;
}

/* Whether a scan is flat paper of its corner's level, but for what may be a digit that touches the border. */
EXPORT int on_bare_paper(const u8 *scan, int height, int width) {
    int paper = scan[0], size = height * width, ends[4] = {0}, near = 0;
    for (int x = 0; x < width; x++) {
        ends[0] += scan[x] != paper;
        ends[1] += scan[size - width + x] != paper;
    }
    double most = (1 - 0.85) * (2 * width + 2 * max(0, height - 2));
    if (ends[0] > most) return 0;
    for (int y = 1; y < height - 1; y++) {
        ends[2] += scan[y * width] != paper;
        ends[3] += scan[y * width + width - 1] != paper;
    }
    if (ends[0] + ends[1] + ends[2] + ends[3] > most) return 0;
    for (int i = 0; i < size; i++) near += abs(scan[i] - paper) <= FLAT;
    return near >= 0.5 * size;
}

/* Find the digit on bare paper. The scan is at most LARGEST px long; `ink` and `glyph` have its size. Returns
   whether there plainly is one. */
EXPORT int digit_on_bare_paper(const u8 *scan, int height, int width, u8 *ink, u8 *glyph, Digit *found) {
    int size = height * width, paper = scan[0], ends[4] = {0};
    ink_on_flat_paper(scan, size, paper, ink);
    for (int x = 0; x < width; x++) ends[0] += scan[x] != paper, ends[1] += scan[size - width + x] != paper;
    for (int y = 1; y < height - 1; y++)
        ends[2] += scan[y * width] != paper, ends[3] += scan[y * width + width - 1] != paper;
    *found = (Digit){.height = height, .width = width};
    /* A seam may be only where ink touches two ends that face each other. */
    if (min(ends[0], ends[1]) + min(ends[2], ends[3]) > 0) found->checks |= SEAM;
    u8 *work = malloc(12 * size + 4096);
    int is = work && find(ink, 0, glyph, found, work);
    free(work);
    return is;
}

/* Reduce a scan by a whole factor, each px the mean of what it covers. */
static void reduced(const u8 *scan, int width, int factor, u8 *small, int rows, int columns) {
    int sums[LARGEST], area = factor * factor;
    if (factor == 1) {
        memcpy(small, scan, rows * columns);
        return;
    }
    for (int row = 0; row < rows; row++) {
        memset(sums, 0, sizeof sums);
        for (int y = 0; y < factor; y++) {
            const u8 *line = scan + (row * factor + y) * width;
            if (factor == 2)
                for (int x = 0; x < columns; x++) sums[x] += line[2 * x] + line[2 * x + 1];
            else
                for (int x = 0; x < columns; x++)
                    for (int i = 0; i < factor; i++) sums[x] += line[x * factor + i];
        }
        for (int x = 0; x < columns; x++) small[row * columns + x] = (sums[x] + area / 2) / area;
    }
}

/* The brightness of paper: a plane through its levels, by least squares. */
typedef struct {
    double level, down, across; /* at the first px, and what a px adds */
} Paper;

enum { CELLS = 28, STRAYS = 12, DARKEST_PAPER = 64 };

/* Fit the paper to the marked ones of the cells; returns whether they tell. */
static int fit(const float cells[CELLS][CELLS], u8 marked[CELLS][CELLS], int rows, int columns, Paper *paper) {
    double n = 0, y = 0, x = 0, yy = 0, xx = 0, xy = 0, v = 0, vy = 0, vx = 0;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            if (marked[row][column]) {
                double level = cells[row][column];
                n++, y += row, x += column, yy += row * row, xx += column * column, xy += row * column;
                v += level, vy += level * row, vx += level * column;
            }
    if (n < 3) return 0;
    yy -= y * y / n, xx -= x * x / n, xy -= x * y / n, vy -= v * y / n, vx -= v * x / n;
    double all = yy * xx - xy * xy;
    if (all <= 0) return 0;
    paper->down = (vy * xx - vx * xy) / all, paper->across = (vx * yy - vy * xy) / all;
    paper->level = (v - paper->down * y - paper->across * x) / n;
    return 1;
}

/* Find evenly lit paper, and on it the ink; returns whether it is plain. */
static int on_even_paper(const u8 *scan, int height, int width, u8 *ink) {
    float cells[CELLS][CELLS] = {{0}};
    u8 marked[CELLS][CELLS];
    int cell = (max(height, width) + CELLS - 1) / CELLS, rows = height / cell, columns = width / cell, ring = 0, kept = 0;
    for (int y = 0; y < rows * cell; y++)
        for (int x = 0; x < columns; x++) {
            int sum = 0;
            for (int i = 0; i < cell; i++) sum += scan[y * width + x * cell + i];
            cells[y / cell][x] += sum;
        }
    Paper paper;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            cells[row][column] /= cell * cell;
            marked[row][column] = row == 0 || row == rows - 1 || column == 0 || column == columns - 1;
            ring += marked[row][column];
        }
    int paler = 0, darker = 0, outer = 0;
    double strays = 0;
    for (int turn = 0; turn < 3; turn++) {
        if (!fit(cells, marked, rows, columns, &paper)) return 0;
        paler = darker = kept = outer = 0, strays = 0;
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++) {
                double more = cells[row][column] - paper.level - paper.down * row - paper.across * column;
                int near = fabs(more) <= STRAYS;
                marked[row][column] = near;
                kept += near;
                outer += near && (row == 0 || row == rows - 1 || column == 0 || column == columns - 1);
                if (near) strays += more * more;
                else if (more > 0) paler += (int)more;
                else darker -= (int)more;
            }
    }
    if (kept < 0.5 * rows * columns || outer < 0.9 * ring || strays > 9.0 * kept) return 0;
    if (min(paler, darker) > 0.02 * max(paler, darker)) return 0;
    int light = paler > darker;
    float down = paper.down / cell, across = paper.across / cell;
    float first = paper.level - (down + across) * (cell - 1) / 2;
    if (light) first = 255 - first, down = -down, across = -across;
    float darkest = first + fminf(0, down * height) + fminf(0, across * width);
    if (darkest < DARKEST_PAPER) return 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float there = light ? 255 - scan[y * width + x] : scan[y * width + x];
            float relative = there * 255 / (first + down * y + across * x) + 0.5f;
            ink[y * width + x] = 255 - (u8)fminf(255, relative);
        }
    return 1;
}

/* Find the digit on evenly lit paper with noise. `ink` and `glyph` have room for LARGEST x LARGEST. Returns
   whether there plainly is one. */
EXPORT int digit_on_noisy_paper(const u8 *scan, int height, int width, u8 *ink, u8 *glyph, Digit *found) {
    enum { SHORTEST = 24 }; /* on fewer px the paper does not show */
    int factor = (max(height, width) + LARGEST - 1) / LARGEST, rows = height / factor, columns = width / factor;
    if (min(rows, columns) < SHORTEST || max(rows, columns) <= TINY_SIDE) return 0;
    if (max(rows, columns) > 3 * min(rows, columns)) return 0;
    int size = rows * columns;
    *found = (Digit){.height = rows, .width = columns};
    u8 *work = malloc(12 * size + 4096);
    if (!work) return 0;
    reduced(scan, width, factor, work, rows, columns);
    int is = on_even_paper(work, rows, columns, ink) && find(ink, 1, glyph, found, work);
    free(work);
    return is;
}

/* Lines that were there before anybody wrote, as rules.py has them: whether there may be any. */

#include "planes.h"

enum { PARTS = 6, HINT = 2, FAINTEST_LINE = 4, GRID = 3, SMALLEST = 24 };
static const double TILT = 0.01;

/* Exchange rows and columns, in squares that the cache holds. */
static void turn(const u8 *plane, int height, int width, u8 *turned) {
    enum { SQUARE = 16 };
    for (int top = 0; top < height; top += SQUARE)
        for (int left = 0; left < width; left += SQUARE)
            for (int x = left; x < min(width, left + SQUARE); x++)
                for (int y = top; y < min(height, top + SQUARE); y++) turned[x * height + y] = plane[y * width + x];
}

/* The median of levels that lie `step` apart, the upper one of two. */
static int median(const u8 *values, int size, int step) {
    enum { FEW = 32 }; /* are sorted sooner than counted */
    if (size > FEW) {
        int counts[256] = {0}, level = 0;
        for (int i = 0; i < size; i++) counts[values[i * step]]++;
        for (int seen = counts[0]; seen <= size / 2; seen += counts[++level]);
        return level;
    }
    u8 few[FEW];
    for (int i = 0; i < size; i++) {
        u8 value = values[i * step];
        int at = i;
        for (; at && few[at - 1] > value; at--) few[at] = few[at - 1];
        few[at] = value;
    }
    return few[size / 2];
}

/* Where a part of a row begins. */
static int edge_of(int part, int length) { return rounded(part * (double)length / PARTS); }

/* The most in a part of the rows near one. */
static int nearby(u8 (*values)[PARTS], int rows, int row, int reach, int part) {
    int most = 0;
    for (int near = max(0, row - reach); near <= min(rows - 1, row + reach); near++)
        most = max(most, values[near][part]);
    return most;
}

/* Whether a faint line may run upright through some columns of a plane, here called rows. */
static int may_hold_faint_lines(const u8 *ink, int length, int rows) {
    typedef u8 Parts[PARTS];
    int reach = max(1, rounded(TILT * length)), paper[PARTS], promising = 0, lines = 0, counts[256] = {0};
    /* The mean and the median ink in each part of each row, which rows may hold a line, and how dark it is. */
    u8 *room = calloc(rows, sizeof(int) + 2 * PARTS + 3);
    if (!room) return 1;
    int *sums = (int *)room;
    Parts *means = (Parts *)(sums + rows), *usual = means + rows;
    u8 *held = (u8 *)(usual + rows), *through = held + rows, *sampled = through + rows;
    for (int part = 0; part < PARTS; part++) {
        int from = part * length, to = from + length; /* in sixths of a px */
        memset(sums, 0, rows * sizeof *sums);
        for (int i = from / PARTS; i * PARTS < to; i++) {
            int share = min(to, (i + 1) * PARTS) - max(from, i * PARTS);
            for (int row = 0; row < rows; row++) sums[row] += share * ink[i * rows + row];
        }
        for (int row = 0; row < rows; row++) means[row][part] = (2 * sums[row] + length) / (2 * length);
        paper[part] = median(&means[0][part], rows, PARTS);
    }
    for (int row = 0; row < rows; row++) {
        held[row] = 1;
        for (int part = 0; part < PARTS; part++)
            held[row] &= nearby(means, rows, row, reach, part) >= paper[part] + HINT;
        promising |= held[row];
    }
    for (int part = 0; part < PARTS && promising; part++) {
        int first = edge_of(part, length), size = edge_of(part + 1, length) - first, samples = 0;
        for (int row = 0; row < rows; row += max(1, rows / 40))
            sampled[samples++] = median(ink + first * rows + row, size, rows);
        int bare = median(sampled, samples, 1);
        for (int row = 0; row < rows; row++)
            if (held[row]) usual[row][part] = max(0, median(ink + first * rows + row, size, rows) - bare);
    }
    for (int row = 0; row < rows && promising; row++) {
        u8 levels[PARTS];
        for (int part = 0; part < PARTS; part++) {
            int most = nearby(usual, rows, row, reach, part), at = part;
            for (; at && levels[at - 1] > most; at--) levels[at] = levels[at - 1];
            levels[at] = most;
        }
        int even = levels[0] >= FAINTEST_LINE && levels[PARTS / 3] <= 1.4 * levels[0] + 1;
        through[row] = even ? levels[0] : 0;
        lines += even && (row == 0 || !through[row - 1]);
        for (int i = 0; i < length && !even; i++) counts[ink[i * rows + row]]++;
    }
    double most = 0.5 * quantile(counts, 0.98);
    int faint = lines >= GRID;
    for (int row = 0; row < rows && lines; row++) faint |= through[row] && through[row] <= most;
    free(room);
    return faint;
}

/* Whether `without_faint_rules` may take something out of an ink plane; where not, it does not. */
EXPORT int may_hold_faint_rules(const u8 *ink, int height, int width) {
    int most = 0;
    if (min(height, width) < 3 * PARTS) return 0;
    for (int i = 0; i < 2 * width; i++) most = max(most, max(ink[i], ink[height * width - 1 - i]));
    for (int y = 0; y < height; y++) {
        const u8 *row = ink + y * width;
        most = max(most, max(max(row[0], row[1]), max(row[width - 2], row[width - 1])));
    }
    if (most < FAINTEST_LINE) return 0;
    if (may_hold_faint_lines(ink, height, width)) return 1;
    u8 *turned = malloc((size_t)height * width);
    if (turned) turn(ink, height, width, turned);
    int level = !turned || may_hold_faint_lines(turned, width, height);
    free(turned);
    return level;
}

/* Whether something runs level through a mask, as straight and thin as a rule. */
static int has_line(const u8 *mask, int height, int width, Run *runs) {
    int tilt = max(1, rounded(TILT * width)), needed = rounded(0.6 * width), many = 0, above = 0;
    u8 thick[LARGEST];
    for (int row = 0; row < height; row++) {
        memset(thick, 0, width);
        for (int near = max(0, row - tilt); near <= min(height - 1, row + tilt); near++)
            for (int x = 0; x < width; x++) thick[x] |= mask[near * width + x];
        for (int x = 0, first = 0; x <= width; x++)
            if (x == width || !thick[x]) {
                /* A run goes on beyond the border. */
                int beyond = (first == 0) + (x == width);
                if (x > first && x - first + beyond * (needed / 2) >= needed) {
                    runs[many] = (Run){row, first, x, many};
                    join(runs, many++, &above);
                }
                first = x + 1;
            }
    }
    for (int at = 0; at < many; at++)
        if (runs[at].piece == at) {
            Box box;
            int area = measured(runs, many, at, &box);
            double middle = box.y + box.height / 2.0;
            double margin = middle < 0.15 * height || middle > 0.85 * height ? 0.15 * width : 0;
            int through = box.x <= margin && box.x + box.width >= width - margin;
            if (through && area / (double)box.width <= 2 * tilt + fmax(2, 0.05 * max(height, width))) return 1;
        }
    return 0;
}

/* The same for what runs upright. */
static int has_upright_line(const u8 *mask, int height, int width, u8 *turned, Run *runs) {
    u8 lengths[LARGEST] = {0}, thick[LARGEST];
    int tilt = max(1, rounded(TILT * height)), longest = 0, ends = 0;
    for (int row = 0; row < height; row++) {
        const u8 *line = mask + row * width;
        memcpy(thick, line, width);
        for (int near = 1; near <= tilt && near < width; near++) {
            for (int x = near; x < width; x++) thick[x] |= line[x - near];
            for (int x = near; x < width; x++) thick[x - near] |= line[x];
        }
        for (int x = 0; x < width; x++) lengths[x] = (lengths[x] + 1) & -thick[x];
        for (int x = 0; x < width; x++) longest = max(longest, lengths[x]);
    }
    for (int x = 0; x < width; x++) ends |= mask[x] | mask[(height - 1) * width + x];
    if (!ends && longest < rounded(0.6 * height)) return 0;
    turn(mask, height, width, turned);
    return has_line(turned, width, height, runs);
}

/* Whether ink comes so near to both ends of a side that a rule may run through there. */
static int is_through(int start, int extent, int length) {
    return start <= 0.15 * length && start + extent >= length - 0.15 * length;
}

/* Whether `without_rules` may take something out of a mask with ink in a box. `turned` holds a plane. */
int may_hold_rules(const u8 *mask, int height, int width, Box ink, u8 *turned, Run *runs) {
    if (min(height, width) < SMALLEST) return 0;
    return (is_through(ink.x, ink.width, width) && has_line(mask, height, width, runs)) ||
           (is_through(ink.y, ink.height, height) && has_upright_line(mask, height, width, turned, runs));
}

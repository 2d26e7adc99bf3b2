/* The short way for easy scans: one dark piece of writing, on paper that is bare or evenly noisy.

   Pixels are unsigned bytes in planes [height, width] without gaps between rows. Steps that the long way
   also has are named as they are in ink.py, rules.py, frames.py, strokes.py and quality.py, hold to the
   same numbers, and are explained there. Knows nothing of files, sizes to fit, or which digit it looks at. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef uint8_t u8;
typedef struct {
    int x, y, width, height;
} Box;

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

enum { LARGEST = 192, SIDE = 28, BOX = 20 };
enum { FAINTEST = 10, TRACE = 16, TINY_SIDE = 40, FLAT = 4, LEAST_RANGE = 45 };
enum { PARTS = 6, HINT = 2, FAINTEST_RULE = 4, SMALLEST_RULED = 24, SMALLEST_FRAME = 18 };
enum { LEAST_SIDE = 6, PALEST = 20, CLEAR = 3, LARGE = 33, NEVER = 1 << 30 };

static int max(int a, int b) { return a > b ? a : b; }
static int min(int a, int b) { return a < b ? a : b; }

/* Python's round(): halves to even. */
static int rounded(double value) { return (int)nearbyint(value); }

/* The least level that `share` of the counted levels do not exceed, at least one of them; 0 if there are none. */
static int quantile(const int counts[256], double share) {
    int all = 0, seen = 0;
    for (int level = 0; level < 256; level++) all += counts[level];
    double place = fmax(1, ceil(share * all));
    for (int level = 0; level < 256 && all; level++)
        if ((seen += counts[level]) >= place) return level;
    return 0;
}

static void count(const u8 *values, int size, int counts[256]) {
    int parts[4][256] = {{0}};
    int at = 0;
    for (; at + 4 <= size; at += 4)
        for (int part = 0; part < 4; part++) parts[part][values[at + part]]++;
    for (; at < size; at++) parts[0][values[at]]++;
    for (int level = 0; level < 256; level++)
        counts[level] = parts[0][level] + parts[1][level] + parts[2][level] + parts[3][level];
}

/* The level between two classes, by Otsu (1979), with OpenCV's arithmetic. */
static int otsu(const int counts[256], int size) {
    double scale = 1.0 / size, mean = 0, lower = 0, share = 0, best = 0;
    int level = 0;
    for (int i = 0; i < 256; i++) mean += i * (double)counts[i];
    mean *= scale;
    for (int i = 0; i < 256; i++) {
        double part = counts[i] * scale;
        lower *= share;
        share += part;
        double rest = 1 - share;
        if (fmin(share, rest) < 1.1920929e-07 || fmax(share, rest) > 1 - 1.1920929e-07) continue;
        lower = (lower + i * part) / share;
        double upper = (mean - share * lower) / rest;
        double between = share * rest * (lower - upper) * (lower - upper);
        if (between > best) best = between, level = i;
    }
    return level;
}

/* Grow a mask by one px on all sides, within the plane. */
static void dilate(const u8 *mask, int height, int width, u8 *wide) {
    u8 row[LARGEST + 2] = {0};
    for (int y = 0; y < height; y++) {
        const u8 *here = mask + y * width, *above = y ? here - width : here;
        const u8 *below = y + 1 < height ? here + width : here;
        for (int x = 0; x < width; x++) row[x + 1] = here[x] | above[x] | below[x];
        row[width + 1] = 0;
        for (int x = 0; x < width; x++) wide[y * width + x] = row[x] | row[x + 1] | row[x + 2];
    }
}

typedef struct {
    int floor, weak, strong;
} Levels;

/* What tells ink from paper. `work` holds two planes. */
static Levels levels_of(const u8 *ink, int height, int width, int least, u8 *work) {
    int size = height * width, counts[256], rest[256], surely = 0, traces = 0;
    u8 *above = work, *sure = work + size;
    count(ink, size, counts);
    int level = otsu(counts, size);
    for (int i = 0; i < size; i++) above[i] = ink[i] > level;
    dilate(above, height, width, sure);
    for (int i = 0; i < size; i++) surely += sure[i];
    /* The paper's levels: all but those that are surely ink, which are many times fewer. */
    memcpy(rest, counts, sizeof rest);
    for (int i = 0; i < size; i++)
        if (sure[i]) rest[ink[i]]--;
    Levels found = {quantile(rest, 0.9), 0, max(level, FAINTEST)};
    for (int i = 1; i <= TRACE; i++) traces += counts[i];
    if (max(height, width) > TINY_SIDE && traces > 0.2 * surely) least = TRACE;
    found.weak = min(max(3 * found.floor, least), max(1, found.strong / 2));
    return found;
}

/* What is inked of a row without a gap, and the first such run of the piece that it belongs to. */
typedef struct {
    int row, first, end, piece;
} Run;

static int piece_of(const Run *runs, int at) {
    while (runs[at].piece != at) at = runs[at].piece;
    return at;
}

/* Join a run that follows all others to those of the row above that it touches, 8-connected. `above` is the
   first run that may be one, and is moved on. */
static void join(Run *runs, int last, int *above) {
    Run run = runs[last];
    while (*above < last && (runs[*above].row < run.row - 1 || (runs[*above].row < run.row && runs[*above].end < run.first)))
        ++*above;
    for (int at = *above; at < last && runs[at].row == run.row - 1 && runs[at].first <= run.end; at++) {
        int one = piece_of(runs, at), other = piece_of(runs, last);
        runs[max(one, other)].piece = min(one, other);
    }
}

/* The runs of a mask, joined to pieces. */
static int runs_of(const u8 *mask, int height, int width, Run *runs) {
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
static int measured(const Run *runs, int many, int piece, Box *box) {
    int left = NEVER, right = 0, top = NEVER, bottom = 0, area = 0;
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

/* The median of up to LARGEST levels that lie `step` apart, the upper one of two. */
static int median(const u8 *values, int size, int step) {
    enum { FEW = 32 }; /* are sorted sooner than counted */
    if (size > FEW) {
        u8 counts[256] = {0};
        int level = 0;
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

static int edge_of(int part, int length) { return rounded(part * (double)length / PARTS); }

/* Whether a faint line may run through some rows, or with the strides exchanged through some columns. */
static int may_hold_faint_lines(const u8 *ink, int rows, int length, int down, int along) {
    u8 means[LARGEST][PARTS], usual[LARGEST][PARTS] = {{0}};
    u8 sampled[LARGEST];
    int reach = max(1, rounded(0.01 * length)), paper[PARTS], promising = 0;
    for (int part = 0; part < PARTS; part++) {
        int from = part * length, to = from + length; /* in parts of a px */
        for (int row = 0; row < rows; row++) {
            const u8 *levels = ink + row * down;
            int sum = 0;
            for (int i = from / PARTS; i * PARTS < to; i++)
                sum += levels[i * along] * (min(to, (i + 1) * PARTS) - max(from, i * PARTS));
            means[row][part] = (2 * sum + length) / (2 * length);
        }
        paper[part] = median(&means[0][part], rows, PARTS);
    }
    u8 held[LARGEST];
    for (int row = 0; row < rows; row++) {
        held[row] = 1;
        for (int part = 0; part < PARTS; part++) {
            int most = 0;
            for (int near = max(0, row - reach); near <= min(rows - 1, row + reach); near++)
                most = max(most, means[near][part]);
            held[row] &= most >= paper[part] + HINT;
        }
        promising |= held[row];
    }
    if (!promising) return 0;
    for (int part = 0; part < PARTS; part++) {
        int first = edge_of(part, length), size = edge_of(part + 1, length) - first, samples = 0;
        for (int row = 0; row < rows; row += max(1, rows / 40))
            sampled[samples++] = median(ink + row * down + first * along, size, along);
        int bare = median(sampled, samples, 1);
        for (int row = 0; row < rows; row++)
            if (held[row]) usual[row][part] = max(0, median(ink + row * down + first * along, size, along) - bare);
    }
    u8 through[LARGEST];
    int runs = 0, counts[256] = {0};
    for (int row = 0; row < rows; row++) {
        u8 nearby[PARTS];
        for (int part = 0; part < PARTS; part++) {
            int most = 0, at = part;
            for (int near = max(0, row - reach); near <= min(rows - 1, row + reach); near++)
                most = max(most, usual[near][part]);
            for (; at && nearby[at - 1] > most; at--) nearby[at] = nearby[at - 1];
            nearby[at] = most;
        }
        int even = nearby[0] >= FAINTEST_RULE && nearby[PARTS / 3] <= 1.4 * nearby[0] + 1;
        through[row] = even ? nearby[0] : 0;
        runs += even && (row == 0 || !through[row - 1]);
        for (int i = 0; i < length && !even; i++) counts[ink[row * down + i * along]]++;
    }
    double most = 0.5 * quantile(counts, 0.98);
    int faint = runs >= 3;
    for (int row = 0; row < rows && runs; row++) faint |= through[row] && through[row] <= most;
    return faint;
}

static int may_hold_faint_rules(const u8 *ink, int height, int width) {
    int most = 0;
    if (min(height, width) < 3 * PARTS) return 0;
    for (int i = 0; i < 2 * width; i++) most = max(most, max(ink[i], ink[height * width - 1 - i]));
    for (int y = 0; y < height; y++) {
        const u8 *row = ink + y * width;
        most = max(most, max(max(row[0], row[1]), max(row[width - 2], row[width - 1])));
    }
    return most >= FAINTEST_RULE && (may_hold_faint_lines(ink, height, width, width, 1) ||
                                     may_hold_faint_lines(ink, width, height, 1, width));
}

/* Whether something runs level through a mask, as straight and thin as a rule. */
static int has_line(const u8 *mask, int height, int width, Run *runs) {
    int tilt = max(1, rounded(0.01 * width)), needed = rounded(0.6 * width), many = 0, above = 0;
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
            double margin = width * (middle < 0.15 * height || middle > 0.85 * height ? 0.15 : 0.06);
            int through = box.x <= margin && box.x + box.width >= width - margin;
            if (through && area / (double)box.width <= 2 * tilt + fmax(2, 0.05 * max(height, width))) return 1;
        }
    return 0;
}

/* The same for what runs upright. `turned` holds a plane. */
static int has_upright_line(const u8 *mask, int height, int width, u8 *turned, Run *runs) {
    u8 lengths[LARGEST] = {0}, thick[LARGEST];
    int tilt = max(1, rounded(0.01 * height)), longest = 0, ends = 0;
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
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) turned[x * height + y] = mask[y * width + x];
    return has_line(turned, width, height, runs);
}

static int is_through(int start, int extent, int length) {
    return start <= 0.15 * length && start + extent >= length - 0.15 * length;
}

static int may_hold_rules(const u8 *mask, int height, int width, Box ink, u8 *turned, Run *runs) {
    if (min(height, width) < SMALLEST_RULED) return 0;
    return (is_through(ink.x, ink.width, width) && has_line(mask, height, width, runs)) ||
           (is_through(ink.y, ink.height, height) && has_upright_line(mask, height, width, turned, runs));
}

/* How far the innermost px of the piece is from its edge, by OpenCV's 3x3 distances. */
static double half_width(const u8 *piece, int width, Box box, int *work) {
    enum { STRAIGHT = 62587, DIAGONAL = 89738 }; /* 0.955 and 1.3693 in 16 bits (Borgefors 1986) */
    int wide = box.width + 2, most = 0;
    for (int i = 0; i < wide * (box.height + 2); i++) work[i] = 0;
    for (int y = 0; y < box.height; y++) {
        int *row = work + (y + 1) * wide + 1;
        const u8 *marks = piece + (box.y + y) * width + box.x;
        for (int x = 0; x < box.width; x++)
            row[x] = !marks[x] ? 0
                               : min(min(row[x - 1], row[x - wide]) + STRAIGHT,
                                     min(row[x - wide - 1], row[x - wide + 1]) + DIAGONAL);
    }
    for (int y = box.height - 1; y >= 0; y--) {
        int *row = work + (y + 1) * wide + 1;
        for (int x = box.width - 1; x >= 0; x--) {
            int back = min(min(row[x + 1], row[x + wide]) + STRAIGHT,
                           min(row[x + wide + 1], row[x + wide - 1]) + DIAGONAL);
            row[x] = min(row[x], back);
            most = max(most, row[x]);
        }
    }
    return (float)most / 65536;
}

/* The total variation of a plane on bare paper. */
static double variation(const u8 *plane, int height, int width) {
    u8 above[LARGEST + 3] = {0}, here[LARGEST + 3] = {0};
    float slopes[LARGEST + 4] = {0};
    double sum = 0;
    for (int y = 0; y <= height; y++) {
        if (y < height) memcpy(here + 1, plane + y * width, width);
        else memset(here, 0, sizeof here);
        for (int x = 0; x <= width; x++) {
            int across = above[x + 1] - above[x], down = here[x] - above[x];
            slopes[x] = sqrtf((float)(across * across + down * down));
        }
        float sums[4] = {0};
        for (int x = 0; x <= width; x += 4)
            for (int i = 0; i < 4; i++) sums[i] += slopes[x + i];
        sum += (double)sums[0] + sums[1] + sums[2] + sums[3];
        memcpy(above, here, sizeof here);
    }
    return sum;
}

/* Which share of the variance two classes explain. */
static double separability(const u8 *ink, int width, Box around) {
    int counts[256] = {0}, size = around.width * around.height;
    for (int y = 0; y < around.height; y++)
        for (int x = 0; x < around.width; x++) counts[ink[(around.y + y) * width + around.x + x]]++;
    int level = otsu(counts, size);
    double sum = 0, squares = 0, upper = 0, above = 0;
    for (int i = 0; i < 256; i++) {
        sum += i * (double)counts[i], squares += (double)i * i * counts[i];
        if (i > level) above += counts[i], upper += i * (double)counts[i];
    }
    double mean = sum / size, deviation = sqrt(fmax(0, squares / size - mean * mean)), share = above / size;
    if (share <= 0 || share >= 1 || deviation == 0) return 0;
    return share / (1 - share) * pow((upper / above - mean) / deviation, 2);
}

/* What lies within some px of a box. */
static Box around(Box box, int margin, int height, int width) {
    int x = max(0, box.x - margin), y = max(0, box.y - margin);
    return (Box){x, y, min(width, box.x + box.width + margin) - x, min(height, box.y + box.height + margin) - y};
}

/* The slope that all but the steepest fiftieth of the slopes do not exceed, by Sobel's operator. */
static int steepest(const u8 *ink, int width, Box box) {
    int counts[256] = {0};
    u8 slopes[LARGEST];
    for (int y = 0; y < box.height; y++) {
        const u8 *here = ink + (box.y + y) * width + box.x;
        const u8 *above = y ? here - width : here + width, *below = y + 1 < box.height ? here + width : here - width;
        for (int x = 1; x < box.width - 1; x++) {
            int across = above[x + 1] - above[x - 1] + 2 * (here[x + 1] - here[x - 1]) + below[x + 1] - below[x - 1];
            int down = below[x - 1] - above[x - 1] + 2 * (below[x] - above[x]) + below[x + 1] - above[x + 1];
            slopes[x] = (u8)fminf(255, rintf(sqrtf((float)(across * across + down * down)) / 8));
        }
        /* OpenCV mirrors the plane at its border, where nothing changes across it. */
        for (int x = 0; x < box.width; x += max(1, box.width - 1)) {
            int inner = x ? x - 1 : 1, down = 2 * (below[inner] - above[inner] + below[x] - above[x]);
            slopes[x] = min(255, rounded(abs(down) / 8.0));
        }
        for (int x = 0; x < box.width; x++) counts[slopes[x]]++;
    }
    return quantile(counts, 0.98);
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
   room for 12 planes: there are as many runs as every second px at most. */
static int find(const u8 *ink, int noisy, u8 *glyph, Digit *found, u8 *work) {
    int height = found->height, width = found->width, size = height * width, area = 0, seed = -1;
    int side = min(max(height, width), 3 * min(height, width)), counts[256] = {0};
    u8 *mask = work, *piece = work + size, *near = work + 2 * size, *turned = work + 3 * size;
    Run *runs = (Run *)(work + 4 * size);
    Box box;

    Levels levels = levels_of(ink, height, width, noisy ? 5 : 1, mask);
    if (noisy ? 3 * levels.floor > levels.strong / 2 : levels.floor > 0) return 0;
    for (int i = 0; i < size; i++) area += mask[i] = ink[i] >= levels.weak;
    for (int i = 0; i < size && seed < 0; i++)
        if (ink[i] > levels.strong) seed = i;
    if (seed < 0 || !mask[seed]) return 0;
    int many = runs_of(mask, height, width, runs), held = 0;
    while (runs[held].row * width + runs[held].end <= seed) held++;
    held = piece_of(runs, held);
    int rest = area - measured(runs, many, held, &box);
    memset(piece, 0, size);
    for (int at = held; at < many; at++)
        if (piece_of(runs, at) == held) memset(piece + runs[at].row * width + runs[at].first, 1, runs[at].end - runs[at].first);
    if (noisy) {
        int others = 0;
        for (int i = 0; i < size; i++)
            others |= (ink[i] > levels.strong) & !piece[i];
        if (others || rest > 0.1 * (area - rest)) return 0;
    } else if (rest) return 0;

    int longer = max(box.width, box.height), inner = 0;
    if (box.width > box.height || longer < fmax(LEAST_SIDE, 0.25 * side)) return 0;
    if (box.width < 0.05 * box.height || may_be_frame(piece, height, width, box)) return 0;
    for (int y = 0; y < height; y++) {
        int outside = y < height / 6 || y >= height - height / 6;
        for (int x = 0; x < width; x++)
            if (piece[y * width + x]) {
                counts[ink[y * width + x]]++;
                inner += !outside && x >= width / 6 && x < width - width / 6;
            }
    }
    double inside = inner / (double)(area - rest);
    int dark = quantile(counts, 0.9);
    if (dark <= levels.strong || inside < 0.2 || dark < max(PALEST, CLEAR * levels.weak)) return 0;

    dilate(piece, height, width, near);
    Box reach = around(box, 1, height, width);
    u8 *wide = mask; /* not needed any more */
    for (int y = 0; y < reach.height; y++)
        for (int x = 0; x < reach.width; x++) {
            int at = (reach.y + y) * width + reach.x + x;
            wide[y * reach.width + x] = near[at] ? ink[at] : 0;
        }
    if (variation(wide, reach.height, reach.width) > 5.0 * 2 * dark * longer) return 0;
    double needed = 1.53 - 0.5 * dark / 255 - 0.65 * inside - 0.45, plain = 0.45;
    /* A disc within the strokes is no larger than all of them. */
    if (needed + 2.0 * (1 + 1.1 * sqrt((area - rest) / 3.14)) / side > plain)
        needed += 2.0 * half_width(piece, width, box, (int *)runs) / side;
    if (needed > plain) {
        Box apart = around(box, max(2, rounded(0.04 * longer)), height, width);
        if (separability(ink, width, apart) < needed) return 0;
    }

    found->ink = 0;
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) {
            int at = (box.y + y) * width + box.x + x;
            u8 level = near[at] ? max(ink[at], levels.floor) - levels.floor : 0;
            glyph[y * box.width + x] = level;
            found->ink += level;
        }
    found->variation = variation(glyph, box.height, box.width);
    found->box = box, found->dark = dark, found->weak = levels.weak;
    found->prepared = is_prepared(ink, height, width);
    found->steepest = longer < LARGE ? 0 : steepest(ink, width, around(box, 2, height, width));
    if (may_hold_faint_rules(ink, height, width)) found->checks |= FAINT_RULES;
    if (may_hold_rules(piece, height, width, box, turned, runs)) found->checks |= RULES;
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
    int size = height * width, paper = scan[0], darker = 0, lighter = 0, ends[4] = {0};
    for (int i = 0; i < size; i++) {
        darker += max(0, paper - scan[i]);
        lighter += max(0, scan[i] - paper);
    }
    int light = darker < lighter, white = light ? 255 - paper : paper;
    u8 levels[256];
    float scale = white > 0 && white < 255 ? (float)(255.0 / max(white, LEAST_RANGE)) : 1;
    for (int i = 0; i < 256; i++) levels[i] = min(255, (int)rintf(max(0, light ? i - paper : paper - i) * scale));
    if (scale == 1) /* which the compiler makes many of at once */
        for (int i = 0; i < size; i++) ink[i] = max(0, light ? scan[i] - paper : paper - scan[i]);
    else
        for (int i = 0; i < size; i++) ink[i] = levels[scan[i]];
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

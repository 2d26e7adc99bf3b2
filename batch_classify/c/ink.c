/* Where the ink is, as ink.py has it: levels, strokes and slopes of an ink plane. */

#include "planes.h"

enum {
    FAINTEST = 10,    /* levels of ink below which nothing was written */
    TRACE = 16,       /* levels; JPEG leaves traces that dark around a stroke */
    TINY_SIDE = 40,   /* px; in smaller planes even the strokes are that pale */
    LEAST_RANGE = 45, /* levels; less, as from off-white paper to white, would make clouds as dark as ink */
    EDGE_STEP = 16,   /* levels by which a frame's edge is darker than the paper inside */
    SMALLEST_FRAMED = 18, /* px */
    FEW = 64,         /* px that are taken at a time */
};
static const double RINGING = 0.2; /* of the ink's area: smooth strokes have fewer px as pale as traces */
static const double EDGE = 0.14;   /* of the side: so broad is the edge that a frame leaves */
static const double ALONG = 0.8;   /* of a side: so much of it is dark then */
static const double STEEPEST = 0.98; /* of the slopes are no steeper than an edge's middle */

/* The least level that `share` of the counted ones do not exceed, of one at the least; 0 if there are none. */
int quantile(const int counts[256], double share) {
    int all = 0, seen = 0;
    for (int level = 0; level < 256; level++) all += counts[level];
    double place = fmax(1, ceil(share * all));
    for (int level = 0; level < 256 && all; level++)
        if ((seen += counts[level]) >= place) return level;
    return 0;
}

static void count(const u8 *values, int size, int counts[256]) {
    int parts[4][256] = {{0}}; /* so that equal neighbours need not wait for each other */
    int at = 0;
    for (; at + 4 <= size; at += 4)
        for (int part = 0; part < 4; part++) parts[part][values[at + part]]++;
    for (; at < size; at++) parts[0][values[at]]++;
    for (int level = 0; level < 256; level++)
        counts[level] = parts[0][level] + parts[1][level] + parts[2][level] + parts[3][level];
}

EXPORT int quantile_of(const u8 *values, int size, double share) {
    int counts[256];
    count(values, size, counts);
    return quantile(counts, share);
}

EXPORT int quantile_where(const u8 *values, const u8 *where, int size, double share) {
    int counts[256] = {0};
    for (int i = 0; i < size; i++)
        if (where[i]) counts[values[i]]++;
    return quantile(counts, share);
}

/* The level between two classes, by Otsu (1979), with OpenCV's arithmetic. */
static int otsu(const int counts[256], int size) {
    const double least = 1.1920929e-07;
    double scale = 1.0 / size, mean = 0, lower = 0, share = 0, best = 0;
    int level = 0;
    for (int i = 0; i < 256; i++) mean += i * (double)counts[i];
    mean *= scale;
    for (int i = 0; i < 256; i++) {
        double part = counts[i] * scale;
        lower *= share;
        share += part;
        double rest = 1 - share;
        if (fmin(share, rest) < least || fmax(share, rest) > 1 - least) continue;
        lower = (lower + i * part) / share;
        double upper = (mean - share * lower) / rest;
        double between = share * rest * (lower - upper) * (lower - upper);
        if (between > best) best = between, level = i;
    }
    return level;
}

/* Grow a mask by one px on all sides, within the plane. `work` holds another. */
void grow(u8 *mask, int height, int width, u8 *work) {
    for (int y = 0; y < height; y++) {
        const u8 *here = mask + y * width, *above = y ? here - width : here;
        const u8 *below = y + 1 < height ? here + width : here;
        for (int x = 0; x < width; x++) work[y * width + x] = here[x] | above[x] | below[x];
    }
    for (int y = 0; y < height; y++) {
        const u8 *here = work + y * width;
        u8 *wide = mask + y * width;
        for (int x = 1; x < width - 1; x++) wide[x] = here[x - 1] | here[x] | here[x + 1];
        wide[0] = here[0] | here[min(1, width - 1)];
        wide[width - 1] = here[width - 1] | here[max(0, width - 2)];
    }
}

/* What tells ink from paper, weak ink being at least so dark. `work` holds two planes. */
Levels levels(const u8 *ink, int height, int width, int least, u8 *work) {
    int size = height * width, counts[256], rest[256], surely = 0, traces = 0;
    count(ink, size, counts);
    int level = otsu(counts, size);
    for (int i = 0; i < size; i++) work[i] = ink[i] > level;
    grow(work, height, width, work + size);
    for (int i = 0; i < size; i++) surely += work[i];
    /* Less what surely is ink, which is many times less than the paper. */
    memcpy(rest, counts, sizeof rest);
    for (int i = 0; i < size; i++)
        if (work[i]) rest[ink[i]]--;
    Levels found = {quantile(rest, 0.9), 0, max(level, FAINTEST)};
    for (int i = 1; i <= TRACE; i++) traces += counts[i];
    if (max(height, width) > TINY_SIDE && traces > RINGING * surely) least = TRACE;
    found.weak = min(max(3 * found.floor, least), max(1, found.strong / 2));
    return found;
}

EXPORT void levels_of(const u8 *ink, int height, int width, int least, Levels *found) {
    u8 *work = malloc(2 * (size_t)height * width);
    if (work) *found = levels(ink, height, width, least, work);
    free(work);
}

/* The total variation of an ink plane on bare paper. */
EXPORT double variation(const u8 *plane, int height, int width) {
    double sum = 0;
    u8 *bare = calloc(width, 1);
    for (int y = 0; y <= height && bare; y++) {
        const u8 *above = y ? plane + (y - 1) * width : bare, *here = y < height ? plane + y * width : bare;
        for (int first = 0; first < width; first += FEW) {
            float slopes[FEW] = {0}, sums[4] = {0};
            int many = min(FEW, width - first), inner = min(many, width - 1 - first);
            const u8 *one = above + first, *below = here + first;
            for (int x = 0; x < inner; x++) {
                int across = one[x + 1] - one[x], down = below[x] - one[x];
                slopes[x] = sqrtf((float)(across * across + down * down));
            }
            if (inner < many) {
                int across = one[inner], down = below[inner] - one[inner];
                slopes[inner] = sqrtf((float)(across * across + down * down));
            }
            for (int x = 0; x < FEW; x += 4)
                for (int i = 0; i < 4; i++) sums[i] += slopes[x + i];
            sum += (double)sums[0] + sums[1] + sums[2] + sums[3];
        }
        sum += above[0]; /* from the bare px before the first on */
    }
    free(bare);
    return sum;
}

/* How far the innermost px of a mask in a box is from its edge, by OpenCV's 3x3 distances (Borgefors 1986). */
double half_width(const u8 *mask, int width, Box box) {
    enum { STRAIGHT = 62587, DIAGONAL = 89738 }; /* 0.955 and 1.3693 in 16 bits */
    int wide = box.width + 2, most = 0;
    int *distances = calloc((size_t)wide * (box.height + 2), sizeof *distances);
    for (int y = 0; y < box.height && distances; y++) {
        int *row = distances + (y + 1) * wide + 1;
        const u8 *marks = mask + (box.y + y) * width + box.x;
        for (int x = 0; x < box.width; x++)
            row[x] = !marks[x] ? 0
                               : min(min(row[x - 1], row[x - wide]) + STRAIGHT,
                                     min(row[x - wide - 1], row[x - wide + 1]) + DIAGONAL);
    }
    for (int y = box.height - 1; y >= 0 && distances; y--) {
        int *row = distances + (y + 1) * wide + 1;
        for (int x = box.width - 1; x >= 0; x--) {
            int back = min(min(row[x + 1], row[x + wide]) + STRAIGHT,
                           min(row[x + wide + 1], row[x + wide - 1]) + DIAGONAL);
            row[x] = min(row[x], back);
            most = max(most, row[x]);
        }
    }
    free(distances);
    return (float)most / 65536;
}

EXPORT double half_width_of(const u8 *mask, int height, int width) {
    return half_width(mask, width, (Box){0, 0, width, height});
}

/* Which share of the variance two classes explain, Otsu's (1979) measure. */
static double separability_of(const int counts[256], int size) {
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

double separability(const u8 *ink, int width, Box box) {
    int counts[256] = {0};
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) counts[ink[(box.y + y) * width + box.x + x]]++;
    return separability_of(counts, box.width * box.height);
}

EXPORT double separability_of_all(const u8 *values, int size) {
    int counts[256];
    count(values, size, counts);
    return separability_of(counts, size);
}

/* The slope that all but the steepest fiftieth of a plane's slopes do not exceed, by Sobel's operator. */
EXPORT int steepest(const u8 *plane, int height, int width) {
    int counts[256] = {0};
    /* OpenCV mirrors the picture at its border, where nothing changes across it then. */
    int next = height > 1 ? width : 0;
    for (int y = 0; y < height; y++) {
        const u8 *here = plane + y * width;
        const u8 *above = y ? here - width : here + next, *below = y + 1 < height ? here + width : here - next;
        for (int first = 1; first < width - 1; first += FEW) {
            u8 slopes[FEW];
            int many = min(FEW, width - 1 - first);
            for (int i = 0; i < many; i++) {
                int x = first + i, upper = above[x + 1] - above[x - 1], lower = below[x + 1] - below[x - 1];
                int across = upper + 2 * (here[x + 1] - here[x - 1]) + lower;
                int down = below[x - 1] - above[x - 1] + 2 * (below[x] - above[x]) + below[x + 1] - above[x + 1];
                slopes[i] = (u8)fminf(255, rintf(sqrtf((float)(across * across + down * down)) / 8));
            }
            for (int i = 0; i < many; i++) counts[slopes[i]]++;
        }
        for (int x = 0; x < width; x += max(1, width - 1)) {
            int inner = x ? x - 1 : min(1, width - 1);
            int down = 2 * (below[inner] - above[inner] + below[x] - above[x]);
            counts[min(255, rounded(abs(down) / 8.0))]++;
        }
    }
    return quantile(counts, STEEPEST);
}

/* The level that `place` px of a row do not exceed; its px lie `step` apart. */
static int ranked(const u8 *row, int size, ptrdiff_t step, int place) {
    int counts[256] = {0}, level = 0;
    for (int i = 0; i < size; i++) counts[row[i * step]]++;
    for (int seen = counts[0]; seen <= place; seen += counts[++level]);
    return level;
}

/* How many rows at the top a dark line of a frame lies in: `_edge` in ink.py. The strides are in bytes. */
EXPORT int edge(const u8 *plane, int height, int width, ptrdiff_t down, ptrdiff_t along) {
    int depth = max(2, rounded(EDGE * height)), outer = 255;
    if (height < SMALLEST_FRAMED) return 0;
    for (int row = 0; row < depth; row++) outer = min(outer, ranked(plane + row * down, width, along, ALONG * width));
    int inner = ranked(plane + depth * down, width, along, width / 2);
    int further = ranked(plane + 2 * depth * down, width, along, width / 2);
    return inner - outer > 2 * abs(further - inner) + EDGE_STEP ? depth : 0;
}

/* Take the ink from paper of one level: what is darker, or lighter, whichever is more. Returns whether it is
   lighter. */
EXPORT int ink_on_flat_paper(const u8 *scan, int size, int paper, u8 *ink) {
    int64_t darker = 0, lighter = 0;
    for (int first = 0; first < size; first += FEW * FEW) {
        int less = 0, more = 0;
        for (int i = first; i < min(size, first + FEW * FEW); i++)
            less += max(0, paper - scan[i]), more += max(0, scan[i] - paper);
        darker += less, lighter += more;
    }
    int light = darker < lighter, white = light ? 255 - paper : paper;
    if (white == 0 || white == 255) { /* which the compiler makes many of at once */
        for (int i = 0; i < size; i++) ink[i] = max(0, light ? scan[i] - paper : paper - scan[i]);
        return light;
    }
    u8 levels[256];
    float scale = 255.0 / max(white, LEAST_RANGE);
    for (int i = 0; i < 256; i++) levels[i] = min(255, rintf(max(0, light ? i - paper : paper - i) * scale));
    for (int i = 0; i < size; i++) ink[i] = levels[scan[i]];
    return light;
}

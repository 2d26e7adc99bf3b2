/* The short way for easy scans: one dark piece of writing, on paper that is bare or evenly noisy.

   Steps that the long way also has are named as they are in frames.py, strokes.py and preprocess.py, hold to
   the same numbers, and are explained there. Knows nothing of files, sizes to fit, or which digit it is. */

#include "planes.h"

/* Which of the checks that need more than a glance the caller has still to make: that no seam between two
   papers, no faint rule and no rule runs through the scan. */
enum { SEAM = 1, FAINT_RULES = 2, RULES = 4 };

typedef struct {
    int32_t checks;
    int32_t height, width; /* of the plane */
    Box box;               /* of the digit's ink */
    int32_t dark;          /* a tenth of the digit's ink exceeds this level */
    int32_t weak;          /* ink is at least that dark */
} Digit;

/* Those that have no words here stand in preprocess.py, frames.py and strokes.py. */
enum { TINY_SIDE = 40, UNEVEN = 5, SMALLEST_FRAME = 18, LEAST_SIDE = 6, PALEST = 20, CLEAR = 3 };
static const double SPECKS = 0.1;       /* of the digit's px: so much else may be inked by the paper's noise */
static const double LEAST_SHARE = 0.25; /* of the side: a spot is smaller */
static const double SLIM = 0.05, OUTSIDE = 0.2, LENGTH = 5, AROUND = 0.04, PLAIN = 0.45;
static const double DISTINCT = 1.53, DARK = 0.5, INNER = 0.65, SHARE = 0.45, BROAD = 2;
/* These stand in quality.py, and the first in ink.py. */
enum { WORKING_SIDE = 160, SMALL = 10, FAINT = 35, LARGE = 33 };
static const double BLURRED = 0.045, CUT = 0.3;

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

/* Mark the only piece of a plane with strong ink, and find its box; returns its px, 0 if there are others. In a
   clean plane nothing else may be inked, in a noisy one little. */
static int only_piece(const u8 *ink, int height, int width, Levels told, int noisy, u8 *mask, u8 *piece, Run *runs,
                      Box *box) {
    int size = height * width, area = 0, seed = 0, held = 0, others = 0;
    for (int i = 0; i < size; i++) area += mask[i] = ink[i] >= told.weak;
    while (seed < size && ink[seed] <= told.strong) seed++;
    if (seed == size) return 0;
    int many = runs_of(mask, height, width, runs);
    while (runs[held].row * width + runs[held].end <= seed) held++;
    held = piece_of(runs, held);
    int own = measured(runs, many, held, box);
    if (area - own > (noisy ? SPECKS * own : 0)) return 0;
    memset(piece, 0, size);
    for (int at = held; at < many; at++) {
        Run run = runs[at];
        if (piece_of(runs, at) == held) memset(piece + run.row * width + run.first, 1, run.end - run.first);
    }
    for (int i = 0; i < size; i++) others |= (ink[i] > told.strong) & !piece[i];
    return others ? 0 : own;
}

/* The level that a tenth of a piece exceeds, and how much of it lies away from the plane's border. */
static int dark_of(const u8 *ink, const u8 *piece, int height, int width, Box box, double *inside) {
    int counts[256] = {0}, inner = 0, all = 0;
    for (int y = box.y; y < box.y + box.height; y++) {
        int within = y >= height / 6 && y < height - height / 6;
        for (int x = box.x; x < box.x + box.width; x++)
            if (piece[y * width + x]) {
                counts[ink[y * width + x]]++;
                inner += within && x >= width / 6 && x < width - width / 6;
                all++;
            }
    }
    *inside = inner / (double)all;
    return quantile(counts, 0.9);
}

/* Whether a piece of some area that is as dark as `dark` is plainly writing: `doubt_about` in strokes.py finds
   none then. `near` is the piece grown by a px, and `spare` holds a plane. */
static int is_writing(const u8 *ink, const u8 *piece, const u8 *near, int height, int width, Box box, int area,
                      int dark, double inside, u8 *spare) {
    int longer = max(box.width, box.height), side = min(max(height, width), 3 * min(height, width));
    if (longer < fmax(LEAST_SIDE, LEAST_SHARE * side) || box.width < SLIM * box.height || inside < OUTSIDE) return 0;
    Box reach = around(box, 1, height, width);
    for (int y = 0; y < reach.height; y++)
        for (int x = 0; x < reach.width; x++) {
            int at = (reach.y + y) * width + reach.x + x;
            spare[y * reach.width + x] = near[at] ? ink[at] : 0;
        }
    if (variation(spare, reach.height, reach.width) > LENGTH * 2 * dark * longer) return 0;
    double needed = DISTINCT - DARK * dark / 255 - INNER * inside - SHARE;
    /* A disc within the strokes is no larger than all of them. */
    if (needed + BROAD * (1 + 1.1 * sqrt(area / 3.14)) / side > PLAIN)
        needed += BROAD * half_width(piece, width, box) / side;
    Box apart = around(box, max(2, rounded(AROUND * longer)), height, width);
    return needed <= PLAIN || separability(ink, width, apart) >= needed;
}

/* Whether the only piece of ink in a plane plainly is a digit; its box is cut out into `glyph`. `work` has
   room for 12 planes, since a run begins at every second px at most. */
static int find(const u8 *ink, int noisy, u8 *glyph, Digit *found, u8 *work) {
    int height = found->height, width = found->width, size = height * width;
    u8 *mask = work, *piece = work + size, *near = work + 2 * size, *spare = work + 3 * size;
    Run *runs = (Run *)(work + 4 * size);
    double inside;
    Box box;

    Levels told = levels(ink, height, width, noisy ? UNEVEN : 1, work);
    if (noisy ? 3 * told.floor > told.strong / 2 : told.floor > 0) return 0;
    int area = only_piece(ink, height, width, told, noisy, mask, piece, runs, &box);
    if (!area || box.width > box.height || may_be_frame(piece, height, width, box)) return 0;
    int dark = dark_of(ink, piece, height, width, box, &inside);
    if (dark <= told.strong || dark < max(PALEST, CLEAR * told.weak)) return 0;
    memcpy(near, piece, size);
    grow(near, height, width, spare);
    if (!is_writing(ink, piece, near, height, width, box, area, dark, inside, spare)) return 0;

    found->box = box, found->dark = dark, found->weak = told.weak;
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) {
            int at = (box.y + y) * width + box.x + x;
            glyph[y * box.width + x] = near[at] ? max(ink[at], told.floor) - told.floor : 0;
        }
    if (may_hold_faint_rules(ink, height, width)) found->checks |= FAINT_RULES;
    if (may_hold_rules(piece, height, width, box, spare, runs)) found->checks |= RULES;
    return 1;
}

/* Whether the picture turns over along a line from end to end, as it does between two papers: `_seams` in
   halves.py finds one then. The line is `length` px long; `down` and `across` are from one px to the next. */
static int may_have_seam(const u8 *scan, int length, int lines, int down, int across) {
    enum { STEP = 64, SMALLEST_SIDE = 16 };
    const u8 *last = scan + (length - 1) * down;
    if (min(length, lines) < SMALLEST_SIDE) return 0;
    for (int line = 0; line < lines - 2; line++) {
        int one = line * across, other = (line + 2) * across, steps = 0;
        if (abs(scan[other] - scan[one]) <= STEP || abs(last[other] - last[one]) <= STEP) continue;
        for (int at = 0; at < length; at++) steps += abs(scan[at * down + other] - scan[at * down + one]) > STEP;
        if (2 * steps > length) return 1;
    }
    return 0;
}

/* Find the digit on bare paper. The scan is at most LARGEST px long; `ink` and `glyph` have its size. Returns
   whether there plainly is one. */
static int digit_on_bare_paper(const u8 *scan, int height, int width, u8 *ink, u8 *glyph, Digit *found) {
    int ends[4];
    inked_ends(scan, height, width, ends);
    ink_on_flat_paper(scan, height * width, scan[0], ink);
    *found = (Digit){.height = height, .width = width};
    /* A seam may be only where ink touches two ends that face each other. */
    if ((min(ends[0], ends[1]) && may_have_seam(scan, height, width, width, 1)) ||
        (min(ends[2], ends[3]) && may_have_seam(scan, width, height, 1, width)))
        found->checks |= SEAM;
    u8 *work = malloc(12 * height * width + 4096);
    int is = work && find(ink, 0, glyph, found, work);
    free(work);
    return is;
}

/* Find the digit on evenly lit paper with noise. `ink` and `glyph` have room for LARGEST x LARGEST. Returns
   whether there plainly is one. */
static int digit_on_noisy_paper(const u8 *scan, int height, int width, u8 *ink, u8 *glyph, Digit *found) {
    enum { SHORTEST = 24 }; /* on fewer px the paper does not show */
    int factor = (max(height, width) + LARGEST - 1) / LARGEST, rows = height / factor, columns = width / factor;
    if (min(rows, columns) < SHORTEST || max(rows, columns) <= TINY_SIDE) return 0;
    if (max(rows, columns) > 3 * min(rows, columns)) return 0;
    int size = rows * columns;
    *found = (Digit){.height = rows, .width = columns};
    u8 *work = malloc(12 * size + 4096);
    if (!work) return 0;
    int is = reduced(scan, width, factor, work, rows, columns) && on_even_paper(work, rows, columns, ink) &&
             find(ink, 1, glyph, found, work);
    free(work);
    return is;
}

/* Whether strokes lie on one border alone, in two places or along it: `_is_cut` in quality.py. */
static int is_cut(const u8 *ink, Digit digit) {
    int height = digit.height, width = digit.width, borders = 0, cut = 0;
    for (int side = 0; side < 4; side++) {
        int upright = side >= 2, step = upright ? width : 1, length = upright ? height : width, runs = 0, clear = 0;
        const u8 *line = side == 1 ? ink + (height - 1) * width : side == 3 ? ink + width - 1 : ink;
        for (int at = 0, before = 0; at < length; at++) {
            int level = line[at * step], is = level >= digit.weak && 2 * level > digit.dark;
            runs += is && !before, clear += is, before = is;
        }
        borders += clear > 0;
        cut |= runs > 1 || clear > CUT * max(digit.box.width, digit.box.height);
    }
    return borders == 1 && cut;
}

/* Whether a digit has no flaw: `flaw_of` in quality.py says nothing then. A px was `scale` px wide in the scan,
   and `work` holds a plane. */
static int is_flawless(const u8 *ink, Digit digit, double scale, u8 *work) {
    Box box = digit.box;
    int longer = max(box.width, box.height);
    if (longer * scale < SMALL || digit.dark < FAINT || is_cut(ink, digit)) return 0;
    if (longer < LARGE) return 1;
    Box near = around(box, 2, digit.height, digit.width);
    for (int y = 0; y < near.height; y++)
        memcpy(work + y * near.width, ink + (near.y + y) * digit.width + near.x, near.width);
    /* As `blur_of` in quality.py has it; the number is two pi. */
    double blur = digit.dark / (sqrt(6.283185307179586) * max(1, steepest(work, near.height, near.width)));
    return blur <= BLURRED * longer;
}

enum { HARD, DOUBTFUL, DONE };

/* Find the digit of an easy scan; returns whether there plainly is one. `ink`, `glyph` and `small` have room for
   LARGEST x LARGEST each. */
EXPORT int easy_digit(const u8 *scan, int height, int width, u8 *ink, u8 *glyph, u8 *small, Digit *found) {
    if (!on_bare_paper(scan, height, width)) return digit_on_noisy_paper(scan, height, width, ink, glyph, found);
    int longer = max(height, width);
    /* `shrink` in ink.py */
    double scale = fmax(WORKING_SIDE / (double)longer, WORKING_SIDE / 3.0 / min(height, width));
    if (longer * fmin(1, scale) > WORKING_SIDE + 0.5) return 0;
    if (scale < 1) {
        scaled(scan, height, width, scale, small, &height, &width);
        scan = small;
    }
    return digit_on_bare_paper(scan, height, width, ink, glyph, found);
}

/* Make the model's picture of an easy scan. `work` has room for 3 planes of LARGEST x LARGEST. */
static int easy(const u8 *scan, int height, int width, u8 *picture, u8 *work) {
    u8 *ink = work, *glyph = ink + LARGEST * LARGEST, *small = glyph + LARGEST * LARGEST;
    Digit digit;
    if (!easy_digit(scan, height, width, ink, glyph, small, &digit)) return HARD;
    if (digit.checks) return DOUBTFUL;
    if (is_prepared(ink, digit.height, digit.width)) memcpy(picture, ink, SIDE * SIDE);
    else if (is_flawless(ink, digit, height / (double)digit.height, small)) {
        picture_of(glyph, digit.box.height, digit.box.width, picture);
    } else return DOUBTFUL;
    return DONE;
}

/* Make the model's picture of a scan, uint8 [28, 28], if that is easy: DONE. A DOUBTFUL one has an easy digit,
   but somebody has to look closer, and a HARD one goes the long way. */
EXPORT int easy_picture(const u8 *scan, int height, int width, u8 *picture) {
    u8 *work = malloc(3 * LARGEST * LARGEST);
    int told = work ? easy(scan, height, width, picture, work) : HARD;
    free(work);
    return told;
}

/* Paper that is bare, or evenly lit and noisy. */

#include "planes.h"

enum { FLAT = 4 };
static const double EVEN = 0.85; /* of the border: on flat paper so much of it is paper */
static const double FLAT_SHARE = 0.5; /* of the picture: with so much flat paper, nothing at its border is a frame */

/* How many px of each end (top, bottom, left, right) of a scan are not of its corner's level. */
void inked_ends(const u8 *scan, int height, int width, int ends[4]) {
    int paper = scan[0];
    memset(ends, 0, 4 * sizeof *ends);
    for (int x = 0; x < width; x++) {
        ends[0] += scan[x] != paper;
        ends[1] += scan[(height - 1) * width + x] != paper;
    }
    for (int y = 1; y < height - 1; y++) {
        ends[2] += scan[y * width] != paper;
        ends[3] += scan[y * width + width - 1] != paper;
    }
}

/* Whether a scan is flat paper of its corner's level, but for what may be a digit that touches the border. */
int on_bare_paper(const u8 *scan, int height, int width) {
    int size = height * width, near = 0, ends[4];
    inked_ends(scan, height, width, ends);
    if (ends[0] + ends[1] + ends[2] + ends[3] > (1 - EVEN) * (2 * width + 2 * max(0, height - 2))) return 0;
    for (int i = 0; i < size; i++) near += abs(scan[i] - scan[0]) <= FLAT;
    return near >= FLAT_SHARE * size;
}

/* Reduce a scan by a whole factor, each px the mean of what it covers; returns whether there was memory. */
int reduced(const u8 *scan, int width, int factor, u8 *small, int rows, int columns) {
    int area = factor * factor;
    if (factor == 1) {
        memcpy(small, scan, rows * columns);
        return 1;
    }
    uint32_t *sums = malloc(columns * factor * sizeof *sums);
    for (int row = 0; row < rows && sums; row++) {
        memset(sums, 0, columns * factor * sizeof *sums);
        for (int y = 0; y < factor; y++) {
            const u8 *line = scan + (row * factor + y) * width;
            for (int x = 0; x < columns * factor; x++) sums[x] += line[x];
        }
        u8 *target = small + row * columns;
        if (factor == 2)
            for (int x = 0; x < columns; x++) target[x] = (sums[2 * x] + sums[2 * x + 1] + 2) >> 2;
        else
            for (int x = 0; x < columns; x++) {
                uint32_t sum = area / 2;
                for (int i = 0; i < factor; i++) sum += sums[x * factor + i];
                target[x] = sum / area;
            }
    }
    free(sums);
    return sums != NULL;
}

/* The brightness of paper: a plane through its levels, by least squares. */
typedef struct {
    double level, down, across; /* at the first px, and what a px adds */
} Paper;

enum {
    CELLS = 28,         /* along a side: the paper is looked at in the mean of so many */
    STRAYS = 12,        /* levels that a cell of paper may be off */
    DARKEST_PAPER = 64, /* levels; the noise of darker paper would be stretched too far */
};
static const double BARE = 0.5;       /* of the cells are paper */
static const double AROUND = 0.9;     /* of those at the border are */
static const double ROUGH = 9;        /* squared levels: the paper's cells are that even */
static const double ONE_SIDED = 0.02; /* of the ink: what differs from paper the other way is less */

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
int on_even_paper(const u8 *scan, int height, int width, u8 *ink) {
    float cells[CELLS][CELLS] = {{0}};
    u8 marked[CELLS][CELLS];
    int cell = (max(height, width) + CELLS - 1) / CELLS, rows = height / cell, columns = width / cell;
    int ring = 0, kept = 0, outer = 0, paler = 0, darker = 0;
    double strays = 0;
    for (int row = 0; row < rows; row++) {
        uint16_t sums[LARGEST] = {0};
        for (int y = row * cell; y < (row + 1) * cell; y++)
            for (int x = 0; x < width; x++) sums[x] += scan[y * width + x];
        for (int x = 0; x < columns * cell; x++) cells[row][x / cell] += sums[x];
    }
    Paper paper;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            cells[row][column] /= cell * cell;
            marked[row][column] = row == 0 || row == rows - 1 || column == 0 || column == columns - 1;
            ring += marked[row][column];
        }
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
    if (kept < BARE * rows * columns || outer < AROUND * ring || strays > ROUGH * kept) return 0;
    if (min(paler, darker) > ONE_SIDED * max(paler, darker)) return 0;
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

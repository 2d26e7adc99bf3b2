/* What the files in here share. Planes are unsigned bytes [height, width], without gaps between rows. */

#ifndef PLANES_H
#define PLANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef uint8_t u8;

/* In px from the left and from the top. */
typedef struct {
    int32_t x, y, width, height;
} Box;

/* What tells ink from paper: `Levels` in ink.py. */
typedef struct {
    int32_t floor, weak, strong;
} Levels;

/* What is inked of a row without a gap, and the first such run of the piece that it belongs to. */
typedef struct {
    int row, first, end, piece;
} Run;

enum { SIDE = 28 };     /* px of the picture that the model sees */
enum { LARGEST = 192 }; /* px: planes with an easy digit are no longer; compiled.py has it too */

static inline int max(int a, int b) { return a > b ? a : b; }
static inline int min(int a, int b) { return a < b ? a : b; }

/* Python's round(): halves to even. */
static inline int rounded(double value) { return (int)nearbyint(value); }

/* ink.c */
int quantile(const int counts[256], double share);
void grow(u8 *mask, int height, int width, u8 *work);
Levels levels(const u8 *ink, int height, int width, int least, u8 *work);
double variation(const u8 *plane, int height, int width);
double half_width(const u8 *mask, int width, Box box);
double separability(const u8 *ink, int width, Box box);
int ink_on_flat_paper(const u8 *scan, int size, int paper, u8 *ink);
int steepest(const u8 *plane, int height, int width);

/* fit.c */
void scaled(const u8 *plane, int height, int width, double scale, u8 *to, int *rows, int *columns);
int is_prepared(const u8 *ink, int height, int width);
void picture_of(const u8 *glyph, int height, int width, u8 *picture);

/* paper.c */
int on_bare_paper(const u8 *scan, int height, int width);
void inked_ends(const u8 *scan, int height, int width, int ends[4]);
int reduced(const u8 *scan, int width, int factor, u8 *small, int rows, int columns);
int on_even_paper(const u8 *scan, int height, int width, u8 *ink);

/* pieces.c */
int piece_of(const Run *runs, int at);
void join(Run *runs, int last, int *above);
int runs_of(const u8 *mask, int height, int width, Run *runs);
int measured(const Run *runs, int many, int piece, Box *box);

/* rules.c */
int may_hold_faint_rules(const u8 *ink, int height, int width);
int may_hold_rules(const u8 *mask, int height, int width, Box ink, u8 *turned, Run *runs);

#endif

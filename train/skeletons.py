"""The shapes people give the ten digits, as pen strokes.

Each digit has several skeletons: the ways that hands of different countries and schools write it, with a
weight for how often. A skeleton is the ideal path of the pen; it knows nothing of pens, paper, slant or
shaking hands, which are the generator's business.

Notation: a skeleton is written as points ``x,y`` in hundredths of the digit's height, x to the right and y
down, in the order the pen meets them. ``/`` lifts the pen. The path is smooth (Catmull-Rom) through every
point except one marked ``!``, where it turns a corner.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES_PER_SPAN = 10
"""How many points of the drawn path lie between two neighbouring control points."""


@dataclass(frozen=True)
class Stroke:
    """One touch of the pen: control points and the matrix that makes a smooth path of them.

    ``points`` is float64 [n, 2] in digit heights; ``basis`` is float64 [m, n], so that ``basis @ points`` is
    the path [m, 2] however the points have been moved.
    """

    points: NDArray[np.float64]
    basis: NDArray[np.float64]


@dataclass(frozen=True)
class Skeleton:
    """One way to write a digit: its name, how often it is met, and its strokes in order."""

    name: str
    weight: float
    strokes: tuple[Stroke, ...]


def _span(count: int, corners: set[int]) -> NDArray[np.float64]:
    """Return the Catmull-Rom basis [m, count] of a stroke of `count` points that breaks at `corners`."""
    t = np.linspace(0, 1, SAMPLES_PER_SPAN, endpoint=False)
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    )
    rows = np.zeros(((count - 1) * SAMPLES_PER_SPAN + 1, count))
    for i in range(count - 1):
        block = rows[i * SAMPLES_PER_SPAN : (i + 1) * SAMPLES_PER_SPAN]
        block[:, i] += weights[1]
        block[:, i + 1] += weights[2]
        # Beyond an end or a corner there is no neighbour: mirror the span to get one (2a - b).
        if i == 0 or i in corners:
            block[:, i] += 2 * weights[0]
            block[:, i + 1] -= weights[0]
        else:
            block[:, i - 1] += weights[0]
        if i + 2 == count or i + 1 in corners:
            block[:, i + 1] += 2 * weights[3]
            block[:, i] -= weights[3]
        else:
            block[:, i + 2] += weights[3]
    rows[-1, -1] = 1
    return rows


def parse_stroke(text: str) -> Stroke:
    """Return the stroke written in this module's notation, without any ``/``."""
    words = text.split()
    corners = {i for i, word in enumerate(words) if word.endswith("!")}
    points = [[float(part) / 100 for part in word.rstrip("!").split(",")] for word in words]
    return Stroke(np.array(points), _span(len(words), corners))


def _ways(*ways: tuple[str, float, str]) -> tuple[Skeleton, ...]:
    return tuple(
        Skeleton(name, weight, tuple(parse_stroke(part) for part in text.split("/")))
        for name, weight, text in ways
    )


SKELETONS: dict[int, tuple[Skeleton, ...]] = {
    0: _ways(
        ("round", 4, "34,1 13,9 2,35 3,66 15,92 33,99 51,91 61,65 60,35 50,9 33,1"),
        ("narrow", 3, "24,0 8,14 1,40 2,68 11,93 24,100 36,92 45,66 44,36 36,10 23,1"),
        ("not closed", 2, "39,6 19,5 5,25 1,53 8,84 28,99 48,91 60,63 59,34 50,13"),
        ("overlapping", 3, "39,8 24,1 8,14 1,46 9,86 30,100 50,89 59,56 53,22 38,5 22,4"),
        ("curl on top", 2, "46,13 29,3 10,19 2,51 12,88 33,99 53,85 60,50 51,17 34,8 25,17"),
        ("slashed", 0.4, "32,1 13,9 2,35 3,66 15,92 32,99 50,91 60,65 59,35 49,9 32,1 / 58,6 32,50 5,95"),
    ),
    1: _ways(
        ("bar", 6, "10,0 10,34 10,67 10,100"),
        ("bowed bar", 2, "13,0 9,34 9,67 12,100"),
        ("short flag", 4, "0,19 9,10 17,0! 17,34 16,67 16,100"),
        ("long flag", 3, "4,36 18,20 30,0! 30,34 29,67 29,100"),
        ("curved flag", 2, "0,34 14,23 26,0! 26,34 25,67 24,100"),
        ("flag and foot", 2, "6,23 16,14 28,0! 28,33 28,66 28,98 / 3,99 28,99 53,98"),
        ("long flag and foot", 0.7, "0,38 16,23 32,0! 32,33 31,66 31,98 / 6,99 31,100 56,98"),
        ("roof", 1.5, "0,47 18,26 36,0! 35,33 33,66 32,100"),
        ("leaning roof", 1.5, "0,33 24,18 50,0! 42,32 33,66 22,100"),
        ("wide flag", 1, "0,30 20,20 42,0! 41,33 40,66 40,100"),
    ),
    2: _ways(
        ("flat foot", 4, "4,22 13,6 31,0 50,8 56,27 46,49 26,72 3,97! 32,97 62,96"),
        ("swan", 3, "2,29 9,9 27,0 46,7 50,27 41,53 22,78 2,97! 23,95 43,97 64,100"),
        ("loop", 3, "4,19 16,4 35,0 51,12 51,34 37,61 18,84 5,95 1,85 11,78 25,86 43,97 63,91"),
        ("curly foot", 3, "6,18 21,2 42,3 53,20 45,46 25,74 5,96! 18,86 34,92 48,98 62,88"),
        ("angular", 1.5, "3,12 20,3 40,2 52,11 48,28 30,58 3,97! 30,97 58,96"),
        ("round shoulder", 1.5, "2,36 1,17 16,2 38,1 54,15 53,37 38,62 4,98! 33,98 62,97"),
    ),
    3: _ways(
        ("round", 4, "4,14 20,1 41,3 51,20 43,38 23,46! 46,52 58,70 50,90 28,100 8,95 0,83"),
        ("small loop", 2.5, "4,12 22,0 45,6 50,25 36,41 22,47 18,42 29,42 49,53 56,73 45,94 22,100 1,88"),
        ("flat top", 2, "4,3 29,3 54,1! 40,22 26,40! 48,46 58,66 50,88 28,99 9,95 0,85"),
        ("no waist", 2, "5,7 26,0 46,9 47,29 30,44 46,52 57,70 47,92 24,100 0,91"),
        ("big belly", 2, "9,9 25,0 41,5 46,20 38,33 22,39! 45,43 60,62 54,87 31,100 10,97 0,86"),
        ("deep waist", 1.5, "2,10 20,1 40,5 49,22 36,40 15,48! 38,51 51,68 45,90 24,99 1,94"),
    ),
    4: _ways(
        ("open", 4, "11,2 8,28 3,57! 31,57 62,55 / 47,3 46,35 45,67 44,100"),
        ("open, short stem", 3, "17,0 10,28 0,60! 31,60 61,58 / 42,30 42,53 41,77 40,100"),
        ("closed", 3, "43,1 22,34 0,67! 31,67 62,66 / 43,1 43,34 43,67 43,100"),
        ("closed in one", 1.5, "58,62 30,65 1,66! 22,33 43,1! 43,34 42,67 42,100"),
        ("round elbow", 2.5, "8,3 3,27 6,48 23,55 47,47 / 53,3 51,35 48,67 45,100"),
        ("looped elbow", 1.5, "13,1 8,29 1,55 3,64 10,56 34,56 62,53 / 46,11 45,40 43,70 41,100"),
        ("nearly closed", 1.5, "34,2 18,31 0,63! 31,63 63,60 / 47,8 46,38 45,68 44,100"),
        ("lightning", 1.5, "40,0 21,24 0,50! 28,48 56,43! 50,62 44,81 37,100"),
        ("folded", 1.5, "30,0 15,27 0,55! 24,52 50,47! 48,24 48,20! 46,47 44,74 42,100"),
        ("fish", 1, "70,5 50,27 30,45 9,45 1,30 10,16 28,23 50,41 73,48 / 59,0 56,35 52,68 50,100"),
        ("steep", 1, "12,0 8,17 2,34! 22,35 48,31 / 52,0 47,33 40,67 32,100"),
    ),
    5: _ways(
        ("one stroke", 4, "54,2 33,3 13,3! 11,21 8,42! 27,35 48,43 57,66 46,91 23,100 0,91"),
        ("detached bar", 3, "13,5 11,23 8,43! 29,36 50,46 56,69 44,93 21,100 0,91 / 17,5 37,4 59,1"),
        ("overlapping bar", 2, "15,2 12,22 8,42! 28,36 50,45 57,68 45,92 21,100 0,92 / 9,4 33,4 59,2"),
        ("round shoulder", 2, "57,2 36,3 15,5 9,22 9,41! 28,38 50,48 57,68 46,91 22,100 0,90"),
        ("angular", 1.5, "50,0 29,1 9,1! 7,23 5,45! 28,41 49,52 51,75 38,93 18,99 0,96"),
        ("small belly", 1.5, "62,1 38,3 16,4! 14,27 12,50! 31,44 46,54 49,74 38,93 20,99 2,93"),
    ),
    6: _ways(
        ("long ascender", 4, "47,0 26,17 9,44 2,72 11,94 31,100 51,90 55,70 43,55 24,55 5,70"),
        ("tight loop", 3, "37,0 20,25 6,55 2,82 15,99 33,97 43,82 36,68 20,68 5,82"),
        ("large loop", 3, "46,4 23,11 5,37 0,68 12,94 34,100 55,88 59,63 47,44 25,43 4,59"),
        ("hooked", 2, "51,11 40,1 24,9 8,37 2,69 13,95 34,100 53,87 54,66 40,52 20,57 5,75"),
        ("straight ascender", 2, "30,0 19,24 8,48 1,74 10,95 30,100 49,91 53,72 41,57 22,59 6,72"),
        ("spiral", 1.5, "43,1 21,18 5,47 3,77 16,97 37,98 52,83 47,65 29,58 13,66 10,79"),
    ),
    7: _ways(
        ("plain", 4, "0,3 28,3 56,2! 45,34 34,67 24,100"),
        ("crossbar", 3, "0,4 28,4 57,2! 46,34 35,67 26,100 / 18,53 37,51 57,49"),
        ("serif", 2, "2,20 4,11 4,3! 30,4 56,3! 44,35 34,67 25,100"),
        ("serif and crossbar", 1.5, "1,19 3,11 4,3! 30,5 58,3! 46,35 35,67 26,100 / 18,52 36,50 55,47"),
        ("curved", 2.5, "0,9 14,2 34,7 57,3! 42,35 32,65 29,100"),
        ("round shoulder", 1.5, "1,5 26,2 47,2 56,12 49,35 38,66 28,100"),
        ("upright", 1.5, "0,4 26,3 52,2! 42,32 36,66 32,100"),
        ("hook", 1.5, "0,13 8,3 20,0 30,8 28,38 22,69 16,100"),
        ("short bar", 1, "0,7 14,4 28,2! 23,35 18,67 14,100"),
        ("wavy bar and crossbar", 1.5, "0,13 8,3 20,9 34,8 50,0! 41,33 32,66 24,100 / 14,52 31,49 50,46"),
        ("curled and crossed", 1, "6,20 0,10 8,2 24,7 42,6 54,0! 42,35 30,68 22,100 / 12,56 30,50 52,44"),
        ("hook and crossbar", 1, "0,17 5,5 18,2 38,2 44,10 36,40 27,70 21,100 / 10,54 28,51 46,48"),
    ),
    8: _ways(
        ("one stroke", 4, "49,13 30,0 10,9 9,30 30,48 52,66 52,90 28,100 5,89 8,66 30,48 50,29 49,11"),
        ("rings", 3, "29,0 12,9 11,34 29,45 47,34 47,10 28,1 / 29,45 7,57 3,85 28,100 54,86 51,57 29,45"),
        ("open top", 2, "44,6 24,0 8,14 15,36 36,52 53,73 44,95 20,99 5,83 14,62 35,46 52,24 54,7"),
        ("narrow", 2, "37,11 22,0 7,11 9,32 22,48 38,67 36,92 20,100 4,89 6,66 21,48 37,30 37,11"),
        ("from the waist", 1.5, "29,47 48,30 46,8 28,0 10,9 10,31 29,47 51,66 51,90 29,100 6,90 8,66 29,47"),
    ),
    9: _ways(
        ("straight leg", 4, "52,16 35,1 12,6 1,28 11,48 32,49 48,34 53,7! 53,38 52,69 51,100"),
        ("leaning leg", 3, "51,14 34,0 11,7 2,29 13,48 33,47 48,31 54,8! 49,39 42,70 34,100"),
        ("curved leg", 3, "52,16 35,0 11,7 1,31 15,50 37,46 51,27 53,13! 53,47 43,82 17,99"),
        ("tiny loop", 1.5, "39,9 24,0 9,7 6,23 18,33 33,26 40,8! 39,38 37,69 34,100"),
        ("hooked", 2.5, "51,14 34,1 11,7 2,28 13,47 34,45 48,30 53,11! 54,52 50,85 31,100 10,96 1,84"),
        ("one sweep", 2, "50,30 52,14 34,0 11,6 2,28 16,46 39,41 51,20! 52,48 46,76 34,100"),
    ),
}

"""Writing that runs over a straight edge between light and dark paper, brought onto one paper.

A dark column of a form, the dark beyond a sheet's edge in a photograph, print in reverse: where the paper
changes polarity along a whole straight line, the strokes do too. Takes and gives grey pixels; does not know
strokes or digits.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import Grey

_STEP = 64  # grey levels between neighbours on either side of a seam
_WHOLE = 0.5  # of its length has that step, and its ends: elsewhere the edge of a stroke may lie on it
_PAPERS = 96  # grey levels between the two papers
_PLAIN = 0.8  # of a part's two ends is paper
_NARROWEST = 1 / 8  # of the side: a part is that wide, a line of a form is not
_MOST = 4  # seams
_WRITTEN = 0.02  # of a part: without so much ink in it, the part itself was what is written, a 1
_SMALLEST = 16  # px


def on_one_paper(grey: Grey) -> Grey:
    """Return a scan, uint8 [h, w], with every other part turned over where its paper changes polarity."""
    if min(grey.shape) < _SMALLEST:
        return grey
    for picture, turned in ((grey, False), (grey.T, True)):
        evened = _evened(picture)
        if evened is not None:
            return np.ascontiguousarray(evened.T) if turned else evened
    return grey


def _evened(grey: Grey) -> Grey | None:
    """Turn every other part between upright seams over; None where there are none, or nothing is written."""
    if any(int(end.max()) - int(end.min()) < _PAPERS for end in (grey[0], grey[-1])):
        return None
    ends = grey[[0, -1]].astype(np.int16)
    seams = _seams(grey)
    parts = [slice(*edges) for edges in pairwise([0, *seams, grey.shape[1]])]
    narrowest = min(part.stop - part.start for part in parts)
    if not 0 < len(seams) <= _MOST or narrowest < _NARROWEST * grey.shape[1]:
        return None
    papers = [int(np.median(ends[:, part])) for part in parts[:2]]
    plain = [
        (np.abs(ends[:, part] - papers[number % 2]) < _PAPERS / 2).mean() for number, part in enumerate(parts)
    ]
    if abs(papers[0] - papers[1]) < _PAPERS or min(plain) < _PLAIN:
        return None
    evened = grey.copy()
    for part in parts[1::2]:
        evened[:, part] = np.clip(sum(papers) - grey[:, part].astype(np.int16), 0, 255)
    ink = np.abs(evened - np.int16(papers[0])) > _STEP
    ink[:, [place + aside for place in seams for aside in (-1, 0)]] = False  # where a seam is blurred
    inner = parts[1:-1] if len(parts) > 2 else parts
    return evened if all(ink[:, part].mean() > _WRITTEN for part in inner) else None


def _seams(grey: Grey) -> list[int]:
    """Return the columns before which the picture turns over from top to bottom."""
    step = np.abs(np.subtract(grey[:, 2:], grey[:, :-2], dtype=np.int16)) > _STEP
    whole: NDArray[np.intp] = np.flatnonzero((step.mean(axis=0) > _WHOLE) & step[0] & step[-1])
    runs = np.split(whole, np.flatnonzero(np.diff(whole) > 1) + 1) if whole.size else []
    return [int(run[0]) + len(run) // 2 + 1 for run in runs]

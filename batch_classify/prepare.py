"""What a worker does with a file: read, decode, preprocess, and keep a thumbnail.

Runs close to the files, before the network; a file's pages leave as small plain values. Does not know where
the pages of a content that was seen before come from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import DEFAULT_LIMITS, Contents, Grey, decode, read
from batch_classify.preprocess import Prepared as Picture
from batch_classify.preprocess import preprocess, preprocess_all
from batch_classify.report.card import thumbnail
from batch_classify.row import Reason
from batch_classify.stamp import COARSE, Stamp

_SMALL = 64 * 64  # pixels; larger scans gain little together, and would have to be kept meanwhile


class Prepared(NamedTuple):
    """A page on its way to the network, or why it will not get there.

    `image` is uint8 [28, 28], or None for what could not be read: then `reason` and `detail` say why.
    With an image, `reason` is what the picture itself shows (blank, several digits, poor quality), or None,
    and `clean` whether it took the short way through `preprocess`, or None if that was in an earlier run.
    `thumbnail` is the scan made small, uint8 [height, width]. What could not be read has no `sha256`.

    `logits`, float32 [10], are there once the network has seen the image. `stamp` is the file's, if it was
    read now and a change since would show in its times; `stored` is whether the ledger has all of it already.
    """

    file: str
    sha256: str
    page: int | None
    width: int | None
    height: int | None
    reason: Reason | None
    detail: str = ""
    image: Grey | None = None
    thumbnail: Grey | None = None
    logits: NDArray[np.float32] | None = None
    stamp: Stamp | None = None
    stored: bool = False
    clean: bool | None = None


Recall = Callable[[str, str], list[Prepared]]
"""Takes a file and the SHA-256 of its content, and gives its pages; none where the content is new."""


def prepare_all(root: Path, files: Iterable[str], recall: Recall | None = None) -> list[Prepared]:
    """Return the pages of the files below `root`, in order and at least one of each.

    Never raises for what is in a file. Small scans are put through `preprocess` together, others at once.
    """
    # os.path.join takes a third of a Path's time.
    return prepare_contents(((file, _read(os.path.join(root, file))) for file in files), recall)  # noqa: PTH118


def prepare_contents(files: Iterable[tuple[str, Contents]], recall: Recall | None = None) -> list[Prepared]:
    """Do the same with files that were read wherever they lie; each is a name and its contents."""
    found: list[Prepared] = []
    waiting: list[tuple[int, Grey]] = []
    for file, contents in files:
        for page, grey in _pages(file, contents, recall):
            if grey is not None and grey.size <= _SMALL:
                waiting.append((len(found), grey))
            elif grey is not None:
                page = _seen(page, grey, preprocess(grey))
            found.append(page)
    for (place, grey), seen in zip(waiting, preprocess_all([grey for _, grey in waiting]), strict=True):
        found[place] = _seen(found[place], grey, seen)
    return found


def _read(path: str) -> Contents:
    """Read a file; without its stamp if a change might not show in it."""
    begun = time.time_ns()
    contents = read(path, DEFAULT_LIMITS)
    if contents.stamp and contents.stamp.touched_within(COARSE, begun):
        return replace(contents, stamp=None)
    return contents


def _pages(file: str, contents: Contents, recall: Recall | None) -> Iterator[tuple[Prepared, Grey | None]]:
    """Yield the pages of a file, with the pixels of those that are new and could be decoded."""
    stamp = contents.stamp
    known = recall(file, contents.sha256) if recall and contents.sha256 else []
    if known:
        yield from ((page._replace(stamp=stamp), None) for page in known)
        return
    for page in [contents.problem] if contents.problem else decode(contents.data or b"", DEFAULT_LIMITS):
        place = (file, contents.sha256, page.number, page.width, page.height)
        yield Prepared(*place, page.reason, page.detail, stamp=stamp), page.grey


def _seen(page: Prepared, grey: Grey, seen: Picture) -> Prepared:
    return page._replace(
        reason=seen.finding,
        detail=seen.detail,
        image=seen.image,
        thumbnail=thumbnail(grey),
        clean=seen.clean,
    )


def crashed(root: Path, file: str) -> Prepared:
    """Stand in for a file that took its worker process down with it, twice, or kept it too long."""
    return crashed_on(file, read(root / file, DEFAULT_LIMITS))


def crashed_on(file: str, contents: Contents) -> Prepared:
    """Stand in for a file that is read already and crashed its decoder."""
    detail = "reading it crashed the decoder, or took too long or too much memory"
    return Prepared(file, contents.sha256, None, None, None, Reason.UNREADABLE, detail, stamp=contents.stamp)


def deferred(file: str) -> Prepared:
    """Stand in for a file that is left to the next run, since it was touched a moment ago."""
    detail = "the file was touched a moment ago"
    return Prepared(file, "", None, None, None, Reason.BEING_WRITTEN, detail)

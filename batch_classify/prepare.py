"""What a worker does with a file: read, decode, preprocess, and keep a thumbnail.

Runs close to the files, before the network; a file's pages leave as small plain values. Does not know where
the pages of a content that was seen before come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import DEFAULT_LIMITS, Grey, Page, decode, read
from batch_classify.preprocess import preprocess
from batch_classify.report.card import thumbnail
from batch_classify.row import Reason
from batch_classify.stamp import Stamp

_COARSE = 2.0  # seconds; the times of some file systems are no finer


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page on its way to the network, or why it will not get there.

    `image` is uint8 [28, 28], or None for what could not be read: then `reason` and `detail` say why.
    With an image, `reason` is what the picture itself shows (blank, several digits, poor quality), or None.
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


Recall = Callable[[str, str], list[Prepared]]
"""Takes a file and the SHA-256 of its content, and gives its pages; none where the content is new."""


def prepare(root: Path, file: str, recall: Recall | None = None) -> Iterator[Prepared]:
    """Yield the pages of `file` below `root`, at least one; never raises for what is in the file."""
    begun = time.time_ns()
    contents = read(root / file, DEFAULT_LIMITS)
    stamp = contents.stamp
    if stamp and stamp.touched_within(_COARSE, begun):
        stamp = None
    known = recall(file, contents.sha256) if recall and contents.sha256 else []
    if known:
        yield from (replace(page, stamp=stamp) for page in known)
        return
    pages = [contents.problem] if contents.problem else decode(contents.data or b"", DEFAULT_LIMITS)
    for page in pages:
        yield replace(_prepared(file, contents.sha256, page), stamp=stamp)


def prepare_all(root: Path, files: Sequence[str], recall: Recall | None = None) -> list[Prepared]:
    """Prepare several files, in order."""
    return [page for file in files for page in prepare(root, file, recall)]


def crashed(root: Path, file: str) -> Prepared:
    """Stand in for a file that took its worker process down with it, twice, or kept it too long."""
    contents = read(root / file, DEFAULT_LIMITS)
    detail = "reading it crashed the decoder, or took too long or too much memory"
    return Prepared(file, contents.sha256, None, None, None, Reason.UNREADABLE, detail, stamp=contents.stamp)


def deferred(file: str) -> Prepared:
    """Stand in for a file that is left to the next run, since it was touched a moment ago."""
    detail = "the file was touched a moment ago"
    return Prepared(file, "", None, None, None, Reason.BEING_WRITTEN, detail)


def _prepared(file: str, sha256: str, page: Page) -> Prepared:
    place = (file, sha256, page.number, page.width, page.height)
    if page.grey is None:
        return Prepared(*place, page.reason, page.detail)
    seen = preprocess(page.grey)
    return Prepared(*place, seen.finding, seen.detail, seen.image, thumbnail(page.grey))

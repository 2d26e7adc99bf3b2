"""What a worker does with a file: read, decode, preprocess, and keep a thumbnail.

Runs close to the files, before the network; a file's pages leave as small plain values. Does not know where
the pages of a content that was seen before are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import DEFAULT_LIMITS, Contents, Grey, decode, read
from batch_classify.preprocess import preprocess
from batch_classify.report.card import thumbnail
from batch_classify.row import Reason
from batch_classify.stamp import COARSE, Stamp

_LITTLE, _SOME = 2**16, 64  # bytes, and files: what is asked for together, and read before any is decoded


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


class Known(NamedTuple):
    """A file whose content was seen before, so that nothing of it was decoded; `stamp` is as of a page."""

    file: str
    sha256: str
    stamp: Stamp | None


Knows = Callable[[Sequence[str]], Container[str]]
"""Takes the SHA-256 of some contents, and gives those whose pages are known."""

File = tuple[str, Contents]


def prepare_all(root: Path, files: Iterable[str]) -> list[Prepared]:
    """Return the pages of the files below `root`, in order and at least one of each.

    Never raises for what is in a file.
    """
    return prepare_contents(_read(root, files))


def prepare_new(root: Path, files: Iterable[str], knows: Knows) -> tuple[list[Prepared], list[Known]]:
    """Do the same, but sort out the files whose content is known."""
    known: list[Known] = []

    def new() -> Iterator[File]:
        for some in _together(_read(root, files)):
            there = knows([contents.sha256 for _, contents in some if contents.sha256])
            for file, contents in some:
                if contents.sha256 in there:
                    known.append(Known(file, contents.sha256, contents.stamp))
                else:
                    yield file, contents

    return prepare_contents(new()), known


def prepare_contents(files: Iterable[File]) -> list[Prepared]:
    """Return the pages of files that were read wherever they lie; each is a name and its contents."""
    return [page for file, contents in files for page in _pages(file, contents)]


def _read(root: Path, files: Iterable[str]) -> Iterator[File]:
    """Read files one by one; one has no stamp if a change might not show in it."""
    place = os.fspath(root)
    for file in files:
        begun = time.time_ns()
        contents = read(os.path.join(place, file), DEFAULT_LIMITS)  # noqa: PTH118 - a fifth of a Path's time
        if contents.stamp and contents.stamp.touched_within(COARSE, begun):
            contents = contents._replace(stamp=None)
        yield file, contents


def _together(files: Iterable[File]) -> Iterator[list[File]]:
    """Yield files by the dozen, as long as what is in them is little to hold."""
    some, size = list[File](), 0
    for file, contents in files:
        some.append((file, contents))
        size += len(contents.data or b"")
        if size > _LITTLE or len(some) == _SOME:
            yield some
            some, size = [], 0
    if some:
        yield some


def _pages(file: str, contents: Contents) -> Iterator[Prepared]:
    """Yield the pages of a file."""
    for page in [contents.problem] if contents.problem else decode(contents.data or b"", DEFAULT_LIMITS):
        found = Prepared(
            *(file, contents.sha256, page.number, page.width, page.height, page.reason, page.detail),
            stamp=contents.stamp,
        )
        if page.grey is not None:
            seen = preprocess(page.grey)
            found = found._replace(
                reason=seen.finding,
                detail=seen.detail,
                image=seen.image,
                thumbnail=thumbnail(page.grey),
                clean=seen.clean,
            )
        yield found


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

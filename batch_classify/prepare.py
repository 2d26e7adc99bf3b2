"""What a worker does with a file: read, decode, preprocess, and keep a thumbnail.

Runs close to the files, before the network; a file's pages leave as small plain values. Does not know where
the pages of a content that was seen before are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import DEFAULT_LIMITS, Contents, Grey, decode, read, read_some
from batch_classify.preprocess import preprocess
from batch_classify.report.card import thumbnail
from batch_classify.row import Reason
from batch_classify.stamp import COARSE_NS, Stamp

_LITTLE, _SOME = 2**19, 64  # bytes or px, and how many: so much goes through a step before the next


class Prepared(NamedTuple):
    """A page on its way to the network, or why it will not get there.

    `image` is uint8 [28, 28], or None for what could not be read: then `reason` and `detail` say why.
    With an image, `reason` is what the picture itself shows (blank, several digits, poor quality), or None,
    and `clean` whether it took the short way through `preprocess`, or None if that was in an earlier run.
    `thumbnail` is the scan made small, for the page. What could not be read has no `sha256`.

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


Page = Prepared | Known
"""A page that was read, or a file of which no page was."""

Knows = Callable[[Sequence[str]], Container[str]]
"""Takes the SHA-256 of some contents, and gives those whose pages are known."""

File = tuple[str, Contents]
Decoded = tuple[Prepared, Grey | None]
Item = TypeVar("Item")


def prepare_all(root: Path, files: Iterable[str]) -> list[Prepared]:
    """Return the pages of the files below `root`, in order and at least one of each.

    Never raises for what is in a file.
    """
    return prepare_new(root, files, lambda contents: ())[0]


def prepare_new(
    root: Path, files: Iterable[str], knows: Knows, begin: Callable[[], None] = lambda: None
) -> tuple[list[Prepared], list[Known]]:
    """Do the same, but sort out the files whose content is known; call `begin` before each file."""
    known: list[Known] = []

    def new() -> Iterator[File]:
        for some in _together(_read(root, files, begin), _bytes):
            there = knows([contents.sha256 for _, contents in some if contents.sha256])
            for file, contents in some:
                if contents.sha256 in there:
                    known.append(Known(file, contents.sha256, contents.stamp))
                else:
                    yield file, contents

    return prepare_contents(new()), known


def prepare_contents(files: Iterable[File]) -> list[Prepared]:
    """Return the pages of files that were read wherever they lie; each is a name and its contents."""
    return [page for some in _together(_pages(files), _pixels) for page in _prepared(some)]


def _read(root: Path, files: Iterable[str], begin: Callable[[], None]) -> Iterator[File]:
    """Read files; one has no stamp if a change might not show in it."""
    place = os.path.join(root, "")  # noqa: PTH118 - with the slash, which a Path drops
    files = iter(files)
    while some := list(islice(files, _SOME)):
        begun = time.time_ns() - COARSE_NS
        found = read_some([place + file for file in some], DEFAULT_LIMITS)
        for file in some:
            begin()
            contents = next(found)
            if contents.stamp and contents.stamp.touched_between(begun, time.time_ns() + COARSE_NS):
                contents = contents._replace(stamp=None)
            yield file, contents


def _together(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield items by the dozen, as long as they are little to hold."""
    some, sizes = list[Item](), 0
    for item in items:
        some.append(item)
        sizes += size(item)
        if sizes > _LITTLE or len(some) == _SOME:
            yield some
            some, sizes = [], 0
    if some:
        yield some


def _bytes(file: File) -> int:
    return len(file[1].data or b"")


def _pixels(decoded: Decoded) -> int:
    return 0 if decoded[1] is None else decoded[1].size


def _pages(files: Iterable[File]) -> Iterator[Decoded]:
    """Decode the pages of files."""
    for file, contents in files:
        problem = contents.problem
        for page in [problem] if problem else decode(contents.data or b"", DEFAULT_LIMITS):
            found = Prepared(
                *(file, contents.sha256, page.number, page.width, page.height, page.reason, page.detail),
                stamp=contents.stamp,
            )
            yield found, page.grey


def _prepared(some: Sequence[Decoded]) -> Iterator[Prepared]:
    """Yield what becomes of some decoded pages.

    They go through each step together, so that its code stays in the cache: small ones take two thirds of the
    time (experiment 38).
    """
    seen = [None if grey is None else preprocess(grey) for _, grey in some]
    thumbnails = [None if grey is None else thumbnail(grey) for _, grey in some]
    for (found, _), picture, small in zip(some, seen, thumbnails, strict=True):
        if picture is None:
            yield found
        else:
            yield found._replace(
                reason=picture.finding,
                detail=picture.detail,
                image=picture.image,
                thumbnail=small,
                clean=picture.clean,
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

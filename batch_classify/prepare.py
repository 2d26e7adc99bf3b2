"""What a worker does with a file: read, decode, preprocess, and keep a thumbnail.

Runs close to the files, before the network; a file's pages leave as small plain values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_classify.decode import DEFAULT_LIMITS, Grey, Page, decode, read
from batch_classify.preprocess import preprocess
from batch_classify.report.card import thumbnail
from batch_classify.row import Reason


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page on its way to the network, or why it will not get there.

    `image` is uint8 [28, 28], or None for what could not be read: then `reason` and `detail` say why.
    With an image, `reason` is what the picture itself shows (blank, several digits), or None.
    `thumbnail` is the scan made small, uint8 [height, width].
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


def prepare(root: Path, file: str) -> Iterator[Prepared]:
    """Yield the pages of `file` below `root`, at least one; never raises for what is in the file."""
    contents = read(root / file, DEFAULT_LIMITS)
    pages = [contents.problem] if contents.problem else decode(contents.data or b"", DEFAULT_LIMITS)
    for page in pages:
        yield _prepared(file, contents.sha256, page)


def prepare_all(root: Path, files: Sequence[str]) -> list[Prepared]:
    """Prepare several files, in order."""
    return [page for file in files for page in prepare(root, file)]


def crashed(file: str) -> Prepared:
    """Stand in for a file that took its worker process down with it."""
    return Prepared(file, "", None, None, None, Reason.UNREADABLE, "reading it crashed the decoder")


def _prepared(file: str, sha256: str, page: Page) -> Prepared:
    place = (file, sha256, page.number, page.width, page.height)
    if page.grey is None:
        return Prepared(*place, page.reason, page.detail)
    seen = preprocess(page.grey)
    return Prepared(*place, seen.finding, "", seen.image, thumbnail(page.grey))

"""Which files are read and which are not, in `batch_classify.intake`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify import decode as decode_module
from batch_classify import prepare as prepare_module
from batch_classify.intake import chunks, intake
from batch_classify.ledger import Edition, Ledger
from batch_classify.prepare import Known, Prepared
from batch_classify.row import Reason
from train.generator import draw_digit

NAMES = [f"{number}.png" for number in range(6)]
LONG_AGO = 10**18
LOGITS = np.zeros(10, np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of six scans that differ."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        cv2.imwrite(str(folder / name), 255 - draw_digit(number, np.random.default_rng(number), 40))
    return folder


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock a minute ahead, so that what was just written counts as at rest."""
    now = itertools.count(prepare_module.time.time_ns() + 60 * 10**9)
    monkeypatch.setattr(prepare_module.time, "time_ns", lambda: next(now))


@pytest.fixture
def ledger(tmp_path: Path, root: Path) -> Ledger:
    """A ledger that knows nothing yet."""
    return Ledger(tmp_path, root, Edition.of("", ""), fresh=False, warn=pytest.fail)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the files that were decoded from here on."""
    sizes: list[int] = []
    decode = decode_module.decode
    monkeypatch.setattr(
        prepare_module, "decode", lambda data, limits: sizes.append(len(data)) or decode(data, limits)
    )
    return sizes


def take_in(
    root: Path, ledger: Ledger | None = None, *, settle: float = 0, workers: int = 0
) -> list[Prepared]:
    """Take the six files in, two at a time, and keep what is new as the job does."""
    pages: list[Prepared] = []
    for found in intake(root, NAMES, size=2, workers=workers, ledger=ledger, settle=settle):
        batch = [page for page in found if isinstance(page, Prepared)]
        if ledger:
            ledger.keep([page if page.image is None else page._replace(logits=LOGITS) for page in batch])
        pages += batch
    return pages


def names_of(pages: Sequence[Prepared | Known]) -> list[str]:
    """The files of the pages."""
    return [page.file for page in pages]


@pytest.mark.usefixtures("later")
def test_nothing_is_read_of_unchanged_files(
    root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time no file is opened, and the pages are the same, in the same order."""
    first = take_in(root, ledger)
    monkeypatch.setattr(prepare_module, "read", lambda path, limits: pytest.fail(f"{path} was read"))
    second = take_in(root, ledger)
    assert names_of(second) == names_of(first) == NAMES
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.thumbnail, other.thumbnail)
        assert one.sha256 == other.sha256
        assert other.stored


@pytest.mark.usefixtures("later")
def test_no_worker_starts_for_unchanged_files(
    root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun pays for no process."""
    take_in(root, ledger)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.submit", lambda *_: pytest.fail("started"))
    assert names_of(take_in(root, ledger, workers=2)) == NAMES


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("workers", [0, 2])
def test_new_and_known_files_keep_their_order(root: Path, ledger: Ledger, workers: int) -> None:
    """Files that changed are read among those that did not."""
    take_in(root, ledger)
    (root / "4.png").write_bytes(b"not a picture")
    (root / "1.png").unlink()
    pages = take_in(root, ledger, workers=workers)
    assert names_of(pages) == NAMES
    assert [page.stored for page in pages] == [True, False, True, True, False, True]
    assert [pages[1].reason, pages[4].reason] == [Reason.VANISHED, Reason.UNSUPPORTED]


@pytest.mark.usefixtures("later")
def test_renamed_and_touched_files_are_known_by_content(
    root: Path, ledger: Ledger, decoded: list[int]
) -> None:
    """They are read and hashed, and not decoded."""
    take_in(root, ledger)
    (root / "0.png").rename(root / "spare")
    (root / "5.png").rename(root / "0.png")
    (root / "spare").rename(root / "5.png")
    os.utime(root / "3.png", ns=(LONG_AGO, LONG_AGO))
    decoded.clear()
    pages = take_in(root, ledger)
    assert decoded == []
    assert all(page.stored for page in pages)


def test_workers_know_contents_too(root: Path, ledger: Ledger) -> None:
    """A worker asks the ledger before it decodes; these files are too young to be known by their stamps."""
    take_in(root, ledger)
    assert all(page.stored and page.logits is not None for page in take_in(root, ledger, workers=2))


@given(st.integers(0, 40_000), st.integers(1, 100), st.integers(1, 600))
def test_large_folders_are_cut_into_larger_chunks(files: int, size: int, most: int) -> None:
    """Each file is in one chunk, in order; all are full, but for the last; none is a large part of all."""
    found = list(chunks(map(str, range(files)), size, most))
    assert [name for chunk in found for name in chunk] == [str(number) for number in range(files)]
    lengths = [len(chunk) for chunk in found]
    assert all(size <= length <= max(size, most, 1) for length in lengths[:-1])
    assert all(length <= max(size, files / 32) for length in lengths)


def test_what_is_answered_comes_without_its_pages(root: Path, ledger: Ledger) -> None:
    """Of a content whose rows the caller has, nothing is fetched from the ledger."""
    digests = {page.sha256 for page in take_in(root, ledger)}
    (batch,) = intake(root, NAMES, size=6, workers=0, ledger=ledger, answered=digests)
    assert [type(page) for page in batch] == [Known] * 6
    assert names_of(batch) == NAMES


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_ledger_has_lost_meanwhile_is_read(
    root: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """A worker knew the content, and then the ledger was set aside as damaged: every file has its pages."""
    first = take_in(root, ledger)
    monkeypatch.setattr(ledger, "recall", lambda file, sha256: [])
    second = take_in(root, ledger, workers=workers)
    assert names_of(second) == NAMES
    assert [page.stored for page in second] == [False] * 6
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.image, other.image)


@pytest.mark.usefixtures("later")
def test_broken_files_are_not_tried_again_until_they_change(
    root: Path, ledger: Ledger, decoded: list[int]
) -> None:
    """A decoder sees each broken content once; what has passed is seen in the next run."""
    (root / "2.png").write_bytes((root / "2.png").read_bytes()[:100])
    (root / "3.png").rename(root / "away")
    assert [page.reason for page in take_in(root, ledger)][2:4] == [Reason.UNREADABLE, Reason.VANISHED]
    (root / "away").rename(root / "3.png")
    decoded.clear()
    assert [page.reason for page in take_in(root, ledger)][2:4] == [Reason.UNREADABLE, None]
    assert decoded == [(root / "3.png").stat().st_size]
    (root / "2.png").write_bytes((root / "0.png").read_bytes())
    assert take_in(root, ledger)[2].reason is None


@pytest.mark.usefixtures("later")
def test_files_touched_a_moment_ago_are_deferred(root: Path, ledger: Ledger) -> None:
    """With time to settle they wait, whether known or not; without, and later, they are read."""
    take_in(root, ledger)
    assert {page.reason for page in take_in(root, ledger, settle=3600)} == {Reason.BEING_WRITTEN}
    assert {page.sha256 for page in take_in(root, settle=3600)} == {""}
    assert {page.reason for page in take_in(root, settle=10)} == {None}


@pytest.mark.usefixtures("nothing_is_small")
def test_a_file_that_grows_while_it_is_read_is_deferred(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even without time to settle, half a file is not taken for a whole one, nor remembered."""
    read = os.read

    def read_and_grow(file: int, size: int) -> bytes:
        part = read(file, size)
        if Path(f"/proc/self/fd/{file}").readlink().name == "2.png":
            with (root / "2.png").open("ab") as other:
                other.write(b"more")
            return b"" if len(part) <= 4 else part
        return part

    monkeypatch.setattr(os, "read", read_and_grow)
    pages = take_in(root)
    assert [page.reason for page in pages] == [None, None, Reason.BEING_WRITTEN, None, None, None]
    assert pages[2].sha256 == ""


def test_without_a_ledger_everything_is_read(root: Path, decoded: list[int]) -> None:
    """As in `classify_folder`, which leaves nothing behind."""
    assert names_of(take_in(root)) == names_of(take_in(root)) == NAMES
    assert len(decoded) == 12

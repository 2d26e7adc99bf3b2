"""What the file system says of a file, in `batch_classify.stamp`."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from batch_classify.stamp import Stamp

SECOND = 10**9


def test_a_stamp_is_what_stat_says(tmp_path: Path) -> None:
    """Size, both times and inode; a write, a rename of another file and a link change it."""
    (tmp_path / "a").write_bytes(b"12345")
    status = (tmp_path / "a").stat()
    assert Stamp.of(status) == (5, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    os.utime(tmp_path / "a", ns=(1, 1))
    assert Stamp.of((tmp_path / "a").stat()).mtime_ns == 1


@pytest.mark.parametrize(
    ("mtime", "ctime", "seconds", "touched"),
    [
        (95, 50, 10, True),
        (50, 95, 10, True),  # copied with its old time, just now
        (50, 50, 10, False),
        (90, 90, 10, False),
        (105, 50, 10, True),  # a server's clock is ahead
        (900, 50, 10, False),  # a camera's clock is wrong
        (100, 100, 0, False),
    ],
)
def test_touched_within(mtime: int, ctime: int, seconds: float, touched: bool) -> None:
    """Either time counts, on both sides of now, which is 100 s here."""
    stamp = Stamp(0, mtime * SECOND, ctime * SECOND, 0)
    assert stamp.touched_within(seconds, 100 * SECOND) is touched


@pytest.mark.parametrize(
    ("mtime", "ctime", "touched"),
    [(90, 50, False), (91, 50, True), (50, 99, True), (50, 100, False), (80, 120, False)],
)
def test_touched_between(mtime: int, ctime: int, touched: bool) -> None:
    """Either time counts, here between 90 and 100."""
    assert Stamp(0, mtime, ctime, 0).touched_between(90, 100) is touched


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_touched_within_any_time(seconds: float) -> None:
    """Nobody has to settle on a sensible number."""
    assert Stamp(0, 1, 1, 0).touched_within(seconds, 100 * SECOND)


def test_a_stamp_has_64_bits_with_a_sign() -> None:
    """As the ledger and C have them: inode numbers may need the last one, and far times more."""
    status = SimpleNamespace(st_size=5, st_mtime_ns=2**63, st_ctime_ns=2**64 + 1, st_ino=2**64 - 1)
    assert Stamp.of(status) == (5, -(2**63), 1, -1)  # type: ignore[arg-type]

"""One run at a time, in `batch_classify.lock`."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import _api as filelock_api

from batch_classify.errors import ExitCode, JobError
from batch_classify.lock import LOCK, locked


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """A lock that somebody else holds: its file descriptor."""
    with (tmp_path / LOCK).open("w") as file:
        file.write("process 4711 on elsewhere since 2026-11-21 02:00:00 UTC")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def test_a_second_run_is_refused_and_told_who_holds_the_lock(tmp_path: Path, held: int) -> None:
    """The code is LOCKED, and the message has the holder and the ways out."""
    with (
        pytest.raises(JobError, match=r"process 4711 on elsewhere.*--wait.*--out") as refusal,
        locked(tmp_path),
    ):
        pytest.fail("two runs at once")
    assert refusal.value.code is ExitCode.LOCKED


def test_a_run_waits_for_the_other(tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With time to wait it gets the lock once the other lets go, here when it first pauses to ask again."""
    monkeypatch.setattr(filelock_api.time, "sleep", lambda seconds: fcntl.flock(held, fcntl.LOCK_UN))
    with locked(tmp_path, wait=60):
        assert f"process {os.getpid()} on " in (tmp_path / LOCK).read_text()


def test_the_wait_ends(tmp_path: Path, held: int) -> None:
    """A wait that is too short ends like none."""
    with pytest.raises(JobError) as refusal, locked(tmp_path, wait=0.01):
        pytest.fail("two runs at once")
    assert refusal.value.code is ExitCode.LOCKED


def test_the_holder_names_itself_and_lets_go(tmp_path: Path) -> None:
    """While it is held the file says by which process, where and since when; then the next one gets it."""
    for _ in range(2):
        with locked(tmp_path):
            assert re.fullmatch(
                rf"process {os.getpid()} on \S+ since [\d-]+ [\d:]+ UTC", (tmp_path / LOCK).read_text()
            )


def test_a_holder_that_died_holds_nothing(tmp_path: Path) -> None:
    """The kernel drops the lock with its process, however that ended; the file alone locks nothing."""
    child = os.fork()
    if child == 0:
        fcntl.flock(os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    with locked(tmp_path):
        pass

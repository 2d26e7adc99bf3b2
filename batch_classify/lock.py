"""One run at a time in a results folder: a lock that the kernel drops when the process that holds it dies.

Knows who holds the lock; knows nothing of what a run does.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from batch_classify.errors import ExitCode, JobError

LOCK = ".lock"
_ASK_EVERY = 0.2  # seconds, while waiting


@contextmanager
def locked(results: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of an existing folder, waiting up to `wait` seconds for a run that holds it.

    The file stays behind: removing it would let two runs hold two locks of the same name. Raises JobError
    (LOCKED) that names the holder, and OSError where the folder cannot be written to or its file system
    has no locks.
    """
    path = results / LOCK
    lock = FileLock(path, poll_interval=_ASK_EVERY, fallback_to_soft=False)
    try:
        held = lock.acquire(timeout=wait)
    except Timeout as error:
        raise JobError(
            ExitCode.LOCKED,
            f"{results} is in use by {_holder(path)}. Let it finish, wait for it with --wait SECONDS, "
            "or name another folder with --out.",
        ) from error
    with held:
        path.write_text(
            f"process {os.getpid()} on {platform.node()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            encoding="utf-8",
        )
        yield


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another run"
    except OSError:
        return "another run"

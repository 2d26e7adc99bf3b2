"""The results folder: a run's folder appears whole or not at all, and `latest` leads to the newest.

Knows folders and names; knows nothing of what a run writes into its folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from batch_classify.errors import ExitCode, JobError

LATEST = "latest"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(results: Path) -> Iterator[Path]:
    """Give a fresh temporary folder in `results`; it is gone afterwards unless `publish` renamed it.

    Creates `results` if need be. Raises JobError (OUTPUT) at once if nothing can be written there, and for
    an OSError that names a file in the temporary folder.
    """
    latest = results / LATEST
    try:
        results.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".run-", suffix=".partial", dir=results))
    except OSError as error:
        raise _cannot_write(results, error.strerror) from error
    try:
        if latest.exists() and not latest.is_symlink():
            raise _cannot_write(results, f"{LATEST} is not a link there; move it away")
        yield partial
    except OSError as error:
        # A full disk shows when a file is written to, and then the error does not say which.
        if error.errno in _DISK_FULL or _is_below(partial, error.filename):
            raise _cannot_write(results, error.strerror) from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, started: datetime) -> Path:
    """Rename a finished temporary folder to the time of its run, and point `latest` at it."""
    results = partial.parent
    partial.chmod(0o777 & ~_umask())  # mkdtemp keeps others out; results are for whoever may read the folder
    stem = started.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    try:
        for number in count(1):
            folder = results / (stem if number == 1 else f"{stem}-{number}")
            if _renamed(partial, folder):
                break
        link = results / f".{folder.name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
        link.replace(results / LATEST)
    except OSError as error:
        raise _cannot_write(results, error.strerror) from error
    return folder


def _renamed(partial: Path, folder: Path) -> bool:
    """Rename, unless the name is taken (by a run of the same second, perhaps just now)."""
    if folder.exists():  # a rename would silently replace an empty folder
        return False
    try:
        partial.rename(folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _is_below(folder: Path, name: str | bytes | int | None) -> bool:
    return isinstance(name, (str, bytes)) and Path(os.fsdecode(name)).is_relative_to(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(results: Path, problem: str | None) -> JobError:
    return JobError(
        ExitCode.OUTPUT,
        f"cannot write results to {results}: {problem}. Free the place, or name another folder with --out.",
    )

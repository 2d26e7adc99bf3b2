"""The results folder: a run's folder appears whole or not at all, and `latest` leads to the newest.

Knows folders and names, and that a run's record makes a folder one of ours; knows nothing else of what a
run writes into its folder.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from batch_classify.errors import ExitCode, JobError
from batch_classify.lock import locked
from batch_classify.uri import Uri

LATEST, RECORD = "latest", "run.json"
_PARTIAL = ".run-", ".partial"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)(?:-(\d+))?")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing(results: Path, wait: float = 0.0) -> Iterator[Path]:
    """Give a fresh temporary folder in `results`; it is gone afterwards unless `publish` renamed it.

    Creates `results` if need be, holds its lock meanwhile, and clears away what a killed run left half done.
    Raises JobError (LOCKED) if another run still holds it after `wait` seconds; (OUTPUT) at once if nothing
    can be written there, and for an OSError that names a file in the temporary folder.
    """
    latest = results / LATEST
    with ExitStack() as stack:
        if latest.exists() and not latest.is_symlink():
            raise cannot_write(results, f"{LATEST} is not a link there; move it away")
        try:
            results.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(results, wait))
            _sweep(results)
            partial = Path(tempfile.mkdtemp(prefix=_PARTIAL[0], suffix=_PARTIAL[1], dir=results))
        except OSError as error:
            raise cannot_write(results, error.strerror) from error
        try:
            yield partial
        except OSError as error:
            # A full disk shows when a file is written to, and then the error does not say which.
            if error.errno in _DISK_FULL or _is_below(partial, error.filename):
                raise cannot_write(results, error.strerror) from error
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, started: datetime) -> Path:
    """Rename a finished temporary folder to the time of its run, and point `latest` at it.

    Everything is on the disk before it has its name, so that a power cut leaves no empty report under one.
    """
    results = partial.parent
    stem = started.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    try:
        # mkdtemp keeps others out; results are for whoever may read the folder
        partial.chmod(0o777 & ~_umask())
        for path in (*partial.rglob("*"), partial):
            _sync(path)
        for number in count(1):
            folder = results / (stem if number == 1 else f"{stem}-{number}")
            if _renamed(partial, folder):
                break
        link = results / f".{folder.name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
        link.replace(results / LATEST)
        _sync(results)
    except OSError as error:
        raise cannot_write(results, error.strerror) from error
    return folder


def prune(results: Path, keep: int) -> int:
    """Delete all but the `keep` newest runs' folders, and return how many; the lock must be held.

    Only what bears a run's name and holds a run's record is one; what `latest` leads to always stays.
    Raises OSError if one cannot be deleted.
    """
    latest = (results / LATEST).resolve().name
    runs = sorted((place, folder) for folder in results.iterdir() if (place := _place_of_run(folder)))
    spare = [folder for _, folder in runs[: max(0, len(runs) - keep)] if folder.name != latest]
    for folder in spare:
        # Half deleted it must not bear a run's name; the next run sweeps it away.
        leaving = folder.rename(results / f"{_PARTIAL[0]}{folder.name}{_PARTIAL[1]}")
        shutil.rmtree(leaving)
    return len(spare)


def _place_of_run(folder: Path) -> tuple[str, int] | None:
    """Return where a run's folder stands among the others, oldest first; None for anything else."""
    name = _NAME.fullmatch(folder.name)
    if name is None or folder.is_symlink():
        return None
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(record, dict) and {"schema", "rows", "model"} <= record.keys()
    return (name[1], int(name[2] or 1)) if ours else None


def _sweep(results: Path) -> None:
    """Delete what runs that were killed have left behind; none is at work, since this one has the lock."""
    for entry in results.iterdir():
        if entry.name.startswith(_PARTIAL[0]) and entry.name.endswith(_PARTIAL[1]):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_symlink() and entry.name.startswith(".") and entry.name.endswith(".link"):
            entry.unlink()


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


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


def cannot_write(results: Path | Uri, problem: str | None) -> JobError:
    """Return the error of a results folder that cannot be written, for the caller to raise."""
    return JobError(
        ExitCode.OUTPUT,
        f"cannot write results to {results}: {problem}. Free the place, or name another folder with --out.",
    )

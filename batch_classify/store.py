"""Results below an address: a run is written here and goes there when it is complete, `latest.json` last.

A store has neither links nor renames, so a report is there once `latest.json` names it. Knows addresses, and
that people's answers are kept beside the reports; not what a report is made of. Needs the extra `ray`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batch_classify.corrections import CORRECTIONS
from batch_classify.errors import JobError
from batch_classify.job import TABLE, Outcome
from batch_classify.lease import leased
from batch_classify.objects import opened
from batch_classify.results import RECORD, cannot_write
from batch_classify.uri import Uri

LATEST = "latest.json"
SCHEMA = 1
"""Version of latest.json; grows when a key changes its meaning or goes away."""


def run_into(results: Uri, run: Callable[[Path], Outcome], wait: float = 0.0) -> Outcome:
    """Do a run into a folder of this machine, and copy its report below the address.

    Raises JobError (LOCKED) if another run still works there after `wait` seconds, (OUTPUT) if nothing can be
    written there, and what `run` raises; then `latest.json` and the earlier reports stay as they were.
    """
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory()))
        with _reached(results):
            check = stack.enter_context(leased(results, wait))
            fs, base = opened(results)
            if fs.exists(f"{base}/{CORRECTIONS}"):
                (place / CORRECTIONS).write_bytes(fs.cat_file(f"{base}/{CORRECTIONS}"))
        outcome = run(place)
        with _reached(results):
            check()
            if (place / CORRECTIONS).exists():
                fs.pipe_file(f"{base}/{CORRECTIONS}", (place / CORRECTIONS).read_bytes())
            return replace(outcome, folder=_published(fs, base, results, Path(outcome.folder)))


@contextmanager
def _reached(results: Uri) -> Iterator[None]:
    try:
        yield
    except JobError:
        raise
    except Exception as error:  # a store's library has errors of its own
        raise cannot_write(results, str(error)) from error


def _published(fs: Any, base: str, results: Uri, folder: Path) -> Uri:
    """Copy a run's folder, its record last, and then say that it is the latest."""
    names = chain([folder.name], (f"{folder.name}-{number}" for number in count(2)))
    name = next(name for name in names if not fs.exists(f"{base}/{name}/{RECORD}"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == RECORD):
        fs.put_file(str(path), f"{base}/{name}/{path.relative_to(folder).as_posix()}")
    latest = {"schema": SCHEMA, "run": name, "table": f"{name}/{TABLE}", "record": f"{name}/{RECORD}"}
    fs.pipe_file(f"{base}/{LATEST}", json.dumps(latest, indent=2).encode() + b"\n")
    return results / name

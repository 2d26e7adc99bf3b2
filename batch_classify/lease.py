"""One run at a time below an address: a marker object, written with a condition, which runs out by itself.

A store has no locks that go with their process. So the holder writes again and again that it is at work, and
a marker that says so no more is void: the next run writes one with the next number, which only one of several
can. Knows who holds the place; knows nothing of what a run does. Needs the extra `ray`.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, NamedTuple

from batch_classify.errors import ExitCode, JobError
from batch_classify.objects import opened
from batch_classify.uri import Uri

SECONDS = 600.0
"""So long after its last word a holder is taken to be at work; clocks should agree to a tenth of it."""
_ASK_EVERY = 5.0  # seconds, while waiting
_NAME = re.compile(r"\.running-(\d+)\.json")


class _Marker(NamedTuple):
    """The marker with the highest number, 0 where there is none; who wrote it, and until when it holds."""

    number: int
    holder: str = "another run"
    until: float = 0.0  # seconds since 1970

    @property
    def name(self) -> str:
        return f".running-{self.number}.json"


@contextmanager
def leased(results: Uri, wait: float = 0.0, seconds: float = SECONDS) -> Iterator[Callable[[], None]]:
    """Hold the place, waiting up to `wait` seconds for a run that does; give what checks that it still does.

    Raises JobError (LOCKED) that names the holder. The check raises it too: a run whose machine slept for too
    long may have lost the place. Raises whatever the store does where it cannot be written to.
    """
    fs, base = opened(results)
    mine = _acquired(fs, base, results, wait, seconds)

    def check() -> None:
        if _latest(fs, base).number != mine.number:
            raise JobError(ExitCode.LOCKED, f"another run took {results} over meanwhile. Run it again.")

    over = Event()
    keeper = Thread(target=_renew, args=(fs, f"{base}/{mine.name}", seconds, over), daemon=True)
    keeper.start()
    try:
        yield check
    finally:
        over.set()
        keeper.join()
        with suppress(Exception):  # it runs out by itself
            fs.rm_file(f"{base}/{mine.name}")


def _acquired(fs: Any, base: str, results: Uri, wait: float, seconds: float) -> _Marker:
    deadline = time.monotonic() + wait
    while True:
        before = _latest(fs, base)
        if before.until <= time.time():
            mine = _Marker(before.number + 1)
            with suppress(FileExistsError):  # another run was quicker
                fs.pipe_file(f"{base}/{mine.name}", _words(seconds), mode="create")
                if before.number:
                    fs.rm_file(f"{base}/{before.name}")
                return mine
        elif time.monotonic() >= deadline:
            raise JobError(
                ExitCode.LOCKED,
                f"{results} is in use by {before.holder}. Let it finish, wait for it with --wait SECONDS, or "
                "name another place with --out. The hold of a run that was killed ends by itself at "
                f"{datetime.fromtimestamp(before.until, UTC):%H:%M:%S} UTC.",
            )
        else:
            time.sleep(min(_ASK_EVERY, max(0.0, deadline - time.monotonic())))


def _latest(fs: Any, base: str) -> _Marker:
    try:
        names = [path.rpartition("/")[2] for path in fs.ls(base, detail=False)]
        number = max((int(name[1]) for name in map(_NAME.fullmatch, names) if name), default=0)
        if not number:
            return _Marker(0)
        return _Marker(number, **json.loads(fs.cat_file(f"{base}/{_Marker(number).name}")))
    except FileNotFoundError:  # nothing is there yet, or it was let go just now
        return _Marker(0)


def _words(seconds: float) -> bytes:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    holder = f"process {os.getpid()} on {platform.node()}, at work at {now}"
    return json.dumps({"holder": holder, "until": time.time() + seconds}).encode()


def _renew(fs: Any, path: str, seconds: float, over: Event) -> None:
    while not over.wait(seconds / 10):
        with suppress(Exception):  # the next try may go better; if none does, the check tells
            fs.pipe_file(path, _words(seconds))

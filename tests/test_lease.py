"""One run at a time below an address, in `batch_classify.lease`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from batch_classify import lease  # noqa: E402 - fsspec may be missing
from batch_classify.errors import ExitCode, JobError  # noqa: E402
from batch_classify.lease import leased  # noqa: E402
from batch_classify.uri import Uri  # noqa: E402

PLACE = Uri("memory://lease/results")


@pytest.fixture
def store() -> Iterator[Any]:
    """The store in memory; it is this process' only one, so it is emptied again."""
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()


def markers(store: Any) -> list[str]:
    """The names of the markers that are there."""
    return [path.rpartition("/")[2] for path in store.find("/lease/results")]


def leave(store: Any, number: int, until: float) -> None:
    """Leave the marker of a run that was killed."""
    words = json.dumps({"holder": "process 4711 on elsewhere", "until": until}).encode()
    store.pipe_file(f"/lease/results/.running-{number}.json", words)


def test_a_second_run_is_refused_and_told_who_is_at_work(store: Any) -> None:
    """The code is LOCKED, and the message has the holder, the ways out, and when the hold ends by itself."""
    leave(store, 3, time.time() + 60)
    with (
        pytest.raises(
            JobError, match=r"process 4711 on elsewhere.*--wait.*--out.*ends by itself at"
        ) as refusal,
        leased(PLACE),
    ):
        pytest.fail("two runs at once")
    assert refusal.value.code is ExitCode.LOCKED
    assert markers(store) == [".running-3.json"]


def test_the_holder_names_itself_and_lets_go(store: Any) -> None:
    """Afterwards nothing is left, and the next run gets the place."""
    for _ in range(2):
        with leased(PLACE) as check:
            (name,) = markers(store)
            assert f"process {os.getpid()} on " in store.cat_file(f"/lease/results/{name}").decode()
            check()
        assert markers(store) == []


def test_a_killed_run_holds_nothing_once_its_time_is_over(store: Any) -> None:
    """Its marker is void and goes, and the new one has the next number."""
    leave(store, 3, time.time() - 1)
    with leased(PLACE):
        assert markers(store) == [".running-4.json"]


def test_of_two_that_find_a_void_marker_one_gets_the_place(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other looks again, and is refused: the store takes the next number once."""
    leave(store, 3, time.time() - 1)
    latest = lease._latest
    rivals: list[Any] = []

    def overtaken(fs: Any, base: str) -> Any:
        found = latest(fs, base)
        if not rivals:
            rivals.append(None)
            rivals.append(leased(PLACE))
            rivals[1].__enter__()
        return found

    monkeypatch.setattr(lease, "_latest", overtaken)
    with pytest.raises(JobError, match=f"process {os.getpid()} on") as refusal, leased(PLACE):
        pytest.fail("two runs at once")
    assert refusal.value.code is ExitCode.LOCKED
    rivals[1].__exit__(None, None, None)
    assert markers(store) == []


def test_a_run_waits_for_the_other(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With time to wait it gets the place once the other lets go, here when it first pauses to ask again."""
    leave(store, 3, time.time() + 60)
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: store.rm_file("/lease/results/.running-3.json"))
    with leased(PLACE, wait=60):
        assert markers(store) == [".running-1.json"]


def test_the_wait_ends(store: Any) -> None:
    """A wait that is too short ends like none."""
    leave(store, 3, time.time() + 60)
    with pytest.raises(JobError) as refusal, leased(PLACE, wait=0.01):
        pytest.fail("two runs at once")
    assert refusal.value.code is ExitCode.LOCKED


def test_a_run_at_work_says_so_again_and_again(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the place stays its own for as long as it works, even if the store refuses it now and then."""
    said = Event()
    words: list[bytes] = []
    pipe_file = type(store).pipe_file

    def pipe(self: Any, path: str, value: bytes, **options: Any) -> None:
        words.append(value)
        if len(words) == 2:
            raise OSError("a bad moment")
        pipe_file(self, path, value, **options)
        if len(words) > 2:
            said.set()

    monkeypatch.setattr(type(store), "pipe_file", pipe)
    with leased(PLACE, seconds=0.1) as check:
        assert said.wait(30)
        check()
    untils = [json.loads(word)["until"] for word in words]
    assert untils == sorted(untils)
    assert untils[0] < untils[-1]


def test_a_run_that_lost_the_place_hears_so(store: Any) -> None:
    """As after a machine slept for too long: what it has done is not published over the other's."""
    with leased(PLACE) as check:
        leave(store, 9, time.time() + 60)
        with pytest.raises(JobError, match="took memory://lease/results over") as refusal:
            check()
    assert refusal.value.code is ExitCode.LOCKED
    assert markers(store) == [".running-9.json"]

"""Order, memory and crashes in `batch_classify.pool`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable

import pytest

from batch_classify.pool import MEMORY, Beat, cpu_count, each, in_order, watched

CRASH, HANG, DEVOUR = -1, -2, -3


def answer(item: int) -> int:
    """Square the item; some kill their process, never end or take all memory, another raises."""
    if item == CRASH:
        os._exit(1)
    while item == HANG:
        pass
    if item == DEVOUR:
        try:
            return len(bytes(MEMORY))
        except MemoryError:
            return -9
    return 1 // 0 if item == 1000 else item * item


def work(items: Iterable[int], beat: Beat) -> list[int]:
    """Answer one item after the other."""
    return [answer(item) for item in each(items, beat)]


def zeros(lengths: Iterable[int], _: Beat) -> list[bytes]:
    """Make results of some sizes."""
    return [bytes(length) for length in lengths]


def squares(chunks: list[list[int]], workers: int = 2) -> list[int]:
    """Run `work` over the chunks, with -7 for the culprit of a crash."""
    return list(itertools.chain.from_iterable(in_order(work, chunks, workers, lambda item: -7)))


def test_some_cpu_is_there() -> None:
    """This process may use at least one CPU."""
    assert cpu_count() >= 1


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_results_keep_the_order_of_the_chunks(workers: int, size: int) -> None:
    """Whatever the workers and the chunks, the results come in the order of the items."""
    items = list(range(50))
    chunks = [items[at : at + size] for at in range(0, 50, size)]
    assert squares(chunks, workers) == [item * item for item in items]


@pytest.mark.parametrize("refuses", [False, True])
def test_results_of_any_size_come_through(monkeypatch: pytest.MonkeyPatch, refuses: bool) -> None:
    """Also where the kernel has no wider pipe to give."""

    def no_pipe(*_: object) -> int:
        raise PermissionError("no more pipe for you")

    if refuses:
        monkeypatch.setattr("fcntl.fcntl", no_pipe)
    lengths = [10, 3_000_000, 100_000]
    parts = in_order(zeros, [[length] for length in lengths], 2, lambda item: b"crashed")
    assert [len(part) for part in itertools.chain.from_iterable(parts)] == lengths


@pytest.mark.parametrize("chunks", [[], [[]], [[], [], []]])
def test_no_item_is_no_result(chunks: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in, nothing out, and no process is started for it."""
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.submit", lambda *_: pytest.fail("started"))
    assert squares(chunks) == []


def test_empty_chunks_keep_their_place() -> None:
    """An empty chunk gives an empty result, among the others."""
    assert list(in_order(work, [[], [2], [], [3, 4], []], 2, lambda item: -7)) == [[], [4], [], [9, 16], []]


def test_an_endless_iterable_is_not_read_ahead_without_bound() -> None:
    """Only a few chunks are taken before the first result is asked for."""
    taken = itertools.count()
    chunks = ([next(taken)] for _ in itertools.repeat(None))
    results = in_order(work, chunks, 2, lambda item: -7)
    assert next(results) == [0]
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert next(taken) < 20


@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_crash_costs_one_item(place: int) -> None:
    """The item that kills its worker is answered for by `crashed`; all others are as always."""
    items = list(range(20))
    items[place] = CRASH
    expected = [item * item for item in range(20)]
    expected[place] = -7
    assert squares([items[:5], items[5:10], items[10:15], items[15:]]) == expected


def test_an_item_that_takes_too_long_costs_itself() -> None:
    """The kernel ends its worker, and all others are as always."""
    results = in_order(work, [[1, 2], [HANG], [3]], 2, lambda item: -7, seconds=2)
    assert list(itertools.chain.from_iterable(results)) == [1, 4, -7, 9]


def test_time_runs_from_beat_to_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sets the clock anew, but for those within a hundredth of the time; the end stops it."""
    now, alarms = itertools.chain([0.0, 0.9, 1.1]), list[float]()
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    monkeypatch.setattr("signal.setitimer", lambda _, seconds: alarms.append(seconds))
    assert watched(work, 100, [1, 2, 3]) == [1, 4, 9]
    assert alarms == [100, 100, 0]


def test_an_item_that_takes_too_much_memory_is_refused() -> None:
    """The process gets an exception instead of the machine's memory."""
    assert squares([[2, DEVOUR, 3]]) == [4, -9, 9]


def test_several_crashes_cost_several_items() -> None:
    """Each culprit is found, also when two share a chunk."""
    assert squares([[2, CRASH, 3, CRASH], [4], [CRASH]]) == [4, -7, 9, -7, 16, -7]


def test_an_exception_comes_through() -> None:
    """A defect in the work is no crash: it reaches the caller."""
    with pytest.raises(ZeroDivisionError):
        squares([[1, 2], [1000]])

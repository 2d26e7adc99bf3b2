"""What is done beside the main thread, in `batch_classify.beside`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from functools import partial
from threading import Event, current_thread, main_thread

import pytest

from batch_classify import beside
from batch_classify.beside import Aside, Keeper, ahead, timed
from batch_classify.errors import ExitCode, JobError
from batch_classify.prepare import Known, Page, Prepared, deferred

PAGES = [deferred(name) for name in "abcde"]
COPY = Known("f", "ab" * 32, None)


class Ledger:
    """Notes what it is to keep, and whether another thread than this one asks; the disk may be full."""

    def __init__(self, *, full: bool = False, slow: Event | None = None) -> None:
        self.kept: list[tuple[list[Prepared], list[Known]]] = []
        self.full = full
        self.slow = slow
        self.closed = False

    def keep(self, pages: list[Prepared], copies: list[Known]) -> None:
        """Note it."""
        assert current_thread() is not main_thread()
        if self.full:
            raise JobError(ExitCode.OUTPUT, "the disk is full")
        if self.slow:
            self.slow.wait()
        self.kept.append((pages, copies))

    def close(self) -> None:
        """Note that too."""
        self.closed = True


@pytest.fixture
def seconds() -> defaultdict[str, float]:
    """What steps took."""
    return defaultdict(float)


def test_batches_come_in_order_once_the_network_saw_them(seconds: defaultdict[str, float]) -> None:
    """While one is taken, the network is given the next; copies are not shown to it."""
    events: list[str] = []

    def batches() -> Generator[list[Page], None, None]:
        for page in PAGES:
            events.append(f"read {page.file}")
            yield [page, COPY]

    def show(pages: list[Prepared]) -> list[Prepared]:
        assert current_thread() is not main_thread()
        return [page._replace(detail="seen") for page in pages]

    for pages, read in ahead(batches(), show, seconds):
        events.append(f"take {pages[0].file}")
        assert pages[1] is COPY
        assert read == [pages[0]._replace(detail="seen")]
    assert events[:4] == ["read a", "read b", "take a", "read c"]
    assert [event for event in events if "take" in event] == [f"take {page.file}" for page in PAGES]
    assert {"prepare", "classify"} <= seconds.keys()


def test_what_the_network_raises_comes_out(seconds: defaultdict[str, float]) -> None:
    """And the batches are closed."""
    closed = []

    def batches() -> Generator[list[Page], None, None]:
        try:
            yield from ([page] for page in PAGES)
        finally:
            closed.append(True)

    def show(pages: list[Prepared]) -> list[Prepared]:
        raise JobError(ExitCode.ENVIRONMENT, "no memory")

    with pytest.raises(JobError, match="no memory"):
        list(ahead(batches(), show, seconds))
    assert closed


def keeper_of(ledger: Ledger) -> Keeper:
    """Return who has this ledger keep things."""
    return Keeper(ledger, defaultdict(float))  # type: ignore[arg-type]  # all of a ledger that is needed


@pytest.mark.parametrize(("moment", "pile", "transactions"), [(0.0, 0, 5), (1e9, 4096, 1)])
def test_what_comes_within_a_moment_is_kept_together(
    monkeypatch: pytest.MonkeyPatch, moment: float, pile: int, transactions: int
) -> None:
    """In order and in another thread, at the latest in the end; then the ledger is closed."""
    monkeypatch.setattr(beside, "_MOMENT", moment)
    monkeypatch.setattr(beside, "_PILE", pile)
    ledger = Ledger()
    keeper = keeper_of(ledger)
    for page in PAGES:
        keeper.keep([page], [COPY])
    keeper.close()
    kept = [pages for pages, _ in ledger.kept if pages]
    assert len(kept) == transactions
    assert [page for pages in kept for page in pages] == PAGES
    assert sum(len(copies) for _, copies in ledger.kept) == len(PAGES)
    assert ledger.closed


def test_a_slow_ledger_holds_nobody_up_until_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes meanwhile is kept together, however long ago the last was."""
    monkeypatch.setattr(beside, "_MOMENT", 0.0)
    slow = Event()
    ledger = Ledger(slow=slow)
    keeper = keeper_of(ledger)
    for page in PAGES:
        keeper.keep([page], [])
    slow.set()
    keeper.close()
    assert [pages for pages, _ in ledger.kept] == [PAGES[:1], PAGES[1:]]


def test_when_much_waits_the_next_is_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory stays flat; copies count as well."""
    monkeypatch.setattr(beside, "_MOMENT", 1e9)
    monkeypatch.setattr(beside, "_PILE", 1)
    monkeypatch.setattr(beside, "_COPIES", 1)
    ledger, other = Ledger(), Ledger()
    keeper, copier = keeper_of(ledger), keeper_of(other)
    for page in PAGES:
        keeper.keep([page], [])
        copier.keep([], [COPY])
    keeper.close()
    copier.close()
    assert [pages for pages, _ in ledger.kept] == [PAGES[:2], PAGES[2:4], PAGES[4:]]
    assert [copies for _, copies in other.kept] == [[COPY] * 2, [COPY] * 2, [COPY]]


def test_what_the_ledger_raises_comes_out() -> None:
    """Such as a full disk; the ledger is closed all the same."""
    ledger = Ledger(full=True)
    keeper = keeper_of(ledger)
    keeper.keep(PAGES, [])
    with pytest.raises(JobError, match="full"):
        keeper.close()
    assert ledger.closed


def test_what_goes_aside_is_done_in_order_and_elsewhere() -> None:
    """It is done when that is asked for."""
    done: list[int] = []

    def do(number: int) -> None:
        assert current_thread() is not main_thread()
        done.append(number)

    with Aside() as aside:
        for number in range(5):
            aside.do(partial(do, number))
        aside.finish()
        assert done == [0, 1, 2, 3, 4]


def test_what_goes_wrong_aside_comes_out() -> None:
    """When it is asked for, and what follows is done all the same."""
    done: list[bool] = []
    with Aside() as aside:
        aside.do(lambda: pytest.fail("a full disk"))
        aside.do(lambda: done.append(True))
        with pytest.raises(pytest.fail.Exception, match="disk"):
            aside.finish()
    assert done


def test_nothing_is_left_undone_aside() -> None:
    """Not where the rest was broken off either."""
    done: list[bool] = []
    with pytest.raises(KeyboardInterrupt), Aside() as aside:
        aside.do(lambda: done.append(True))
        raise KeyboardInterrupt
    assert done


def test_steps_add_up(seconds: defaultdict[str, float]) -> None:
    """What a step takes is added to what it took before."""
    seconds["step"] = 100.0
    with timed(seconds, "step"):
        pass
    assert seconds["step"] >= 100.0

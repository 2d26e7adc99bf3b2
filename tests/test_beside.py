"""What is done beside the main thread, in `batch_classify.beside`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from threading import current_thread, main_thread

import pytest

from batch_classify import beside
from batch_classify.beside import ahead, keeping, timed
from batch_classify.errors import ExitCode, JobError
from batch_classify.prepare import Known, Page, Prepared, deferred

PAGES = [deferred(name) for name in "abcde"]
COPY = Known("f", "ab" * 32, None)


class Ledger:
    """Notes what it is to keep, and whether another thread than this one asks; the disk may be full."""

    def __init__(self, *, full: bool = False) -> None:
        self.kept: list[tuple[list[Prepared], list[Known]]] = []
        self.full = full

    def keep(self, pages: list[Prepared], copies: list[Known]) -> None:
        """Note it."""
        assert current_thread() is not main_thread()
        if self.full:
            raise JobError(ExitCode.OUTPUT, "the disk is full")
        self.kept.append((pages, copies))


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


@pytest.mark.parametrize(("moment", "transactions"), [(0.0, 5), (1e9, 1)])
def test_what_comes_within_a_moment_is_kept_together(
    monkeypatch: pytest.MonkeyPatch, seconds: defaultdict[str, float], moment: float, transactions: int
) -> None:
    """In order and in another thread, at the latest in the end."""
    monkeypatch.setattr(beside, "_MOMENT", moment)
    ledger = Ledger()
    with keeping(ledger, seconds) as keep:  # type: ignore[arg-type]  # all of a ledger that is needed
        for page in PAGES:
            keep([page], [COPY])
    kept = [pages for pages, _ in ledger.kept if pages]
    assert len(kept) == transactions
    assert [page for pages in kept for page in pages] == PAGES
    assert sum(len(copies) for _, copies in ledger.kept) == len(PAGES)


def test_what_was_answered_is_kept_whatever_happens() -> None:
    """A run that is broken off leaves it to the next."""
    ledger = Ledger()

    def broken_off(pages: Sequence[Prepared]) -> None:
        with keeping(ledger, defaultdict(float)) as keep:  # type: ignore[arg-type]
            keep(pages, [])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off(PAGES)
    assert ledger.kept == [(PAGES, [])]


def test_what_the_ledger_raises_comes_out(seconds: defaultdict[str, float]) -> None:
    """Such as a full disk."""
    with (
        pytest.raises(JobError, match="full"),
        keeping(Ledger(full=True), seconds) as keep,  # type: ignore[arg-type]
    ):
        keep(PAGES, [])


def test_without_a_ledger_nothing_is_kept(seconds: defaultdict[str, float]) -> None:
    """And nobody minds."""
    with keeping(None, seconds) as keep:
        keep(PAGES, [COPY])


def test_steps_add_up(seconds: defaultdict[str, float]) -> None:
    """What a step takes is added to what it took before."""
    seconds["step"] = 100.0
    with timed(seconds, "step"):
        pass
    assert seconds["step"] >= 100.0

"""How a run tells how far it is, in `batch_classify.progress`."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from batch_classify import progress as progress_module
from batch_classify.progress import progress


def never() -> int:
    """Fail: counting costs a walk through the folder, and here nobody would see it."""
    raise AssertionError("the files must not be counted")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    yield now


def test_a_terminal_gets_a_bar() -> None:
    """It shows how many of how many files are done, and is gone at the end."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress(lambda: terminal, lambda: 12) as advance:
        advance(5)
    output = terminal.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "5/12" in output


def test_elsewhere_there_is_a_line_now_and_then(clock: list[float]) -> None:
    """Not more than one in half a minute, without control characters."""
    log = Console(file=io.StringIO(), width=100)
    with progress(lambda: log, never) as advance:
        for _ in range(1000):
            clock[0] += 0.1
            advance(2)
    lines = log.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert len(lines) == 3
    assert lines[0] == "602 files read, 20 a second"
    assert "\x1b" not in "".join(lines)


def test_quiet_is_quiet() -> None:
    """Wherever it would be shown, nothing is; there is not even a console."""
    with progress(lambda: pytest.fail("a console"), never, quiet=True) as advance:
        advance(5)

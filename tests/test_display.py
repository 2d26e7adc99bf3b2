"""How a training tells how far it is, in `train.display`."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from train.display import display, training_csv
from train.trainer import Epoch


def epoch(number: int) -> Epoch:
    """Return an epoch with values that can be found again."""
    return Epoch(number, 1 / (7 * number), 0.98, 0.004, 12345.6, 2.04)


def shown(console: Console, epochs: int, numbers: range, before: range = range(0)) -> str:
    """Report the epochs and return what was written."""
    with display(console, epochs, [epoch(number) for number in before]) as report:
        for number in numbers:
            report(epoch(number))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # a StringIO


def test_elsewhere_an_epoch_is_a_line() -> None:
    """It has all values, in words, and no control characters."""
    output = shown(Console(file=io.StringIO(), width=200), 3, range(1, 4))
    assert output.splitlines()[0] == (
        "epoch 1/3: loss 0.1429, validation accuracy 98.00%, learning rate 0.004, 12,346 images/s, "
        "0:00:04 left"
    )
    assert len(output.splitlines()) == 3
    assert "\x1b" not in output


def terminal(height: int = 25) -> Console:
    """Return a terminal that a test can read."""
    return Console(file=io.StringIO(), force_terminal=True, width=120, height=height)


def test_a_terminal_gets_a_table() -> None:
    """It has a column for each value, and says which epoch is running."""
    output = shown(terminal(), 3, range(1, 3))
    for word in ("loss", "validation accuracy", "learning rate", "images/s", "time left"):
        assert word in output
    for value in ("1/3", "2/3", "0.0714", "98.00%", "12,346", "0:00:04"):
        assert value in output
    assert "epoch 1 of 3" in output


def test_the_table_of_a_resumed_training_is_whole() -> None:
    """The epochs of the run before are in it."""
    output = shown(terminal(), 4, range(3, 5), before=range(1, 3))
    assert all(f"{number}/4" in output for number in range(1, 5))


@pytest.mark.parametrize("height", [1, 12])
def test_a_long_table_keeps_its_newest_rows(height: int) -> None:
    """On a screen with fewer lines than epochs, the last ones are to be seen."""
    last = shown(terminal(height), 30, range(1, 31)).rpartition("images/s")[2]
    assert "30/30" in last
    assert "1/30" not in last.split("30/30")[0].split()


def test_the_csv() -> None:
    """A program reads it back: a header and a row an epoch."""
    rows = list(csv.DictReader(io.StringIO(training_csv([epoch(1), epoch(2)]))))
    assert rows[0] == {
        "epoch": "1",
        "loss": "0.142857",
        "validation_accuracy": "0.980000",
        "lr": "0.004",
        "images_per_second": "12346",
        "seconds": "2.0",
    }
    assert [row["epoch"] for row in rows] == ["1", "2"]

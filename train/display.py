"""How a training tells how far it is: a live table on a terminal, a line an epoch elsewhere, and a CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from train.trainer import Epoch

_COLUMNS = ("epoch", "loss", "validation accuracy", "learning rate", "images/s", "time left")
_AROUND = 6  # lines of the screen that the table's frame and the words before it take


@contextmanager
def display(console: Console, epochs: int, before: Sequence[Epoch] = ()) -> Iterator[Callable[[Epoch], None]]:
    """Show the training while the context lasts; call what it gives with each epoch of `epochs`.

    `before` are the epochs of an earlier run that this one goes on from.
    """
    if not console.is_terminal:
        yield lambda epoch: console.print(_line(epoch, epochs), markup=False)
        return
    shown = list(before)
    with Live(_table(console, shown, epochs), console=console) as live:

        def report(epoch: Epoch) -> None:
            shown.append(epoch)
            live.update(_table(console, shown, epochs))

        yield report
        live.update(_table(console, shown, epochs, ended=True))


def training_csv(epochs: Sequence[Epoch]) -> str:
    """Write the epochs as a table for programs."""
    lines = ["epoch,loss,validation_accuracy,lr,images_per_second,seconds"]
    lines += [
        f"{epoch.number},{epoch.loss:.6f},{epoch.accuracy:.6f},{epoch.lr:.6g},"
        f"{epoch.images_per_second:.0f},{epoch.seconds:.1f}"
        for epoch in epochs
    ]
    return "\n".join(lines) + "\n"


def _table(console: Console, shown: Sequence[Epoch], epochs: int, *, ended: bool = False) -> Group:
    table = Table()
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for epoch in shown[-max(1, console.height - _AROUND) :]:  # a screen cuts off what is at the bottom
        table.add_row(*_cells(epoch, epochs))
    running = not ended and len(shown) < epochs
    return Group(table, *([Spinner("dots", f"epoch {len(shown) + 1} of {epochs}")] if running else []))


def _cells(epoch: Epoch, epochs: int) -> tuple[str, ...]:
    """Return what is told of an epoch, in the order of the columns."""
    left = timedelta(seconds=round(epoch.seconds * (epochs - epoch.number)))
    return (
        f"{epoch.number}/{epochs}",
        f"{epoch.loss:.4f}",
        f"{epoch.accuracy:.2%}",
        f"{epoch.lr:.3g}",
        f"{epoch.images_per_second:,.0f}",
        str(left),
    )


def _line(epoch: Epoch, epochs: int) -> str:
    number, loss, accuracy, rate, speed, left = _cells(epoch, epochs)
    return (
        f"epoch {number}: loss {loss}, validation accuracy {accuracy}, learning rate {rate}, "
        f"{speed} images/s, {left} left"
    )

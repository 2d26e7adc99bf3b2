"""What `evaluate` says of its figures in the terminal; measures nothing itself."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from train.evaluation import Evaluation
from train.rejection import Rejection, table_of

_WIDTH = 100  # columns of the terminal; the confusion matrix needs that many where counts are large


def in_words(found: Evaluation, others: Mapping[str, Rejection]) -> str:
    """Write the tables that a person reads in the terminal, in colour where stdout is one."""
    paper = Console(width=_WIDTH, highlight=False)
    with paper.capture() as text:
        for table in (*_tables(found), *([table_of(others)] if others else [])):
            paper.print(table)
            paper.print()
    return "\n".join(line.rstrip() for line in text.get().rstrip().splitlines())


def _of_accepted(error: float, caught: float) -> str:
    return f"{error:.2%} of these are wrong; {caught:.0%} of all mistakes are not among them"


def _tables(found: Evaluation) -> tuple[Table, Table]:
    low, high = found.accuracy_interval
    short = Table(box=None, show_header=False, pad_edge=False)
    short.add_column()
    short.add_column(justify="right", style="bold")
    short.add_column(style="dim")
    short.add_row("digits", f"{found.count:,}")
    short.add_row("accuracy", f"{found.accuracy:.2%}", f"95% interval {low:.2%} to {high:.2%}")
    for coverage, accuracy in found.accuracy_at_coverage.items():
        short.add_row(f"  at {coverage:.0%} coverage", f"{accuracy:.2%}", "of the most confident answers")
    short.add_row("rejected", f"{found.rejected:.2%}", "taken for no digit")
    short.add_row("accepted", f"{found.accepted:.2%}", _of_accepted(found.accepted_error, found.caught))
    for target, point in found.operating_points.items():
        low, high = point.error_interval
        words = _of_accepted(point.error, point.caught)
        words += f" ({low:.2%} to {high:.2%})"
        short.add_row(f"  for {float(target):.1%}", f"{point.accepted:.2%}", words)
    short.add_row("NLL", f"{found.nll:.4f}", "nats a digit")
    short.add_row("ECE", f"{found.calibration_error:.4f}", "gap between confidence and accuracy")
    short.add_row("AURC", f"{found.area_under_risk:.5f}", "area under risk against coverage")
    matrix = Table(
        box=None,
        pad_edge=False,
        title="true digits (rows) by answer (columns)",
        title_justify="left",
        title_style="",
    )
    for heading in ("", *map(str, range(10)), "none", "recall"):
        matrix.add_column(heading, justify="right")
    for digit, row in enumerate(found.confusion):
        cells = [f"{count:,}" if count else "[dim]·[/]" for count in row]
        cells[digit] = f"[green]{cells[digit]}[/]"
        recall = found.accuracy_by_digit.get(digit)
        matrix.add_row(f"[bold]{digit}[/]", *cells, "" if recall is None else f"{recall:.2%}")
    return short, matrix

"""predictions.csv: one line for each row, written as the rows come.

Knows the columns and how their values are spelt; not what the values mean. Imports neither pandas
nor anything that decodes, so that the command stays light; `read_table` brings pandas in when called.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from batch_classify.filename import to_cell
from batch_classify.row import Row

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "file",
    "page",
    "label",
    "confidence",
    "status",
    "reason",
    "second_label",
    "second_confidence",
    "width",
    "height",
    "sha256",
)
_PROBABILITIES = (*(f"p{digit}" for digit in range(10)), "reject_score")
_TEXT = {"file", "status", "reason", "sha256"}
_WHOLE = {"page", "label", "second_label", "width", "height"}
_MOST = 2**15  # rows whose spelling is kept for others that are alike
_BUFFER = 2**20  # bytes; while it is written, others take the interpreter and keep it for a while
_NEEDS_QUOTES = re.compile('[,"\r\n]')


def columns(probabilities: bool) -> tuple[str, ...]:
    """Return the names in the header line."""
    return COLUMNS + _PROBABILITIES if probabilities else COLUMNS


def to_line(row: Row, probabilities: bool) -> str:
    r"""Write a row as its line of the CSV, `\n` included."""
    return quoted(to_cell(row.file)) + _after_file(row, probabilities)


def _after_file(row: Row, probabilities: bool) -> str:
    spelt = [
        "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
        for value in _others(row, probabilities)
    ]
    return ",".join(["", *spelt]) + "\n"


def values(row: Row, probabilities: bool) -> list[str | int | float | None]:
    """Return a row's cells as values, in the order of `columns`; None is an empty one."""
    return [to_cell(row.file), *_others(row, probabilities)]


def _others(row: Row, probabilities: bool) -> list[str | int | float | None]:
    cells = [
        row.page,
        row.label,
        row.confidence,
        str(row.status),
        None if row.reason is None else str(row.reason),
        row.second_label,
        row.second_confidence,
        row.width,
        row.height,
        row.sha256 or None,
    ]
    return [*cells, *(row.probabilities or [None] * 10), row.reject_score] if probabilities else cells


def quoted(text: str) -> str:
    """Return a text as a cell of a CSV, in quotes where it needs them."""
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


class Table:
    """The file being written; holds no row in memory."""

    def __init__(self, path: Path, *, probabilities: bool = False) -> None:
        self._probabilities = probabilities
        # Rows alike but for their file; half the time of spelling them again.
        self._alike = lru_cache(_MOST)(lambda cells: _after_file(Row("", *cells), probabilities))
        self._file = path.open("w", buffering=_BUFFER, encoding="utf-8", newline="")
        self._file.write(",".join(columns(probabilities)) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, row: Row, *, again: bool = False) -> None:
        """Add a row at the end; `again` hints that there was one like it but for the file."""
        others = self._alike(row[1:]) if again else _after_file(row, self._probabilities)
        self._file.write(quoted(to_cell(row.file)) + others)


def read_table(path: Path) -> pd.DataFrame:
    """Read a predictions.csv: numbers that are missing are NA, texts that are missing are empty.

    `file` stays as the cell has it; `filename.from_cell` gives the path.
    """
    import pandas as pd

    dtypes = {
        name: "string" if name in _TEXT else "Int64" if name in _WHOLE else "float64"
        for name in columns(True)
    }
    return pd.read_csv(
        path,
        dtype=dtypes,
        # A file may be called NA or null.
        keep_default_na=False,
        na_values={name: [""] for name in dtypes.keys() - _TEXT},
        encoding="utf-8",
    )

"""predictions.jsonl: the table as JSON lines, an object a row, for programs that read no CSV.

Knows how values become JSON; which there are, and their names, it has from `table`.
"""

from __future__ import annotations

import json
from pathlib import Path

from batch_classify.report.table import columns, values
from batch_classify.row import Row


class Lines:
    """The file being written; holds no row in memory. Close it when all are there."""

    def __init__(self, path: Path, *, probabilities: bool = False) -> None:
        self._probabilities = probabilities
        self._columns = columns(probabilities)
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, row: Row) -> None:
        """Add a row at the end; an empty cell is null, and probabilities have the table's six decimals."""
        cells = (
            round(value, 6) if isinstance(value, float) else value
            for value in values(row, self._probabilities)
        )
        record = dict(zip(self._columns, cells, strict=True))
        self._file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """End the file."""
        self._file.close()

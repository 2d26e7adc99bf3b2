"""The table as Parquet: shards of a million rows and a manifest, in a folder.

Knows the columns' types, and rows as a pyarrow table and back; not what the values mean. Needs the extra
`parquet`, so it is imported only where Parquet is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_classify.filename import from_cell
from batch_classify.report.table import columns, values
from batch_classify.row import Reason, Row, Status

MANIFEST = "_manifest.json"  # whoever reads the folder as one table passes over such names
SCHEMA = 1
"""Version of the manifest; grows when a key changes its meaning or goes away."""
_SHARD = 1_000_000  # rows
_GROUP = 10_000  # rows that are held until they are written
_TYPES = {
    "page": pa.int32(),
    "label": pa.int8(),
    "second_label": pa.int8(),
    "width": pa.int32(),
    "height": pa.int32(),
} | {name: pa.string() for name in ("file", "status", "reason", "sha256")}


def schema(probabilities: bool) -> pa.Schema:
    """Return the columns of predictions.csv with their types; shares are doubles."""
    return pa.schema([(name, _TYPES.get(name, pa.float64())) for name in columns(probabilities)])


def to_table(rows: Sequence[Row], probabilities: bool) -> pa.Table:
    """Return rows as a table; an empty cell is null, and no number is rounded."""
    wanted = schema(probabilities)
    cells = zip(*(values(row, probabilities) for row in rows), strict=True) if rows else [[] for _ in wanted]
    return pa.table(
        [pa.array(list(cell), field.type) for cell, field in zip(cells, wanted, strict=True)], wanted
    )


def to_rows(table: pa.Table) -> list[Row]:
    """Return the rows that `to_table` was given with their probabilities, but for `detail`."""
    return [_row(*cells) for cells in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def _row(*cells: Any) -> Row:
    file, page, label, confidence, status, reason, second_label, second_confidence, *cells_left = cells
    width, height, sha256, *shares, reject_score = cells_left
    return Row(
        from_cell(file),
        page,
        Status(status),
        None if reason is None else Reason(reason),
        label=label,
        confidence=confidence,
        second_label=second_label,
        second_confidence=second_confidence,
        width=width,
        height=height,
        sha256=sha256 or "",
        probabilities=None if shares[0] is None else tuple(shares),
        reject_score=reject_score,
    )


class Shards:
    """The folder being written; holds ten thousand rows in memory. Close it when all are there."""

    def __init__(self, folder: Path, *, probabilities: bool = False, most_rows: int = _SHARD) -> None:
        folder.mkdir()
        self._folder = folder
        self._probabilities = probabilities
        self._most_rows = most_rows
        self._rows: list[Row] = []
        self._parts: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def write(self, row: Row) -> None:
        """Add a row at the end."""
        self._rows.append(row)
        if len(self._rows) == min(_GROUP, self._most_rows):
            self._flush()

    def close(self) -> None:
        """Write what is held, and the manifest last."""
        if self._rows or not self._parts:
            self._flush()
        self._end_shard()
        manifest = {
            "schema": SCHEMA,
            "rows": sum(part["rows"] for part in self._parts),
            "columns": list(columns(self._probabilities)),
            "parts": self._parts,
        }
        (self._folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def _flush(self) -> None:
        """Write the rows that are held into the shard, or into a new one if it is full."""
        if self._writer is None or self._parts[-1]["rows"] + len(self._rows) > self._most_rows:
            self._end_shard()
            name = f"part-{len(self._parts):05}.parquet"
            self._parts.append({"file": name, "rows": 0})
            self._writer = pq.ParquetWriter(
                self._folder / name, schema(self._probabilities), compression="zstd"
            )
        self._writer.write_table(to_table(self._rows, self._probabilities))
        self._parts[-1]["rows"] += len(self._rows)
        self._rows = []

    def _end_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        path = self._folder / self._parts[-1]["file"]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._parts[-1] |= {"bytes": path.stat().st_size, "sha256": digest}

"""The table as Parquet, in `batch_classify.report.parquet`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

from test_lines import READ, UNREAD  # noqa: E402

from batch_classify.report.parquet import MANIFEST, Shards, to_rows, to_table  # noqa: E402 - pyarrow may be missing
from batch_classify.report.table import COLUMNS  # noqa: E402
from batch_classify.row import Row  # noqa: E402


def written(folder: Path, rows: list[Row], **options: bool | int) -> dict[str, list[object]]:
    """Write the rows and read the whole folder back, a list a column."""
    shards = Shards(folder, **options)  # type: ignore[arg-type]  # each option has its own type
    for row in rows:
        shards.write(row)
    shards.close()
    return pq.read_table(folder).to_pydict()  # type: ignore[no-any-return]  # pyarrow has no types


def test_the_columns_are_those_of_the_table(tmp_path: Path) -> None:
    """Names, order and the spelling of files are the table's, and an empty cell is null."""
    table = written(tmp_path / "t", [READ, UNREAD])
    assert list(table) == list(COLUMNS)
    assert table["file"] == ["é\\xe9.png", "./=bad.png"]
    assert table["confidence"] == [READ.confidence, None]
    assert table["page"] == [None, 2]
    assert table["reason"] == [None, "empty_file"]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_a_shard_ends_where_the_next_row_would_be_too_many(tmp_path: Path, count: int) -> None:
    """The rows are all there, in order; the manifest says how many a shard holds, and its hash."""
    rows = [READ._replace(file=f"{number}.png") for number in range(count)]
    table = written(tmp_path / "t", rows, most_rows=3)
    manifest = json.loads((tmp_path / "t" / MANIFEST).read_text())
    assert table["file"] == [row.file for row in rows]
    assert [part["rows"] for part in manifest["parts"]] == (
        [0] if count == 0 else [3] * (count // 3) + [count % 3] * (count % 3 > 0)
    )
    assert manifest["rows"] == count
    for part in manifest["parts"]:
        data = (tmp_path / "t" / part["file"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_rows_come_back_as_they_were() -> None:
    """With probabilities nothing is lost but the detail."""
    rows = [READ, UNREAD]
    assert to_rows(to_table(rows, probabilities=True)) == [READ, UNREAD._replace(detail="")]

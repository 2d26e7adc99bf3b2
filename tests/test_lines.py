"""The table as JSON lines, in `batch_classify.report.lines`."""

from __future__ import annotations

import json
from pathlib import Path

from batch_classify.report.lines import Lines
from batch_classify.report.table import COLUMNS, columns
from batch_classify.row import Reason, Row, Status

READ = Row(
    "é\udce9.png",
    None,
    Status.OK,
    label=3,
    confidence=0.12345678,
    second_label=5,
    second_confidence=0.1,
    width=28,
    height=30,
    sha256="ab" * 32,
    probabilities=tuple([0.1] * 10),
    reject_score=0.25,
)
UNREAD = Row("=bad.png", 2, Status.ERROR, Reason.EMPTY_FILE, "the file is empty")


def written(path: Path, probabilities: bool) -> list[dict[str, object]]:
    """Write both rows and read them back."""
    lines = Lines(path, probabilities=probabilities)
    for row in (READ, UNREAD):
        lines.write(row)
    lines.close()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_row_is_an_object_with_the_columns_of_the_table(tmp_path: Path) -> None:
    """The names, their order and the spelling of files are the table's; an empty cell is null."""
    read, unread = written(tmp_path / "t.jsonl", probabilities=False)
    assert list(read) == list(unread) == list(COLUMNS)
    assert read["file"] == "é\\xe9.png"
    assert (read["label"], read["confidence"], read["status"], read["reason"]) == (3, 0.123457, "ok", None)
    assert (unread["file"], unread["page"], unread["reason"]) == ("./=bad.png", 2, "empty_file")
    assert {unread[name] for name in ("label", "confidence", "width", "sha256")} == {None}


def test_probabilities_are_keys_too(tmp_path: Path) -> None:
    """Where they are asked for, they stand under their columns' names."""
    read, unread = written(tmp_path / "t.jsonl", probabilities=True)
    assert list(read) == list(columns(probabilities=True))
    assert (read["p9"], read["reject_score"], unread["p0"]) == (0.1, 0.25, None)

"""Counts of a run, and run.json."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from batch_classify.report.summary import Run, Summary, run_record, write_run
from batch_classify.row import Reason, Row, Status

STARTED = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RUN = Run(
    started=STARTED,
    finished=STARTED + timedelta(seconds=12.5),
    input="/scans/März",
    ignored=2,
    seconds={"scan": 0.25, "decode": 1.23456},
    settings={"workers": 2, "include": ["*.dat"]},
    versions={"numpy": "2.4", "batch-classify": "0.1"},
    model="default",
    model_sha256="ab" * 32,
    ways={"short": 5, "long": 2},
)
ROWS = [
    Row("a.png", None, Status.OK, label=7),
    Row("b.tif", 1, Status.OK, label=7),
    Row("b.tif", 2, Status.REVIEW, Reason.LOW_CONFIDENCE, label=1),
    Row("b.tif", 3, Status.REJECTED, Reason.BLANK),
    Row("c.png", None, Status.ERROR, Reason.EMPTY_FILE),
    Row("d.png", None, Status.DEFERRED),
    Row("e.png", None, Status.REVIEWED, Reason.LOW_CONFIDENCE, label=3),
]


def summary_of(rows: list[Row]) -> Summary:
    """Count the rows."""
    summary = Summary()
    for row in rows:
        summary.add(row)
    return summary


def test_rows_are_counted() -> None:
    """Each row counts once by status, reason and label, and a file once for all its pages."""
    summary = summary_of(ROWS)
    assert (summary.rows, summary.files) == (7, 5)
    assert summary.statuses[Status.OK] == 2
    assert dict(summary.reasons) == {Reason.LOW_CONFIDENCE: 2, Reason.BLANK: 1, Reason.EMPTY_FILE: 1}
    assert dict(summary.labels) == {7: 2, 1: 1, 3: 1}


def test_a_file_of_many_pages_is_unread_once() -> None:
    """However many pages of a file could not be read, it is one file."""
    pages = [Row("b.tif", page, Status.ERROR, Reason.UNREADABLE) for page in (1, 2, 3)]
    assert summary_of([*pages, Row("c.png", None, Status.ERROR), Row("d.png", None, Status.OK)]).unread == 2


def test_what_a_human_should_look_at() -> None:
    """Answers to check, rejected and unreadable scans need a look; deferred and reviewed ones do not."""
    assert summary_of(ROWS).to_look_at == 3


def test_the_record_of_a_run() -> None:
    """The record has every key of the schema, and a number for what did not occur too."""
    record = run_record(RUN, summary_of(ROWS))
    counts = {key: record.pop(key) for key in ("statuses", "reasons", "labels")}
    assert record == {
        "schema": 1,
        "started": "2026-11-21T02:00:00Z",
        "finished": "2026-11-21T02:00:12Z",
        "input": "/scans/März",
        "rows": 7,
        "files": 5,
        "unread": 1,
        "ignored": 2,
        "remembered": 0,
        "ways": {"short": 5, "long": 2},
        "seconds": {"scan": 0.25, "decode": 1.235},
        "settings": {"include": ["*.dat"], "workers": 2},
        "versions": {"batch-classify": "0.1", "numpy": "2.4"},
        "model": {"name": "default", "sha256": "ab" * 32},
    }
    assert list(counts["statuses"]) == list(Status)
    assert list(counts["reasons"]) == list(Reason)
    assert counts["reasons"]["too_large"] == 0
    assert counts["labels"] == {str(digit): {7: 2, 1: 1, 3: 1}.get(digit, 0) for digit in range(10)}


def test_times_are_utc() -> None:
    """A time of any zone is written as UTC."""
    here = STARTED.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Run(here, here, "", 0, {}, {}, {}, "", "").started.hour == 7
    assert (
        run_record(Run(here, here, "", 0, {}, {}, {}, "", ""), Summary())["started"] == "2026-11-21T02:00:00Z"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [("/scans/März", "/scans/März"), ("-x", "-x"), ("./x", "./x"), (os.fsdecode(b"caf\xe9"), r"caf\xe9")],
)
def test_the_input_is_valid_text(path: str, text: str) -> None:
    """The input's path is escaped like a file's, but needs no guard against formulas."""
    assert replace(RUN, input=path).input_text == text


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    """The order of settings and versions does not show, and the file ends in a line break."""
    mixed = replace(
        RUN,
        settings={"include": ["*.dat"], "workers": 2},
        versions={"batch-classify": "0.1", "numpy": "2.4"},
    )
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    write_run(one, run_record(RUN, summary_of(ROWS)))
    write_run(other, run_record(mixed, summary_of(ROWS)))
    assert one.read_bytes() == other.read_bytes()
    assert one.read_text("utf-8").startswith('{\n  "schema": 1,\n')
    assert one.read_bytes().endswith(b"}\n")
    assert "März".encode() in one.read_bytes()


def test_a_setting_may_hold_any_name(tmp_path: Path) -> None:
    """A glob whose bytes are not UTF-8 is no reason to lose the record, and comes back as it was."""
    path, glob = tmp_path / "run.json", os.fsdecode(b"caf\xe9*")
    write_run(path, {"settings": {"include": [glob]}})
    assert json.loads(path.read_text("utf-8")) == {"settings": {"include": [glob]}}

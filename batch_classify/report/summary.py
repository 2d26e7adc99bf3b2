"""What a run amounts to: counts of its rows, and run.json.

Knows what became of the rows and what the caller says about the run; nothing about pictures or pages.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import ne
from pathlib import Path
from typing import Any

from batch_classify.corrections import is_suspect
from batch_classify.filename import to_cell
from batch_classify.row import Reason, Row, Status

CONFIDENCES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
"""Where the bins begin in which confidences are counted, narrower towards 1, where most of them are."""
_LOOKED_INTO = {Status.ERROR, Status.REVIEWED}  # of rows with these more is counted
SCHEMA = 1
"""Version of run.json; grows when a key changes its meaning or goes away."""


class Summary:
    """Counts of the rows added so far: `rows`, `files`, `statuses`, `reasons` and `labels`.

    `confidences` counts them by their bin of `CONFIDENCES`, where the model gave an answer; `suspects` those
    where a human's answer is one that the model strongly contradicts. `unread` counts the files of which
    something could not be read. The rows of one file must come one after the other.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.files = 0
        self.unread = 0
        self.statuses: Counter[Status] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.labels: Counter[int] = Counter()
        self.confidences: Counter[int] = Counter()
        self.suspects = 0
        self._file: str | None = None
        self._unread_file: str | None = None

    def add(self, *rows: Row) -> None:
        """Count rows."""
        if not rows:
            return
        columns: Any = Row._make(zip(*rows, strict=True))  # a third of the time of row by row
        sure = [confidence for confidence in columns.confidence if confidence is not None]
        self.rows += len(rows)
        self.statuses.update(columns.status)
        self.reasons.update(filter(None, columns.reason))
        self.labels.update([label for label in columns.label if label is not None])
        self.confidences.update([bisect_right(CONFIDENCES, confidence) - 1 for confidence in sure])
        self.files += sum(map(ne, columns.file, (self._file, *columns.file)))
        self._file = columns.file[-1]
        for row in [row for row in rows if row.status in _LOOKED_INTO]:
            if row.status is Status.REVIEWED:
                self.suspects += is_suspect(row)
            elif row.file != self._unread_file:
                self.unread += 1
                self._unread_file = row.file

    def by_status(self) -> dict[str, int]:
        """Return how many rows have each status, those that did not occur with 0."""
        return {str(status): self.statuses[status] for status in Status}

    @property
    def to_look_at(self) -> int:
        """How many rows a human should look at; those deferred come again by themselves."""
        return sum(self.statuses[status] for status in (Status.REVIEW, Status.REJECTED, Status.ERROR))


@dataclass(frozen=True, slots=True)
class Run:
    """What only the caller knows of a run.

    The times carry a time zone; `input` is the path as the system gives it; `ignored` counts the files that
    got no row; `seconds` has one entry for each step, and `ways` counts the pictures that were prepared the
    `short` and the `long` way; `settings` are values for JSON, `metrics` what the model's card says was
    measured; `remembered` counts the rows that an earlier run had answered already.
    """

    started: datetime
    finished: datetime
    input: str
    ignored: int
    seconds: Mapping[str, float]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    model: str
    model_sha256: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    remembered: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_text(self) -> str:
        """`input` as valid Unicode, escaped like a file in the table but never taken for a formula."""
        return to_cell(f"/{self.input}")[1:]


def run_record(run: Run, summary: Summary) -> dict[str, Any]:
    """Return what run.json holds; statuses, reasons and labels that did not occur are there with 0."""
    return {
        "schema": SCHEMA,
        "started": _utc(run.started),
        "finished": _utc(run.finished),
        "input": run.input_text,
        "rows": summary.rows,
        "files": summary.files,
        "unread": summary.unread,
        "ignored": run.ignored,
        "remembered": run.remembered,
        "statuses": summary.by_status(),
        "reasons": {str(reason): summary.reasons[reason] for reason in Reason},
        "labels": {str(label): summary.labels[label] for label in range(10)},
        "ways": dict(run.ways),
        "seconds": {step: round(seconds, 3) for step, seconds in run.seconds.items()},
        "settings": dict(sorted(run.settings.items())),
        "versions": dict(sorted(run.versions.items())),
        "model": {"name": run.model, "sha256": run.model_sha256},
    }


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_run(path: Path, record: Mapping[str, Any]) -> None:
    """Write run.json."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    # A setting may name a file whose bytes are not UTF-8: its surrogates become JSON escapes.
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")

"""What a run says of itself, in `batch_classify.log`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batch_classify import progress as progress_module
from batch_classify.errors import ExitCode
from batch_classify.job import Outcome
from batch_classify.log import JsonLog, Log, TextLog
from batch_classify.report.card import Card
from batch_classify.report.summary import Summary
from batch_classify.row import Reason, Row, Status

ROWS = [
    Row("a.png", None, Status.OK, label=7, confidence=0.99),
    Row("b.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE, label=1, confidence=0.4),
    Row("caf\udce9\n.tif", 2, Status.ERROR, Reason.UNREADABLE, "cut short ±"),
]


def tell(log: Log, code: ExitCode = ExitCode.OK, message: str = "") -> None:
    """Tell a log a whole run of three rows."""
    summary = Summary()
    for row in ROWS:
        summary.add(row)
    log.started(Path("/scans"), Path("/results"), "default")
    log.warn("the ledger is [damaged]")
    log.rows([Card(row, None, None) for row in ROWS])
    log.finished(Outcome(Path("/results/2026-11-21T020000Z"), summary, 2, 1, 12.3456))
    log.ended(code, message)


def events(text: str) -> list[dict[str, Any]]:
    """Parse one event a line, each with its time."""
    parsed = [json.loads(line) for line in text.splitlines()]
    assert all(event.pop("time").endswith("+00:00") for event in parsed)
    return parsed


def test_each_event_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Start, warning, each error, and the end with its code and counts; in ASCII, whatever the names."""
    tell(JsonLog(quiet=False, verbose=False))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.isascii()
    start, warning, error, end = events(err)
    assert start == {"event": "start", "input": "/scans", "results": "/results", "model": "default"}
    assert warning == {"event": "warning", "message": "the ledger is [damaged]"}
    assert error == {
        "event": "error",
        "file": "caf\\xe9\n.tif",
        "page": 2,
        "reason": "unreadable",
        "detail": "cut short ±",
    }
    statuses = end.pop("statuses")
    assert statuses == {status: int(status in ("ok", "review", "error")) for status in Status}
    assert end == {
        "event": "end",
        "code": 0,
        "name": "OK",
        "rows": 3,
        "files": 3,
        "unread": 1,
        "ignored": 2,
        "remembered": 1,
        "seconds": 12.346,
        "report": "/results/2026-11-21T020000Z",
    }


def test_quiet_is_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run that goes well nothing but its unreadable files is told; else its end as well."""
    tell(JsonLog(quiet=True, verbose=False))
    assert [event["event"] for event in events(capsys.readouterr().err)] == ["error"]
    tell(JsonLog(quiet=True, verbose=False), ExitCode.UNREADABLE_FILES, "too many")
    _, end = events(capsys.readouterr().err)
    assert (end["event"], end["code"], end["name"], end["message"], end["rows"]) == (
        "end",
        4,
        "UNREADABLE_FILES",
        "too many",
        3,
    )


def test_verbose_tells_doubtful_rows_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The event is the row's status."""
    tell(JsonLog(quiet=False, verbose=True))
    told = [event["event"] for event in events(capsys.readouterr().err)]
    assert told == ["start", "warning", "review", "error", "end"]


def test_progress_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in half a minute, with the files so far and the seconds."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    with JsonLog(quiet=False, verbose=False).advancing(lambda: pytest.fail("counted")) as advance:
        for _ in range(40):
            now[0] += 1
            advance(2)
    assert events(capsys.readouterr().err) == [{"event": "progress", "files": 60, "seconds": 30.0}]


def test_a_defect_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it came from is in the event, so that no line is not JSON."""
    JsonLog(quiet=True, verbose=False).ended(ExitCode.DEFECT, "a defect", "Traceback\n  here\n")
    (end,) = events(capsys.readouterr().err)
    assert end["trace"] == "Traceback\n  here\n"


@pytest.mark.parametrize(
    ("quiet", "verbose", "words"),
    [
        (False, False, ["warning: the ledger is [damaged]", "1  error", "report: /results"]),
        (False, True, ["review: b.png, perhaps 1", r"error: caf\xe9\n.tif, page 2"]),
        (True, False, []),
    ],
)
def test_people_get_words(
    capsys: pytest.CaptureFixture[str], quiet: bool, verbose: bool, words: list[str]
) -> None:
    """Warnings, counts and the place of the report, and if asked for each row that needs a look."""
    tell(TextLog(quiet=quiet, verbose=verbose))
    err = capsys.readouterr().err
    for word in words:
        assert word in err
    assert bool(err) is not quiet

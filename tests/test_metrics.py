"""Figures for Prometheus, in `batch_classify.metrics`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from batch_classify import metrics as metrics_module
from batch_classify.errors import ExitCode, JobError
from batch_classify.job import Outcome
from batch_classify.metrics import Metrics
from batch_classify.report.summary import Summary
from batch_classify.row import Row, Status

# The text format, as prometheus.io/docs/instrumenting/exposition_formats has it.
LINE = re.compile(
    r"# (HELP|TYPE) [a-z_]+ .+"
    r'|[a-z_]+\{input="(?:[^"\\\n]|\\["\\n])*"(?:,status="[a-z]+")?\} -?\d+(\.\d+)?'
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(metrics_module.time, "time", lambda: now[0])
    return now


def outcome(rows: int) -> Outcome:
    """Return what a run of so many good rows and a bad one leaves."""
    summary = Summary()
    for number in range(rows):
        summary.add(Row(f"{number}.png", None, Status.OK))
    summary.add(Row("bad.png", None, Status.ERROR))
    return Outcome(Path("/results/x"), summary, 0, 5, 12.5)


def figures(path: Path) -> dict[str, float]:
    """Read the values, by the name and the status; every line must have the format."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    found = re.findall(r'^batch_classify_(\w+)\{input=".*?"(?:,status="(\w+)")?\} (\S+)$', text, re.M)
    return {f"{name} {status}".strip(): float(value) for name, status, value in found}


def test_a_run_that_ends_well_leaves_its_figures(tmp_path: Path, clock: list[float]) -> None:
    """When, how long, and how many rows of each status, with 0 for those that did not occur."""
    metrics = Metrics(tmp_path / "digits.prom", Path("/scans"))
    metrics.write(ExitCode.OK, outcome(3))
    found = figures(tmp_path / "digits.prom")
    assert found == {
        "last_run_timestamp_seconds": 1000,
        "last_run_exit_code": 0,
        "last_success_timestamp_seconds": 1000,
        "rows ok": 3,
        "rows review": 0,
        "rows rejected": 0,
        "rows error": 1,
        "rows deferred": 0,
        "rows reviewed": 0,
        "unreadable_files": 1,
        "remembered_rows": 5,
        "duration_seconds": 12.5,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["digits.prom"]


def test_a_run_that_fails_leaves_when_one_last_did_not(tmp_path: Path, clock: list[float]) -> None:
    """Its time and code are there; the last success and the figures of the last report stay."""
    path = tmp_path / "digits.prom"
    Metrics(path, Path("/scans")).write(ExitCode.OK, outcome(3))
    before = figures(path)
    clock[0] = 2000.0
    Metrics(path, Path("/scans")).write(ExitCode.INPUT, None)
    assert figures(path) == before | {"last_run_timestamp_seconds": 2000, "last_run_exit_code": 3}
    clock[0] = 3000.0
    Metrics(path, Path("/scans")).write(ExitCode.UNREADABLE_FILES, outcome(1))
    found = figures(path)
    assert (found["last_success_timestamp_seconds"], found["rows ok"]) == (1000, 1)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"other_metric 5\nbatch_classify_x{} 1\n"])
def test_what_stood_there_before_does_no_harm(tmp_path: Path, content: bytes) -> None:
    """A file of something else is replaced."""
    path = tmp_path / "digits.prom"
    path.write_bytes(content)
    Metrics(path, Path("/scans")).write(ExitCode.INPUT, None)
    assert figures(path).keys() == {"last_run_timestamp_seconds", "last_run_exit_code"}


@pytest.mark.parametrize("name", ['a "quoted" \\ name', "two\nlines", "caf\udce9", "ümlaut", "{x} 1"])
def test_any_path_is_a_label(tmp_path: Path, name: str) -> None:
    """Quotes, backslashes, line breaks and other bytes are escaped, and read back the next time."""
    path = tmp_path / "digits.prom"
    for _ in range(2):
        Metrics(path, Path("/scans") / name).write(ExitCode.OK, outcome(1))
        Metrics(path, Path("/scans") / name).write(ExitCode.INPUT, None)
    assert figures(path)["rows ok"] == 1
    assert path.read_text(encoding="utf-8").count("last_run_exit_code{") == 1


@pytest.mark.parametrize("place", ["nowhere/digits.prom", "folder"])
def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path, place: str) -> None:
    """It shows before the work, with the file and the option."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(JobError, match=rf"{place}.*--metrics-file") as refusal:
        Metrics(tmp_path / place, Path("/scans")).check()
    assert refusal.value.code is ExitCode.OUTPUT
    Metrics(tmp_path / "digits.prom", Path("/scans")).check()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

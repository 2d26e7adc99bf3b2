"""Results below an address, in `batch_classify.store`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from batch_classify.errors import ExitCode, JobError  # noqa: E402 - fsspec may be missing
from batch_classify.job import Outcome  # noqa: E402
from batch_classify.report.summary import Summary  # noqa: E402
from batch_classify.store import run_into  # noqa: E402
from batch_classify.uri import Uri  # noqa: E402

PLACE = Uri("memory://store/results")
FILES = {"predictions.csv": "file\n", "run.json": "{}\n", "predictions.parquet/part-0.parquet": "PAR1"}


@pytest.fixture
def store() -> Iterator[Any]:
    """The store in memory; it is this process' only one, so it is emptied again."""
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()


def reporting(text: str) -> Callable[[Path], Outcome]:
    """Return a run that reports with this table, and keeps an answer of people beside the reports."""

    def run(results: Path) -> Outcome:
        folder = results / "2026-11-27T020000Z"
        for name, content in (FILES | {"predictions.csv": text}).items():
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_text(content)
        with (results / "corrections.csv").open("a") as file:
            file.write(text)
        return Outcome(folder, Summary(), 0, 0, 1.0)

    return run


def test_a_report_is_there_and_is_the_latest(store: Any) -> None:
    """It has all its files, and its folder's address is where to look; nothing else is left."""
    outcome = run_into(PLACE, reporting("one"))
    assert outcome.folder == PLACE / "2026-11-27T020000Z"
    names = {path.removeprefix("/store/results/") for path in store.find("/store/results")}
    assert names == {f"2026-11-27T020000Z/{name}" for name in FILES} | {"latest.json", "corrections.csv"}
    latest = json.loads(store.cat_file("/store/results/latest.json"))
    assert store.cat_file(f"/store/results/{latest['table']}") == b"one"
    assert store.cat_file(f"/store/results/{latest['record']}") == b"{}\n"


def test_two_reports_of_one_second_are_two(store: Any) -> None:
    """The second has another name, and what people answered grows from run to run."""
    run_into(PLACE, reporting("one"))
    outcome = run_into(PLACE, reporting("two"))
    assert outcome.folder == PLACE / "2026-11-27T020000Z-2"
    assert store.cat_file("/store/results/2026-11-27T020000Z/predictions.csv") == b"one"
    assert json.loads(store.cat_file("/store/results/latest.json"))["run"] == "2026-11-27T020000Z-2"
    assert store.cat_file("/store/results/corrections.csv") == b"onetwo"


def test_the_latest_is_named_last(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is cut off while it copies leaves the earlier report the latest, whatever it was at."""
    run_into(PLACE, reporting("one"))
    put_file = type(store).put_file
    for at in range(len(FILES)):
        copied: list[str] = []

        def put(
            self: Any, local: str, path: str, at: int = at, copied: list[str] = copied, **options: Any
        ) -> None:
            if len(copied) == at:
                raise OSError("no space left there")
            copied.append(path)
            put_file(self, local, path, **options)

        monkeypatch.setattr(type(store), "put_file", put)
        with pytest.raises(JobError, match="no space left there") as refusal:
            run_into(PLACE, reporting("two"))
        assert refusal.value.code is ExitCode.OUTPUT
        assert json.loads(store.cat_file("/store/results/latest.json"))["run"] == "2026-11-27T020000Z"
        assert not [path for path in copied if path.endswith("run.json")]
        assert not [path for path in store.find("/store/results") if ".running" in path]


def test_a_run_that_fails_publishes_nothing(store: Any) -> None:
    """Its error comes through, and the place is free again."""

    def fail(results: Path) -> Outcome:
        raise JobError(ExitCode.INPUT, "no image")

    with pytest.raises(JobError, match="no image"):
        run_into(PLACE, fail)
    assert store.find("/store/results") == []


def test_a_store_that_cannot_be_reached_is_found_out_before_the_work(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its library raises, the code is OUTPUT, and the message names the address and the cause."""

    def refuse(self: Any, path: str, value: bytes, **options: Any) -> None:
        raise ValueError("no credentials")

    monkeypatch.setattr(type(store), "pipe_file", refuse)
    with pytest.raises(JobError, match=r"memory://store/results: no credentials.*--out") as refusal:
        run_into(PLACE, lambda results: pytest.fail("the work began"))
    assert refusal.value.code is ExitCode.OUTPUT


def test_a_second_run_at_the_same_time_is_refused(store: Any) -> None:
    """The code is LOCKED, and the first goes on undisturbed."""

    def run(results: Path) -> Outcome:
        with pytest.raises(JobError) as refusal:
            run_into(PLACE, lambda results: pytest.fail("two runs at once"))
        assert refusal.value.code is ExitCode.LOCKED
        return reporting("one")(results)

    run_into(PLACE, run)
    assert json.loads(store.cat_file("/store/results/latest.json"))["run"] == "2026-11-27T020000Z"

"""The results folder in `batch_classify.results`: whole or not at all."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch_classify.errors import ExitCode, JobError
from batch_classify.lock import LOCK
from batch_classify.results import LATEST, RECORD, prune, publish, writing

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def publish_run(results: Path, text: str = "row") -> Path:
    """Publish a run of one file."""
    with writing(results) as folder:
        (folder / "predictions.csv").write_text(text)
        return publish(folder, NOON)


def test_a_finished_run_has_its_folder_and_the_link(tmp_path: Path) -> None:
    """The folder is named after the time in UTC, and `latest` is a relative link to it."""
    folder = publish_run(tmp_path / "new" / "results")
    assert folder.name == "2026-11-21T120000Z"
    link = folder.parent / LATEST
    assert link.readlink() == Path(folder.name)
    assert (link / "predictions.csv").read_text() == "row"


def test_runs_of_one_second_do_not_touch_each_other(tmp_path: Path) -> None:
    """The second and third run get a number, and `latest` follows."""
    names = [publish_run(tmp_path, text).name for text in "abc"]
    assert names == ["2026-11-21T120000Z", "2026-11-21T120000Z-2", "2026-11-21T120000Z-3"]
    assert (tmp_path / LATEST / "predictions.csv").read_text() == "c"
    assert (tmp_path / names[0] / "predictions.csv").read_text() == "a"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_unfinished_run_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    """Whatever ends it, the temporary folder goes and `latest` stays."""
    earlier = publish_run(tmp_path)
    with pytest.raises(failure), writing(tmp_path) as folder:
        (folder / "predictions.csv").write_text("half")
        raise failure
    assert {entry.name for entry in tmp_path.iterdir()} == {earlier.name, LATEST, LOCK}
    assert (tmp_path / LATEST).readlink() == Path(earlier.name)


def test_others_may_read_the_results(tmp_path: Path) -> None:
    """The run's folder has the rights of an ordinary new folder."""
    (tmp_path / "ordinary").mkdir()
    assert publish_run(tmp_path).stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def a_file_in_its_place(results: Path) -> None:
    """Put a file where the results folder should be."""
    results.write_text("")


def a_folder_called_latest(results: Path) -> None:
    """Put a real folder where the link should be."""
    (results / LATEST).mkdir(parents=True)


@pytest.mark.parametrize("obstacle", [a_file_in_its_place, a_folder_called_latest])
def test_an_obstacle_shows_before_the_work(tmp_path: Path, obstacle: object) -> None:
    """The run is refused at once, with the place and a remedy, and the obstacle stays."""
    results = tmp_path / "results"
    assert callable(obstacle)
    obstacle(results)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JobError) as refusal, writing(results):
        pytest.fail("the work must not begin")
    assert refusal.value.code is ExitCode.OUTPUT
    assert str(results) in str(refusal.value)
    assert "--out" in str(refusal.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_an_output_error(tmp_path: Path) -> None:
    """Running out of space while writing ends the run as an output that cannot be written."""
    with pytest.raises(JobError) as refusal, writing(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert refusal.value.code is ExitCode.OUTPUT
    assert "No space left" in str(refusal.value)


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    """An error that has nothing to do with the output is not blamed on it."""
    with pytest.raises(ConnectionError), writing(tmp_path):
        raise ConnectionError


def test_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    """The next run deletes half-written folders and links, and nothing else that is hidden."""
    for name in (".run-abc.partial", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.csv").write_text("half")
    (tmp_path / ".2026-11-21T120000Z.link").symlink_to("2026-11-21T120000Z")
    folder = publish_run(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {folder.name, LATEST, LOCK, ".hidden"}


def old_run(results: Path, name: str, record: object = {"schema": 1, "rows": 0, "model": {}}) -> None:
    """Make a folder like that of an earlier run."""
    (results / name).mkdir()
    (results / name / RECORD).write_text(json.dumps(record))


def test_only_the_newest_reports_are_kept(tmp_path: Path) -> None:
    """Runs of one second count in their order, also past the ninth."""
    newest = [f"2026-11-21T120000Z-{number}" for number in (9, 10, 11)]
    for name in ("2025-01-01T000000Z", "2026-11-21T120000Z", *newest):
        old_run(tmp_path, name)
    (tmp_path / LATEST).symlink_to(newest[-1])
    assert prune(tmp_path, 3) == 2
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*newest, LATEST])
    assert prune(tmp_path, 3) == 0


def test_latest_is_never_deleted(tmp_path: Path) -> None:
    """Not even if it leads to an old run, say because the clock was wrong."""
    for name in ("2025-01-01T000000Z", "2026-01-01T000000Z"):
        old_run(tmp_path, name)
    (tmp_path / LATEST).symlink_to("2025-01-01T000000Z")
    prune(tmp_path, 1)
    assert (tmp_path / LATEST / RECORD).exists()


def test_a_foreign_folder_is_never_deleted(tmp_path: Path) -> None:
    """Without a run's name, or without a run's record in it, or behind a link, it is not ours."""
    outside = tmp_path / "outside"
    outside.mkdir()
    old_run(outside, "2024-01-01T000000Z")
    results = tmp_path / "results"
    results.mkdir()
    old_run(results, "photos")
    old_run(results, "2024-01-01T000000Z-copy")
    old_run(results, "2024-01-02T000000Z", record=["not", "ours"])
    old_run(results, "2024-01-03T000000Z", record={"schema": 1})
    (results / "2024-01-04T000000Z").mkdir()
    (results / "2024-01-05T000000Z").symlink_to(outside / "2024-01-01T000000Z")
    (results / "corrections.csv").write_text("")
    before = sorted(tmp_path.rglob("*"))
    old_run(results, "2026-01-01T000000Z")
    old_run(results, "2026-01-02T000000Z")
    assert prune(results, 1) == 1
    assert sorted(tmp_path.rglob("*")) == sorted(
        [*before, results / "2026-01-02T000000Z", results / "2026-01-02T000000Z" / RECORD]
    )


def test_a_report_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and both folders are synced, the report's own ones before the rename."""
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink().name))
    publish_run(tmp_path)
    assert synced[0] == "predictions.csv"
    assert synced[1].endswith(".partial")
    assert synced[2] == tmp_path.name


def test_pictures_below_are_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep a file lies, it and the folders above it are synced before the run's folder is renamed."""
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink()))
    with writing(tmp_path) as folder:
        (folder / "explain" / "forms").mkdir(parents=True)
        (folder / "explain" / "forms" / "1.png").write_bytes(b"picture")
        publish(folder, NOON)
    parts = [folder / "explain", folder / "explain" / "forms", folder / "explain" / "forms" / "1.png"]
    assert sorted(synced) == sorted([*parts, folder, tmp_path])
    assert synced[-2:] == [folder, tmp_path]

"""The job on a real Ray cluster of several worker processes, and from a real S3 server, in `engines.ray`.

Both run on the loopback address, once for all tests here.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import logging
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

ray = pytest.importorskip("ray", reason="ray is not installed")
server = pytest.importorskip("moto.server", reason="moto is not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

import pyarrow as pa  # noqa: E402 - comes with ray, which may be missing
import pyarrow.parquet as pq  # noqa: E402
from deadly.sitecustomize import DEADLY  # noqa: E402

from batch_classify.classifier import Classifier  # noqa: E402
from batch_classify.engines import Setup  # noqa: E402
from batch_classify.engines.ray import engine  # noqa: E402
from batch_classify.errors import ExitCode, JobError  # noqa: E402
from batch_classify.job import Effort, Neighbours, Outcome, Report, run  # noqa: E402
from batch_classify.objects import ObjectScan  # noqa: E402
from batch_classify.report.card import Card  # noqa: E402
from batch_classify.row import Reason, Status  # noqa: E402
from batch_classify.scan import OneFile, Scan, Selection  # noqa: E402
from batch_classify.shelf import SHELF  # noqa: E402
from batch_classify.store import run_into  # noqa: E402
from batch_classify.uri import Uri  # noqa: E402
from train.generator import draw_digit  # noqa: E402

FILES = 400
SHARDS = -(-FILES // 64)
PACKED = Selection(include=("*.tar", "*.parquet"))
NO_PAGE = Report(page=False)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A bucket on an S3 server of our own; whoever starts later finds it by its environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "nobody")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fs = s3fs.S3FileSystem(use_listings_cache=False)
        fs.mkdir("bucket")
        yield fs
    moto.stop()


@pytest.fixture(scope="module")
def cluster(s3: Any) -> Iterator[None]:
    """A Ray cluster with two CPUs, in whose workers some bytes kill the decoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "deadly"))
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scans, some of them bad, in folders and in an order that is not that of their names."""
    root = tmp_path_factory.mktemp("scans")
    for number in range(FILES - 4):
        folder = root / f"{number % 3}"
        folder.mkdir(exist_ok=True)
        picture = 255 - draw_digit(number % 10, np.random.default_rng(number), 28 + 40 * (number % 2))
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (root / "0" / "empty.png").touch()
    (root / "1" / "text.png").write_text("no picture")
    (root / "1-2.png").write_bytes((root / "0" / "0.png").read_bytes()[:100])
    cv2.imwrite(str(root / "blank.png"), np.full((40, 40), 250, np.uint8))
    (root / "labels.csv").write_text("file,label\n")
    return root


@pytest.fixture(scope="module")
def classifier(fake_model: Path) -> Classifier:
    """The fake model, for once content with some of its answers."""
    return Classifier.load(fake_model, "cpu", review_below=0.2)


@pytest.fixture(scope="module")
def expected(scans: Path, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of the local engine."""
    return table_of(run(Scan(scans), classifier, tmp_path_factory.mktemp("out"), report=NO_PAGE))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock a minute ahead, so that what was just written counts as at rest."""
    now = itertools.count(time.time_ns() + 60 * 10**9)
    monkeypatch.setattr("batch_classify.engines.ray.time.time_ns", lambda: next(now))


@pytest.fixture
def on_ray(cluster: None, classifier: Classifier, fake_model: Path) -> Callable[..., Outcome]:
    """Return what runs the job on the cluster: takes the candidates and the results folder."""

    def run_there(
        candidates: Scan | OneFile, results: Path, kept: Path | Uri | None = None, **options: Any
    ) -> Outcome:
        there = engine(Setup(fake_model, kept or results))
        return run(candidates, classifier, results, engine=there, **({"report": NO_PAGE} | options))

    return run_there


def table_of(outcome: Outcome) -> bytes:
    """Read a report's predictions.csv."""
    assert isinstance(outcome.folder, Path)
    return (outcome.folder / "predictions.csv").read_bytes()


def rows_of(table: bytes) -> list[dict[str, str]]:
    """Return the rows of a predictions.csv."""
    return list(csv.DictReader(io.StringIO(table.decode())))


def workers() -> list[int]:
    """The processes of the cluster that hold a model, as the kernel knows them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                found.append(int(process.name))
        except OSError:  # ended meanwhile
            continue
    return found


def test_the_table_is_that_of_the_local_engine(
    on_ray: Callable[..., Outcome], scans: Path, expected: bytes, tmp_path: Path
) -> None:
    """To the byte, in the same order, with a row for each file, though shards end in whatever order."""
    outcome = on_ray(Scan(scans), tmp_path)
    assert table_of(outcome) == expected
    assert outcome.summary.files == FILES
    assert outcome.ignored == 1
    assert outcome.summary.unread == 3
    assert len(list((tmp_path / SHELF).iterdir())) == SHARDS
    ways = json.loads((tmp_path / "latest" / "run.json").read_text())["ways"]
    assert sum(ways.values()) == FILES - 3


def test_a_killed_worker_costs_its_shard_once_more(
    on_ray: Callable[..., Outcome], scans: Path, expected: bytes, tmp_path: Path
) -> None:
    """All workers are killed when the first rows arrive, and the table is as if nothing had been."""
    killed: list[int] = []

    def kill(cards: Sequence[Card]) -> None:
        for process in [] if killed else workers():
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    assert table_of(on_ray(Scan(scans), tmp_path, watch=kill)) == expected
    assert killed


def test_a_file_that_kills_its_decoder_costs_itself(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path
) -> None:
    """It has an error row with its hash, the other files of its shard are answered, and the run ends."""
    root = tmp_path / "scans"
    root.mkdir()
    for number in range(10):
        (root / f"{number}.png").write_bytes((scans / "0" / f"{3 * number}.png").read_bytes())
    (root / "5.png").write_bytes(DEADLY)
    outcome = on_ray(Scan(root), tmp_path / "out")
    rows = rows_of(table_of(outcome))
    assert [row["file"] for row in rows if row["status"] == "error"] == ["5.png"]
    assert (rows[5]["reason"], len(rows[5]["sha256"])) == ("unreadable", 64)


@pytest.mark.usefixtures("later")
def test_a_run_that_was_cut_off_goes_on_by_shard(
    on_ray: Callable[..., Outcome], scans: Path, expected: bytes, tmp_path: Path
) -> None:
    """What was answered is not read again, and the table is as if nothing had been."""

    def interrupt(cards: Sequence[Card]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_ray(Scan(scans), tmp_path, watch=interrupt)
    assert not (tmp_path / "latest").exists()
    kept = list((tmp_path / SHELF).glob("*.parquet"))
    assert kept
    outcome = on_ray(Scan(scans), tmp_path)
    assert table_of(outcome) == expected
    assert outcome.remembered >= 60
    assert not [path for path in kept if not path.exists()]


@pytest.mark.usefixtures("later")
def test_only_what_changed_is_read_again(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path, classifier: Classifier
) -> None:
    """Shards that stayed the same are remembered; what may pass, such as a lost file, is tried again."""
    root = tmp_path / "scans"
    for number in range(130):
        (root / f"{number % 3}").mkdir(exist_ok=True, parents=True)
        picture = (scans / f"{number % 3}" / f"{number}.png").read_bytes()
        (root / f"{number % 3}" / f"{number}.png").write_bytes(picture)
    (root / "9.png").symlink_to("nowhere.png")
    assert on_ray(Scan(root), tmp_path / "out").remembered == 0
    # Three shards: 64, 64, and the last three files with the one that is not there.
    again = on_ray(Scan(root), tmp_path / "out")
    assert (again.remembered, again.summary.unread) == (128, 1)
    (root / "9.png").unlink()
    (root / "9.png").write_bytes((root / "0" / "0.png").read_bytes())
    (root / "0" / "0.png").write_bytes((root / "0" / "3.png").read_bytes())
    outcome = on_ray(Scan(root), tmp_path / "out")
    assert (outcome.remembered, outcome.summary.unread) == (64, 0)
    assert on_ray(Scan(root), tmp_path / "out").remembered == 131
    fresh = on_ray(Scan(root), tmp_path / "out", neighbours=Neighbours(fresh=True), effort=Effort(workers=1))
    assert fresh.remembered == 0
    assert (
        table_of(fresh)
        == table_of(outcome)
        == table_of(run(Scan(root), classifier, tmp_path / "local", report=NO_PAGE))
    )


def test_what_was_touched_just_now_is_read_again(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change so soon after might not show in the file's times, so the shard is not remembered."""
    root = tmp_path / "scans"
    root.mkdir()
    (root / "1.png").write_bytes((scans / "0" / "0.png").read_bytes())
    touched = (root / "1.png").stat().st_ctime_ns
    ticks = itertools.count(touched + 10**9)
    monkeypatch.setattr("batch_classify.engines.ray.time.time_ns", lambda: next(ticks))
    assert [on_ray(Scan(root), tmp_path / "out").remembered for _ in range(2)] == [0, 0]
    ticks = itertools.count(touched + 10 * 10**9)
    assert [on_ray(Scan(root), tmp_path / "out").remembered for _ in range(2)] == [0, 1]


def test_objects_in_a_bucket_are_read_and_the_report_goes_there(
    on_ray: Callable[..., Outcome], s3: Any, scans: Path, expected: bytes
) -> None:
    """From S3 to S3 the table is the same to the byte; latest.json leads to it, and no lock is left."""
    for path in scans.rglob("*"):
        if path.is_file():
            s3.put_file(str(path), f"bucket/scans/{path.relative_to(scans)}")
    results, source = Uri("s3://bucket/results"), Uri("s3://bucket/scans")
    first, second = (
        run_into(results, partial(on_ray, ObjectScan(source), kept=results, report=Report(shards=True)))
        for _ in range(2)
    )
    assert str(first.folder).startswith("s3://bucket/results/2")
    latest = json.loads(s3.cat_file("bucket/results/latest.json"))
    assert results / latest["run"] == second.folder
    assert s3.cat_file(f"bucket/results/{latest['table']}") == expected
    assert json.loads(s3.cat_file(f"bucket/results/{latest['record']}"))["input"] == source
    assert (first.remembered, second.remembered) == (0, FILES)
    parts = s3.ls(f"bucket/results/{latest['run']}/predictions.parquet", detail=False)
    assert sorted(path.rpartition("/")[2] for path in parts) == ["_manifest.json", "part-00000.parquet"]
    assert not [name for name in s3.find("bucket/results") if ".running" in name or ".try" in name]


def test_a_second_run_into_a_bucket_is_refused(on_ray: Callable[..., Outcome], s3: Any) -> None:
    """S3 itself refuses to write the marker twice."""
    results = Uri("s3://bucket/busy")

    def second(place: Path) -> Outcome:
        with pytest.raises(JobError, match="s3://bucket/busy is in use by process") as refusal:
            run_into(results, lambda place: pytest.fail("two runs at once"))
        assert refusal.value.code is ExitCode.LOCKED
        with pytest.raises(FileExistsError):
            s3.pipe_file("bucket/busy/.running-1.json", b"", mode="create")
        raise JobError(ExitCode.INPUT, "enough")

    with pytest.raises(JobError, match="enough"):
        run_into(results, second)
    assert s3.find("bucket/busy") == []


def test_packed_scans_are_read_as_loose_ones(
    on_ray: Callable[..., Outcome], s3: Any, scans: Path, expected: bytes, tmp_path: Path
) -> None:
    """A tar and a Parquet file give the rows of the files in them, under their names, between loose ones."""
    loose = {row["file"]: row for row in rows_of(expected)}
    names = [f"0/{number}.png" for number in range(0, 3 * 90, 3)]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
    with tarfile.open(tmp_path / "in" / "0" / "shard-1.tar", "w") as tar:
        for name in names[:70]:
            tar.add(scans / name, Path(name).name)
        tar.add(scans / "labels.csv", "labels.csv")
    columns = {
        "name": [Path(name).name for name in names[70:]],
        "png": [(scans / name).read_bytes() for name in names[70:]],
    }
    pq.write_table(pa.table(columns), tmp_path / "in" / "0" / "shard-2.parquet")
    (tmp_path / "in" / "blank.png").write_bytes((scans / "blank.png").read_bytes())
    whole_tar = (tmp_path / "in" / "0" / "shard-1.tar").read_bytes()
    (tmp_path / "in" / "0" / "cut.tar").write_bytes(whole_tar[:5000])
    s3.put(str(tmp_path / "in"), "bucket/packed", recursive=True)
    outcomes = [
        on_ray(Scan(tmp_path / "in", PACKED), tmp_path / "out"),
        on_ray(ObjectScan(Uri("s3://bucket/packed"), PACKED), tmp_path / "out"),
    ]
    for outcome in outcomes:
        rows = rows_of(table_of(outcome))
        cut = [row["file"] for row in rows if row["file"].startswith("0/cut.tar/")]
        assert cut[-1] == "0/cut.tar/"
        assert len(cut) > 1
        whole = rows[len(cut) :]
        assert [row["file"] for row in whole] == [
            *(f"0/shard-1.tar/{Path(name).name}" for name in names[:70]),
            *(f"0/shard-2.parquet/{Path(name).name}" for name in names[70:]),
            "blank.png",
        ]
        for row, name in zip(whole, [*names, "blank.png"], strict=True):
            assert row | {"file": ""} == loose[name] | {"file": ""}
        assert outcome.ignored == 1
    assert table_of(outcomes[0]) == table_of(outcomes[1])


def test_a_packed_file_is_answered_in_parts(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many it holds, no worker has more of it in memory than a shard of loose files."""
    root = tmp_path / "scans"
    root.mkdir()
    data = (scans / "0" / "0.png").read_bytes()
    with tarfile.open(root / "many.tar", "w") as tar:
        for number in range(2001):
            info = tarfile.TarInfo(f"{number:04}.png")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    outcome = on_ray(Scan(root, PACKED), tmp_path / "out")
    names = [row["file"] for row in rows_of(table_of(outcome))]
    assert names == [f"many.tar/{number:04}.png" for number in range(2001)]
    parts = sorted(path.name.partition("-")[2] for path in (tmp_path / "out" / SHELF).iterdir())
    assert parts == ["0.parquet", "1.parquet", "2-last.parquet"]


def test_the_page_holds_what_needs_a_human(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path
) -> None:
    """Rows that need nobody are in the table only; the page says so."""
    report = Report(settled=False)
    outcome = on_ray(Scan(scans), tmp_path, report=report)
    assert isinstance(outcome.folder, Path)
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    rows = rows_of(table_of(outcome))
    settled = {row["file"] for row in rows if row["status"] == "ok"}
    assert settled
    assert all(f'"{row["file"]}"' in page for row in rows if row["status"] != "ok")
    assert not [file for file in settled if f'"{file}"' in page]
    assert f"{len(rows) - len(settled)} of {len(rows)} rows: every row that needs a human." in page


@pytest.mark.parametrize("names", [[], ["labels.csv"]])
def test_no_image_is_an_input_error(on_ray: Callable[..., Outcome], tmp_path: Path, names: list[str]) -> None:
    """As under the local engine, and nothing is published."""
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).touch()
    with pytest.raises(JobError, match=f"{len(names)} other files") as refusal:
        on_ray(Scan(tmp_path / "in"), tmp_path / "out")
    assert refusal.value.code is ExitCode.INPUT
    assert not (tmp_path / "out" / "latest").exists()


def test_an_input_that_goes_away_publishes_nothing(
    on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path
) -> None:
    """If files are gone because the folder is another by then, the run ends and says so."""
    root = tmp_path / "in"
    root.mkdir()
    (root / "1.png").symlink_to("nowhere.png")

    class Leaving(Scan):
        def __iter__(self) -> Iterator[str]:
            yield from super().__iter__()
            root.rename(tmp_path / "elsewhere")
            root.mkdir()

    with pytest.raises(JobError, match="went away") as refusal:
        on_ray(Leaving(root), tmp_path / "out")
    assert refusal.value.code is ExitCode.INPUT


def test_workers_of_other_versions_are_refused(
    on_ray: Callable[..., Outcome],
    scans: Path,
    classifier: Classifier,
    fake_model: Path,
    tmp_path: Path,
) -> None:
    """They could give other answers, so the run ends and says what to do."""
    other = replace(classifier, model=replace(classifier.model, sha256="of another"))
    with pytest.raises(JobError, match="Install the same everywhere") as refusal:
        run(Scan(scans), other, tmp_path, engine=engine(Setup(fake_model, tmp_path)), report=NO_PAGE)
    assert refusal.value.code is ExitCode.ENVIRONMENT


def test_one_image_is_not_for_a_cluster(on_ray: Callable[..., Outcome], scans: Path, tmp_path: Path) -> None:
    """It is refused with the way out."""
    with pytest.raises(JobError, match="one image") as refusal:
        on_ray(OneFile(scans / "blank.png"), tmp_path)
    assert refusal.value.code is ExitCode.USAGE


def test_the_reasons_of_bad_files_are_the_same(expected: bytes) -> None:
    """The folder of these tests has what it says: each kind of bad file, and rows of several statuses."""
    reasons = {row["file"]: row["reason"] for row in rows_of(expected)}
    assert reasons["0/empty.png"] == Reason.EMPTY_FILE
    assert reasons["1/text.png"] == Reason.UNSUPPORTED
    assert reasons["1-2.png"] == Reason.UNREADABLE
    assert reasons["blank.png"] == Reason.BLANK
    assert {row["status"] for row in rows_of(expected)} >= {Status.OK, Status.ERROR, Status.REJECTED}

"""The whole job, from a folder to a report, in `batch_classify.job`."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import socket
import struct
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import batch_classify
from batch_classify import beside, job, memory
from batch_classify.beside import Keeper
from batch_classify.classifier import Classifier
from batch_classify.corrections import Correction, Corrections
from batch_classify.errors import ExitCode, JobError
from batch_classify.job import IN_THIS_PROCESS, Effort, Neighbours, Report, classify, run
from batch_classify.ledger import LEDGER, Ledger
from batch_classify.lock import LOCK
from batch_classify.row import Status
from batch_classify.scan import OneFile, Scan, Selection
from train.generator import draw_digit

GOOD = 1000


def png(seed: int = 0, side: int = 28) -> bytes:
    """Return a drawn digit, dark on light, as PNG."""
    rng = np.random.default_rng(seed)
    return cv2.imencode(".png", 255 - draw_digit(seed % 10, rng, side))[1].tobytes()


def png_that_claims(width: int, height: int) -> bytes:
    """Return a tiny PNG whose header speaks of so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def two_pages(path: Path) -> None:
    """Write a TIFF whose first page is a digit and whose second is blank."""
    pages = [
        Image.fromarray(255 - draw_digit(3, np.random.default_rng(3), 40)),
        Image.new("L", (40, 40), 255),
    ]
    pages[0].save(path, save_all=True, append_images=pages[1:])


def content(data: bytes) -> Callable[[Path], None]:
    """Return what writes `data` to a path."""

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def blank(path: Path) -> None:
    """Write a sheet with nothing on it."""
    Image.new("L", (50, 50), 250).save(path, "PNG")


def pair(path: Path) -> None:
    """Write two digits side by side."""
    digits = [255 - draw_digit(digit, np.random.default_rng(digit), 60) for digit in (2, 5)]
    Image.fromarray(np.hstack(digits)).save(path)


def dangling(path: Path) -> None:
    """Make a link that leads nowhere."""
    path.symlink_to("nowhere.png")


# One of each kind that is odd, and its rows: (page, status, reason).
ODD: dict[str, tuple[Callable[[Path], None], list[tuple[str, str, str]]]] = {
    "blank.png": (blank, [("", "rejected", "blank")]),
    "dangling.png": (dangling, [("", "error", "vanished")]),
    "empty.png": (content(b""), [("", "error", "empty_file")]),
    "garbage.jpg": (content(bytes(range(256))), [("", "error", "unsupported")]),
    "huge.png": (content(png_that_claims(60_000, 60_000)), [("", "error", "too_large")]),
    "pair.png": (pair, [("", "rejected", "several_digits")]),
    "text.png": (content(b"not a picture"), [("", "error", "unsupported")]),
    "truncated.png": (content(png()[:120]), [("", "error", "unreadable")]),
    "two-pages.tif": (two_pages, [("1", "", ""), ("2", "rejected", "blank")]),
    "wrong-name.jpg": (content(png(4)), [("", "", "")]),
}
UNREADABLE = sum(any(status == "error" for _, status, _ in rows) for _, rows in ODD.values())


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a thousand good files and one of each odd kind among them."""
    root = tmp_path_factory.mktemp("many")
    for number in range(GOOD):
        folder = root / f"{number // 100}00"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:04}.png").write_bytes(png(number))
    for name, (write, _) in ODD.items():
        write(root / "500" / name)
    (root / "labels.csv").write_text("file,label\n")
    (root / ".hidden.png").write_bytes(png())
    os.mkfifo(root / "500" / "pipe.png")
    (root / "500" / "loop").symlink_to(root)
    with socket.socket(socket.AF_UNIX) as channel, contextlib.chdir(root):
        channel.bind("socket.png")  # in its folder, since the name of a socket may only be short
    return root


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A folder of five good files."""
    root = tmp_path / "few"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.png").write_bytes(png(number))
    return root


def table(folder: Path) -> list[dict[str, str]]:
    """Read a run's predictions.csv."""
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names_in(results: Path) -> set[str]:
    """The names of all that is in a results folder, but for the lock and the ledger, which stay there."""
    return {entry.name for entry in results.iterdir()} - {LOCK, LEDGER}


@pytest.fixture(scope="session")
def outcome_of_many(many: Path, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's folder for `many`, with the defaults."""
    return run(Scan(many), classifier, tmp_path_factory.mktemp("results")).folder


def test_every_file_and_page_has_exactly_one_row(many: Path, outcome_of_many: Path) -> None:
    """Rows out are the candidates found, in the order of the scan, each page once."""
    expected = [f"{number // 100}00/{number:04}.png" for number in range(GOOD)]
    expected += [f"500/{name}" for name, (_, rows) in ODD.items() for _ in rows]
    assert [row["file"] for row in table(outcome_of_many)] == sorted(expected)


def test_each_odd_kind_gets_its_own_answer(outcome_of_many: Path) -> None:
    """Each has its status and reason; where those are left open, a label and a confidence."""
    rows = table(outcome_of_many)
    for name, (_, expected) in ODD.items():
        found = [row for row in rows if row["file"] == f"500/{name}"]
        for row, (page, status, reason) in zip(found, expected, strict=True):
            assert row["page"] == page
            if status:
                assert (row["status"], row["reason"], row["label"], row["confidence"]) == (
                    status,
                    reason,
                    "",
                    "",
                )
            else:
                assert row["status"] in ("ok", "review")
                assert row["label"] in set("0123456789")


def test_nothing_else_is_disturbed(many: Path, classifier: Classifier, outcome_of_many: Path) -> None:
    """A good file's row is the one that it gets in a folder of its own."""
    rows = {row["file"]: row for row in table(outcome_of_many)}
    for name in ("000/0000.png", "500/0500.png", "900/0999.png"):
        (cards,) = classify(OneFile(many / name), classifier, IN_THIS_PROCESS)
        assert rows[name]["label"] == str(cards[0].row.label)
        assert rows[name]["confidence"] == f"{cards[0].row.confidence:.6f}"
        assert rows[name]["sha256"] == cards[0].row.sha256


@pytest.mark.parametrize("effort", [Effort(1, 3), Effort(7, 1), Effort(2000, 2), Effort(50, 0)])
def test_the_table_is_the_same_to_the_byte(
    many: Path, classifier: Classifier, outcome_of_many: Path, tmp_path: Path, effort: Effort
) -> None:
    """Another run, with other workers and another batch size, writes the same predictions.csv."""
    again = run(Scan(many), classifier, tmp_path, effort=effort).folder
    assert (again / "predictions.csv").read_bytes() == (outcome_of_many / "predictions.csv").read_bytes()


def test_the_record_counts_what_the_table_holds(outcome_of_many: Path) -> None:
    """run.json agrees with predictions.csv, and counts what got no row."""
    rows, record = table(outcome_of_many), json.loads((outcome_of_many / "run.json").read_text())
    assert record["rows"] == len(rows) == GOOD + sum(len(rows) for _, rows in ODD.values())
    assert record["files"] == GOOD + len(ODD)
    assert record["unread"] == UNREADABLE
    assert record["ignored"] == 1  # labels.csv
    for status in Status:
        assert record["statuses"][status] == sum(row["status"] == status for row in rows)
    assert record["model"]["name"] == "fake"
    assert {"prepare", "classify", "write", "total"} <= record["seconds"].keys()
    pictures = sum(row["status"] not in ("error", "deferred") for row in rows)
    assert sum(record["ways"].values()) + record["remembered"] == pictures
    assert record["ways"]["short"] > 0


def test_ways_count_what_this_run_prepared(few: Path, classifier: Classifier, tmp_path: Path) -> None:
    """Pictures that an earlier run prepared went no way in this one, though another model reads them anew."""
    other = replace(classifier, model=replace(classifier.model, sha256="another"))
    outcomes = [
        run(Scan(few), each, tmp_path / "out", effort=IN_THIS_PROCESS) for each in (classifier, other)
    ]
    ways = [json.loads((outcome.folder / "run.json").read_text())["ways"] for outcome in outcomes]
    assert [sum(way.values()) for way in ways] == [5, 0]
    assert outcomes[1].remembered == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_copies_are_answered_like_the_first(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Whatever is shared between files of one content, the table is that of a run that shares nothing."""
    monkeypatch.setattr(beside, "_MOMENT", 0.0)  # so that what is answered is known at once
    monkeypatch.setattr(beside, "_PILE", -1)  # and nobody goes on before it is
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(60):
        (scans / f"{number:02}.png").write_bytes(png(number % 5))
        if number % 6 == 0:
            two_pages(scans / f"{number:02}.tif")
    effort = Effort(batch_size=3, workers=workers)
    outcomes = [
        run(Scan(scans), classifier, tmp_path / name, effort=effort, neighbours=Neighbours(fresh=fresh))
        for name, fresh in (("shared", False), ("fresh", True))
    ]
    shared, fresh = (Path(outcome.folder) for outcome in outcomes)
    assert (shared / "predictions.csv").read_bytes() == (fresh / "predictions.csv").read_bytes()
    assert outcomes[0].remembered > 20
    assert outcomes[1].remembered == 0


def test_more_contents_than_are_remembered(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of what was in memory a moment ago, and of what has long left it, have their rows."""
    monkeypatch.setattr(beside, "_MOMENT", 0.0)
    monkeypatch.setattr(beside, "_PILE", -1)
    monkeypatch.setattr(memory, "_MOST", 3)
    scans = tmp_path / "scans"
    scans.mkdir()
    order = [0, 1, 2, 3, 0, 1, 2, 4, 5, 6, 7, 0, 3, 7, 6, 5, 8, 9, 4]
    for number, content in enumerate(order):
        (scans / f"{number:02}.png").write_bytes(png(content))
    effort = Effort(batch_size=1, workers=0)
    shared, fresh = (
        run(Scan(scans), classifier, tmp_path / name, effort=effort, neighbours=Neighbours(fresh=fresh))
        for name, fresh in (("shared", False), ("fresh", True))
    )
    tables = [(Path(outcome.folder) / "predictions.csv").read_bytes() for outcome in (shared, fresh)]
    assert tables[0] == tables[1]
    assert shared.remembered == len(order) - len(set(order))


def test_a_copy_has_the_pictures_of_the_first(classifier: Classifier, tmp_path: Path) -> None:
    """They come from the ledger when somebody asks for them, each page its own."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(4):
        two_pages(scans / f"{number}.tif")
    ledger = Ledger(tmp_path, scans, job.edition_of(classifier), fresh=False, warn=pytest.fail)
    effort = Effort(batch_size=1, workers=0)
    first, *copies = classify(Scan(scans), classifier, effort, keeper=Keeper(ledger, defaultdict(float)))
    for cards in copies:
        for card, original in zip(cards, first, strict=True):
            assert card.row[1:] == original.row[1:]
            for found, expected in zip(card.pictures(), original.pictures(), strict=True):
                assert np.array_equal(found, expected)
    assert not np.array_equal(first[0].seen, first[1].seen)


def test_the_page_is_there_and_shows_what_needs_a_look(outcome_of_many: Path) -> None:
    """report.html names the odd files."""
    page = (outcome_of_many / "report.html").read_text(encoding="utf-8")
    assert "500/truncated.png" in page
    assert "500/pair.png" in page


@pytest.mark.parametrize(
    ("most", "review_below", "held", "words"),
    [
        (3, 1.0, 3, "the first of those that need a human"),
        (9, 1.0, 5, ""),
        (9, 0.0, 0, "every row that needs a human"),
    ],
)
def test_a_page_without_settled_rows_holds_what_needs_a_human(
    few: Path,
    fake_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    review_below: float,
    held: int,
    words: str,
) -> None:
    """Of these at most so many, and the page says how many there are and which."""
    monkeypatch.setattr(job, "MOST_ROWS", most)
    classifier = Classifier.load(fake_model, "cpu", review_below=review_below)
    folder = run(Scan(few), classifier, tmp_path / "out", report=Report(settled=False)).folder
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert sum(f'["{number}.png",' in page for number in range(5)) == held
    said = f"This page holds {held} of 5 rows: {words}. All are in"
    assert (said in page) == bool(words)
    assert ("This page holds" in page) == bool(words)


def test_probabilities_are_columns_when_asked_for(few: Path, classifier: Classifier, tmp_path: Path) -> None:
    """They sum to 1 and the largest is the label's; the page can be left out."""
    report = Report(probabilities=True, page=False)
    folder = run(Scan(few), classifier, tmp_path / "out", report=report).folder
    for row in table(folder):
        shares = [float(row[f"p{digit}"]) for digit in range(10)]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares[int(row["label"])] == max(shares)
    assert not (folder / "report.html").exists()


def test_the_table_comes_in_other_forms_too(few: Path, classifier: Classifier, tmp_path: Path) -> None:
    """As JSON lines and as Parquet it has the rows of predictions.csv, in order."""
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    report = Report(page=False, lines=True, shards=True)
    folder = run(Scan(few), classifier, tmp_path / "out", report=report, effort=IN_THIS_PROCESS).folder
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    shards = pq.read_table(folder / "predictions.parquet").to_pylist()
    assert [f"{row['confidence']:.6f}" for row in lines] == [row["confidence"] for row in table(folder)]
    assert [(row["file"], row["sha256"]) for row in lines] == [(row["file"], row["sha256"]) for row in shards]
    assert [row["file"] for row in lines] == [row["file"] for row in table(folder)]


def test_parquet_without_its_library_is_an_error_with_a_remedy(
    few: Path, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the extra to install, and nothing is published."""
    monkeypatch.delitem(sys.modules, "batch_classify.report.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(JobError, match=r"--format parquet.*batch-classify\[parquet\]") as refusal:
        run(Scan(few), classifier, tmp_path / "out", report=Report(shards=True))
    assert refusal.value.code is ExitCode.ENVIRONMENT
    assert names_in(tmp_path / "out") == set()


def test_progress_is_heard_as_it_goes(few: Path, classifier: Classifier, tmp_path: Path) -> None:
    """`watch` sees each row once, in order."""
    seen: list[str] = []
    effort = Effort(batch_size=2)
    run(
        Scan(few),
        classifier,
        tmp_path / "out",
        effort=effort,
        watch=lambda cards: seen.extend(c.row.file for c in cards),
    )
    assert seen == [f"{number}.png" for number in range(5)]


@pytest.mark.parametrize("names", [[], ["labels.csv", "README"]])
def test_a_folder_without_images_is_an_input_error(
    tmp_path: Path, classifier: Classifier, names: list[str]
) -> None:
    """Nothing is published, and the message says how many files were not images and what to do."""
    root = tmp_path / "in"
    root.mkdir()
    for name in names:
        (root / name).write_text("")
    with pytest.raises(JobError, match=f"{len(names)} other files.*--include") as refusal:
        run(Scan(root), classifier, tmp_path / "out")
    assert refusal.value.code is ExitCode.INPUT
    assert names_in(tmp_path / "out") == set()


def test_an_input_that_goes_away_publishes_nothing(few: Path, classifier: Classifier, tmp_path: Path) -> None:
    """If the folder is another at the end (unmounted, say), `latest` stays on the run before."""
    out = tmp_path / "out"
    before = run(Scan(few), classifier, out).folder

    def unmount(cards: object) -> None:
        few.rename(tmp_path / "elsewhere")
        few.mkdir()

    with pytest.raises(JobError, match="went away") as refusal:
        run(Scan(few), classifier, out, watch=unmount)
    assert refusal.value.code is ExitCode.INPUT
    assert (out / "latest").resolve() == before
    assert names_in(out) == {"latest", before.name}


def test_files_that_go_away_are_rows(few: Path, classifier: Classifier) -> None:
    """A file that was listed and then deleted is an error row, and the others are answered."""
    scan = Scan(few)
    scanned = iter(scan)
    rows = []
    for cards in classify(scan, classifier, Effort(batch_size=1, workers=0)):
        rows += [card.row for card in cards]
        (few / "3.png").unlink(missing_ok=True)
    del scanned
    assert [row.status is Status.ERROR for row in rows] == [False, False, False, True, False]


def test_a_folder_that_cannot_be_listed_is_a_row(
    few: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it is unknown, and that is said: an error row with the folder's name."""
    (few / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    rows = [card.row for cards in classify(Scan(few), classifier, IN_THIS_PROCESS) for card in cards]
    assert len(rows) == 6
    assert (rows[-1].file, rows[-1].status, rows[-1].reason) == ("locked/", "error", "permission_denied")


def test_reports_inside_the_input_are_not_scanned(few: Path, classifier: Classifier) -> None:
    """A second run does not read the first one's pages as scans."""
    (few / "results").mkdir()
    shutil.copy(few / "0.png", few / "results" / "stray.png")
    results = few / "results"
    outcome = run(Scan(few, skip=results), classifier, results)
    assert outcome.summary.files == 5


def test_what_people_answered_goes_before_the_model(
    few: Path, classifier: Classifier, tmp_path: Path
) -> None:
    """Their rows are `reviewed`, in this run and in later ones; the other rows stay as they were."""
    out = tmp_path / "out"
    before = table(run(Scan(few), classifier, out).folder)
    given = [
        Correction("moved.png", None, before[1]["sha256"], None, 4, datetime.now(UTC)),
        Correction("3.png", None, before[3]["sha256"], None, None, datetime.now(UTC)),
    ]
    first = run(Scan(few), classifier, out, corrections=Corrections(given)).folder
    later = run(Scan(few), classifier, out).folder
    rows = table(first)
    cells = [(row["status"], row["label"], row["reason"], row["confidence"]) for row in rows]
    assert cells[1] == ("reviewed", "4", "", "")
    assert cells[3] == ("reviewed", "", "not_a_digit", "")
    assert [rows[place] for place in (0, 2, 4)] == [before[place] for place in (0, 2, 4)]
    assert (first / "predictions.csv").read_bytes() == (later / "predictions.csv").read_bytes()
    assert json.loads((later / "run.json").read_text())["settings"]["corrections"] == 2


def test_python_callers_get_a_data_frame(few: Path, fake_model: Path) -> None:
    """`batch_classify.classify_folder` gives the table as pandas reads it."""
    frame = batch_classify.classify_folder(few, fake_model, selection=Selection(exclude=("0.png",)))
    assert list(frame["file"]) == ["1.png", "2.png", "3.png", "4.png"]
    assert frame["label"].between(0, 9).all()
    assert frame["confidence"].between(0, 1).all()

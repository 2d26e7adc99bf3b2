"""The picture of how a scan was read, in `batch_classify.explain`, and `--explain` itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from batch_classify.classifier import Classifier
from batch_classify.explain import answer, explain, name, picture
from batch_classify.job import IN_THIS_PROCESS, Report, run
from batch_classify.preprocess import preprocess, stages_of
from batch_classify.row import Reason, Row, Status
from batch_classify.scan import OneFile, Scan
from train.generator import Style, draw_digit, draw_scan

BLANK = np.full((50, 60), 240, np.uint8)
DIGIT = 255 - draw_digit(4, np.random.default_rng(4), 60)
FRAMED = np.asarray(cv2.rectangle(np.pad(DIGIT, 12, constant_values=255), (3, 3), (80, 80), 0, 2))


def png(grey: np.ndarray) -> bytes:
    """Return a picture as a PNG."""
    return cv2.imencode(".png", grey)[1].tobytes()


def row_of(root: Path, file: str) -> Row:
    """Return the row that a run would give a blank file."""
    sha256 = hashlib.sha256((root / file).read_bytes()).hexdigest()
    return Row(file, None, Status.REJECTED, Reason.BLANK, sha256=sha256)


@pytest.mark.parametrize("scan", [DIGIT, 255 - DIGIT, FRAMED, BLANK, np.zeros((1, 1), np.uint8)])
def test_every_scan_can_be_drawn(scan: np.ndarray) -> None:
    """The picture has the same size for every scan and answer, so that pictures can be compared."""
    drawn = picture(stages_of(scan), "rejected: blank")
    assert drawn.shape == picture(stages_of(DIGIT), "4  99.9%").shape and drawn.dtype == np.uint8


def test_the_last_panel_is_what_the_model_sees() -> None:
    """The 28×28 in the picture is that of `preprocess`, magnified."""
    drawn = cv2.cvtColor(picture(stages_of(FRAMED), "4"), cv2.COLOR_BGR2GRAY)
    seen = cv2.resize(preprocess(FRAMED).image, (240, 240), interpolation=cv2.INTER_NEAREST)
    assert (drawn[24 : 24 + 240, -12 - 240 : -12] == seen).all()


def test_stages_are_those_of_preprocess() -> None:
    """On every kind of paper, the stages end in what `preprocess` returns."""
    for seed in range(20):
        rng = np.random.default_rng([9, seed])
        scan = draw_scan(seed % 10, rng, Style.random(rng)).picture
        grey = scan if scan.ndim == 2 else np.asarray(cv2.cvtColor(scan, cv2.COLOR_BGR2GRAY))
        stages, prepared = stages_of(grey), preprocess(grey)
        assert (stages.prepared.image == prepared.image).all()
        assert bool(stages.strokes.doubt) == (prepared.finding is Reason.BLANK)


@pytest.mark.parametrize(
    ("file", "page", "expected"),
    [
        ("a.png", None, "a.png.png"),
        ("sub/a.tif", 2, "sub/a.tif.page-2.png"),
        ("x/" + "n" * 250, None, "x/abababababababab.page-1.png"),
        ("x/" + "n" * 250, 3, "x/abababababababab.page-3.png"),
    ],
)
def test_a_picture_is_named_after_its_file(file: str, page: int | None, expected: str) -> None:
    """It lies where the file lies, and a name too long for a longer one gives way to the hash."""
    assert name(Row(file, page, Status.REVIEW, sha256="ab" * 32)) == expected


def test_the_answer_in_words() -> None:
    """A digit comes with its confidence and the runner-up, a rejection with its reason."""
    row = Row("a.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE)
    assert answer(row) == "review: low_confidence"
    assert "blank" in answer(Row("a.png", None, Status.REJECTED, Reason.BLANK))


def test_a_file_that_changed_is_not_explained(tmp_path: Path) -> None:
    """What is no longer the file of the row would be a picture of something else."""
    (tmp_path / "a.png").write_bytes(png(BLANK))
    row = row_of(tmp_path, "a.png")
    assert explain(tmp_path, row, tmp_path / "explain") == tmp_path / "explain" / "a.png.png"
    (tmp_path / "a.png").write_bytes(png(DIGIT))
    assert explain(tmp_path, row, tmp_path / "other") is None
    (tmp_path / "a.png").unlink()
    assert explain(tmp_path, row, tmp_path / "other") is None
    assert not (tmp_path / "other").exists()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with a digit, a blank below it, a TIFF of a digit and a blank page, and a broken file."""
    root = tmp_path / "scans"
    (root / "sub").mkdir(parents=True)
    (root / "digit.png").write_bytes(png(DIGIT))
    (root / "sub" / "blank.png").write_bytes(png(BLANK))
    (root / "bad.png").write_bytes(b"no picture")
    pages = [Image.fromarray(DIGIT), Image.fromarray(BLANK)]
    pages[0].save(root / "two.tif", save_all=True, append_images=pages[1:])
    return root


def explained(folder: Path) -> set[str]:
    """Return the pictures below `explain/` in a run's folder."""
    return {str(path.relative_to(folder / "explain")) for path in folder.rglob("*.png")}


def test_over_a_folder_what_needs_a_look_is_explained(
    scans: Path, classifier: Classifier, tmp_path: Path
) -> None:
    """Rows with the statuses asked for have a picture each, by page, and unreadable files have none."""
    report = Report(explain=(Status.REJECTED, Status.ERROR))
    outcome = run(Scan(scans), classifier, tmp_path / "results", effort=IN_THIS_PROCESS, report=report)
    assert explained(outcome.folder) == {"sub/blank.png.png", "two.tif.page-2.png"}


def test_without_explain_there_is_no_picture(scans: Path, classifier: Classifier, tmp_path: Path) -> None:
    """Nobody pays for pictures that nobody asked for."""
    outcome = run(Scan(scans), classifier, tmp_path / "results", effort=IN_THIS_PROCESS)
    assert not (outcome.folder / "explain").exists()


def test_one_image_is_explained_whatever_its_status(
    scans: Path, classifier: Classifier, tmp_path: Path
) -> None:
    """Asked for every status, one file has a picture for each page."""
    outcome = run(
        OneFile(scans / "two.tif"),
        classifier,
        tmp_path / "results",
        effort=IN_THIS_PROCESS,
        report=Report(explain=tuple(Status)),
    )
    assert explained(outcome.folder) == {"two.tif.page-1.png", "two.tif.page-2.png"}

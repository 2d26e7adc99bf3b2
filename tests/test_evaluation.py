"""Accuracy and calibration in `train.evaluation`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.classifier import Classifier
from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.report.card import Card
from batch_classify.row import Reason, Row, Status
from train.data import Digits
from train.evaluation import (
    Answer,
    ask,
    evaluate,
    evaluate_folder,
    figures,
    measure,
    record,
    unread,
)


def shares(answers: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Return probabilities [N, 10] that give each answer its confidence and the other digits the rest."""
    rows = [np.full(10, (1 - confidence) / 9) for _, confidence in answers]
    for row, (label, confidence) in zip(rows, answers, strict=True):
        row[label] = confidence
    return np.stack(rows)


def labels(*digits: int) -> NDArray[np.int64]:
    """Return true labels."""
    return np.array(digits, np.int64)


def test_accuracy_and_what_is_accepted() -> None:
    """Four answers, one wrong among three accepted ones."""
    found = measure(shares([(3, 0.9), (4, 0.8), (4, 0.6), (5, 0.5)]), labels(3, 4, 7, 5), 0.6)
    assert (found.count, found.accuracy) == (4, 0.75)
    assert found.accepted == 0.75
    assert found.accepted_error == pytest.approx(1 / 3)
    assert found.accuracy_by_digit == {3: 1.0, 4: 1.0, 5: 1.0, 7: 0.0}


@pytest.mark.parametrize(
    ("review_below", "accepted", "error"),
    [(0.0, 1.0, 0.5), (0.7, 0.5, 0.0), (0.75, 0.5, 0.0), (0.95, 0.0, 0.0)],
)
def test_nothing_accepted_is_nothing_wrong(review_below: float, accepted: float, error: float) -> None:
    """The threshold belongs to what is accepted, and above all confidences the error is 0."""
    found = measure(shares([(1, 0.75), (2, 0.6)]), labels(1, 1), review_below)
    assert (found.accepted, found.accepted_error) == (accepted, error)


def test_operating_points() -> None:
    """Each target error has its own threshold, and what is not clear is accepted at none."""
    clear = np.array([True, True, True, False])
    answers = shares([(3, 0.9), (4, 0.8), (4, 0.6), (5, 0.95)])
    found = measure(
        answers, labels(3, 4, 7, 6), 0.7, clear=clear, operating_points={"0.01": 0.5, "0.001": 0.85}
    )
    assert (found.accepted, found.accepted_error, found.caught) == (0.5, 0.0, 1.0)
    loose, strict = found.operating_points["0.01"], found.operating_points["0.001"]
    assert (loose.accepted, loose.error, loose.caught) == (0.75, pytest.approx(1 / 3), 0.5)
    assert (strict.accepted, strict.error, strict.caught) == (0.25, 0.0, 1.0)
    assert loose.error_interval[0] < loose.error < loose.error_interval[1]


def test_no_digit_is_a_wrong_answer() -> None:
    """A rejected 4 is wrong, accepted nowhere, the least confident, and in the matrix's last column."""
    claimed = np.array([True, False, True])
    found = measure(shares([(3, 0.8), (4, 0.99), (3, 0.7)]), labels(3, 4, 5), 0, claimed)
    assert found.accuracy == found.accepted_error * 2 / 3 == pytest.approx(1 / 3)
    assert found.accepted == pytest.approx(2 / 3)
    assert found.accuracy_at_coverage[0.9] == pytest.approx(1 / 3)
    assert found.accuracy_by_digit == {3: 1.0, 4: 0.0, 5: 0.0}
    cells = {(d, s): n for d, row in enumerate(found.confusion) for s, n in enumerate(row) if n}
    assert cells == {(3, 3): 1, (4, 10): 1, (5, 3): 1}
    assert found.calibration_error == pytest.approx((0.2 + 0.7) / 2)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0.11, 1), st.integers(0, 9), st.booleans()), min_size=1),
    st.floats(0, 1),
)
def test_the_figures_fit_together(cases: list[tuple[int, float, int, bool]], review_below: float) -> None:
    """The matrix holds every digit once, its diagonal the right ones, and the accuracy its interval."""
    said, confidence, truth, claimed = zip(*cases, strict=True)
    found = measure(
        shares(list(zip(said, confidence, strict=True))), labels(*truth), review_below, np.array(claimed)
    )
    matrix = np.array(found.confusion)
    assert matrix.shape == (10, 11)
    assert matrix.sum() == found.count == len(cases)
    assert matrix[:, 10].sum() == claimed.count(False)
    assert np.trace(matrix) / found.count == pytest.approx(found.accuracy)
    assert found.accuracy_interval[0] <= found.accuracy <= found.accuracy_interval[1]
    for digit, recall in found.accuracy_by_digit.items():
        assert matrix[digit, digit] / matrix[digit].sum() == pytest.approx(recall)
    assert all(0 <= share <= 1 for share in (found.accepted, found.accepted_error, found.calibration_error))


def test_the_figures_are_json() -> None:
    """The dictionary survives JSON as it is, with six decimals at most, and is short enough for a card."""
    figures = measure(shares([(3, 0.9), (3, 0.8), (4, 0.7)]), labels(3, 4, 4), 0).to_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["accuracy"] == 0.666667
    assert figures["accuracy_by_digit"] == {"3": 1.0, "4": 0.5}
    assert figures["accuracy_at_coverage"] == {"0.99": 0.666667, "0.95": 0.666667, "0.9": 0.666667}
    assert len(figures["accuracy_interval"]) == 2
    assert "confusion" not in figures


def digits(count: int) -> Digits:
    """Return strokes, which no step rejects, with random labels."""
    rng = np.random.default_rng(count)
    images = np.zeros((count, 28, 28), np.uint8)
    for image, x in zip(images, rng.integers(6, 22, count).tolist(), strict=True):
        cv2.line(image, (x, 4), (28 - x, 23), 255, 2)
    return Digits(images, rng.integers(0, 10, count))


@pytest.mark.parametrize("count", [1, 300], ids=["less than a batch", "more than a batch"])
def test_a_model_is_measured_as_its_probabilities_are(classifier: Classifier, count: int) -> None:
    """The figures are those of the model's calibrated probabilities, whatever the batches."""
    some = digits(count)
    answers = evaluate(classifier, some)
    logits = classifier.model.logits(some.images)[:, :10]
    found = probabilities(logits, classifier.model.card.temperature)
    review_below = classifier.thresholds.review_below
    assert figures(answers, review_below) == measure(found, some.labels, review_below)
    assert [answer.truth for answer in answers] == some.labels.tolist()
    assert answers[-1].card.row.file == f"digit {count - 1}"


def test_what_the_job_rejects_is_wrong(classifier: Classifier) -> None:
    """A blank and a picture of two strokes far apart get no digit, though the network would name one."""
    some = digits(3)
    some.images[0] = 0
    some.images[1] = 0
    some.images[1, 4:24, 2:5] = some.images[1, 4:24, 22:25] = 255
    answers = evaluate(classifier, some)
    assert [answer.card.row.reason for answer in answers[:2]] == [Reason.BLANK, Reason.SEVERAL_DIGITS]
    assert not answers[0].right
    assert not answers[1].right
    assert sum(row[10] for row in figures(answers, 0).confusion) == 2


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Return a folder with two 3s, a 7 a level down, two damaged files and what is to be ignored."""
    for name in ("3/a.png", "3/b.png", "7/deep/c.png", "extra/d.png", "10/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode(".png", 255 - digits(1).images[0])[1].tobytes())
    (tmp_path / "3" / "notes.txt").write_text("no image")
    (tmp_path / "3" / "[cut].png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "empty.tif").touch()
    (tmp_path / "0").mkdir()
    return tmp_path


def test_a_folder_is_run_through_the_job(classifier: Classifier, scans: Path) -> None:
    """Every image in 0 to 9 is an answer, also those that cannot be read; all else is ignored."""
    answers = evaluate_folder(classifier, scans)
    assert {(answer.card.row.file, answer.truth) for answer in answers} == {
        ("3/a.png", 3),
        ("3/b.png", 3),
        ("3/[cut].png", 3),
        ("5/empty.tif", 5),
        ("7/deep/c.png", 7),
    }
    assert [row.file for row in unread(answers)] == ["3/[cut].png", "5/empty.tif"]
    found = figures(answers, 0)
    assert found.count == 5
    assert (found.confusion[3][10], found.confusion[5][10]) == (1, 1)
    assert found.accuracy_by_digit[5] == 0


def test_an_unread_file_knows_nothing() -> None:
    """It gives each digit a tenth, so that its surprise is ln 10."""
    answer = Answer(5, Card(Row("5/x.png", None, Status.ERROR, Reason.UNREADABLE), None, None))
    assert figures([answer], 0).nll == pytest.approx(log(10))


@pytest.mark.parametrize("name", ["none", "empty", "digits/none"])
def test_a_folder_without_digits(classifier: Classifier, tmp_path: Path, name: str) -> None:
    """Where there is nothing to read, the message says what is needed."""
    (tmp_path / "empty" / "4").mkdir(parents=True)
    with pytest.raises(JobError, match="subfolders named 0 to 9") as caught:
        ask(classifier, str(tmp_path / name), None, 0)
    assert caught.value.code is ExitCode.INPUT


def test_a_data_set_is_its_test_part(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public set is asked for by its name, with `test`, and a folder of that name by its path."""
    asked: list[object] = []

    def load(*arguments: object, **options: object) -> Digits:
        asked.append((*arguments, options))
        return digits(2)

    monkeypatch.setattr("train.evaluation.load", load)
    assert len(ask(classifier, "usps", Path("here"), 3)) == 2
    assert asked == [("usps", Path("here"), 3, {"test": True})]
    with pytest.raises(JobError):
        ask(classifier, "./usps", None, 0)
    assert len(asked) == 1


def test_the_record_has_it_all(classifier: Classifier, scans: Path) -> None:
    """It is JSON with the figures, the matrix, the model and the names of what was not read."""
    answers = evaluate_folder(classifier, scans)
    found = figures(answers, classifier.thresholds.review_below)
    told = record("scans", classifier, found, answers, {})
    assert json.loads(json.dumps(told)) == told
    assert told.items() >= found.to_dict().items()
    assert told["confusion"] == [list(row) for row in found.confusion]
    assert (told["data"], told["model"], told["review_below"]) == ("scans", "fake", 0.5)
    assert told["unread"] == ["3/[cut].png", "5/empty.tif"]

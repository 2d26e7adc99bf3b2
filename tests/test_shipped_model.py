"""The model that comes along, on the samples that come along."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from batch_classify.classifier import Classifier
from batch_classify.job import IN_THIS_PROCESS, classify
from batch_classify.model import DEFAULT_MODEL
from batch_classify.row import Row
from batch_classify.scan import Scan

DIGITS = Path(__file__).parent.parent / "digits"
Place = tuple[str, str]


@pytest.fixture(scope="module")
def truth() -> dict[Place, str]:
    """What labels.csv says, by file and page."""
    with (DIGITS / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {(line["file"], line["page"]): line["label"] for line in csv.DictReader(file)}


@pytest.fixture(scope="module")
def rows() -> dict[Place, Row]:
    """What the job says with its own model, by file and page."""
    classifier = Classifier.load(device="cpu")
    found = [card.row for cards in classify(Scan(DIGITS), classifier, IN_THIS_PROCESS) for card in cards]
    return {(row.file, str(row.page or "")): row for row in found}


def test_every_sample_has_its_row(truth: dict[Place, str], rows: dict[Place, Row]) -> None:
    """The table and labels.csv speak of the same files and pages."""
    assert rows.keys() == truth.keys()


def test_every_sample_gets_its_true_digit(truth: dict[Place, str], rows: dict[Place, Row]) -> None:
    """All are read rightly; of the blank and the double no digit is claimed."""
    found = {place: "" if row.label is None else str(row.label) for place, row in rows.items()}
    assert found == truth


def test_the_blank_and_the_double_say_what_they_are(truth: dict[Place, str], rows: dict[Place, Row]) -> None:
    """They are rejected, each for its own reason."""
    unlabelled = [rows[place] for place, label in truth.items() if not label]
    assert {(row.status, row.reason) for row in unlabelled} == {
        ("rejected", "blank"),
        ("rejected", "several_digits"),
    }


def test_the_model_is_small() -> None:
    """What every installation carries is at most 8 MB, with nothing in it but the model's files."""
    files = {path.name: path.stat().st_size for path in DEFAULT_MODEL.iterdir()}
    assert files.keys() == {"model.onnx", "weights.safetensors", "card.json"}
    assert sum(files.values()) <= 8_000_000

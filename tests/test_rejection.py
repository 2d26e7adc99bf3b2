"""Scans of no digit in `train.rejection`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_classify.classifier import Classifier
from batch_classify.row import Reason, Row, Status
from train.rejection import ask_others, rejections


def row(status: Status, reject_score: float | None) -> Row:
    """Return what the job might say of a scan."""
    return Row("x.png", None, status, reject_score=reject_score)


def test_each_kind_is_counted_by_its_status() -> None:
    """Caught is what was rejected; the score tells them from digits, errors having none."""
    others = [
        row(Status.REJECTED, 1.0),
        row(Status.REJECTED, 0.9),
        row(Status.REVIEW, 0.2),
        row(Status.OK, 0.1),
        row(Status.ERROR, None),
    ]
    digits = [row(Status.OK, 0.0), row(Status.OK, 0.15)]
    found = rejections({"blank": others}, digits)["blank"]
    assert (found.count, found.caught, found.reviewed, found.accepted) == (5, 0.4, 0.2, 0.2)
    assert found.caught_interval == (pytest.approx(0.1176, abs=1e-3), pytest.approx(0.7693, abs=1e-3))
    assert found.area_under_roc == pytest.approx(7 / 8)
    assert found.to_dict()["caught"] == 0.4


def test_without_a_score_there_is_no_area() -> None:
    """A folder of nothing but damaged files has no scores to compare."""
    found = rejections({"blank": [row(Status.ERROR, None)]}, [row(Status.OK, 0.0)])
    assert found["blank"].area_under_roc is None


def test_the_subfolders_are_asked_about(classifier: Classifier, tmp_path: Path) -> None:
    """Each that is there has the job's rows, blank paper being rejected; others are none of its business."""
    for name in ("blank", "several_digits", "3"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "blank" / "a.png"), np.full((40, 40), 250, np.uint8))
    cv2.imwrite(str(tmp_path / "3" / "b.png"), np.full((40, 40), 250, np.uint8))
    found = ask_others(classifier, tmp_path)
    assert list(found) == ["blank"]
    assert [(one.file, one.reason, one.reject_score) for one in found["blank"]] == [
        ("a.png", Reason.BLANK, 1.0)
    ]

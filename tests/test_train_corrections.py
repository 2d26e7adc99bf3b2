"""Answers from a review as training data, in `train.corrections`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import sha256_of
from train.corrections import load_corrections
from train.generator import batch

HEADER = "file,page,sha256,predicted_label,label,reviewed_at\n"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Return a folder with five scans, dark on light, one below a subfolder and one without writing."""
    folder = tmp_path / "scans"
    (folder / "a").mkdir(parents=True)
    pictures, _ = batch(4, np.random.default_rng(5), 48)
    for name, picture in zip(("0.png", "1.png", "-2.png", "a/3.png"), pictures, strict=True):
        cv2.imwrite(str(folder / name), 255 - picture)
    cv2.imwrite(str(folder / "bare.png"), np.full((40, 40), 255, np.uint8))
    return folder


def line(scans: Path, file: str, label: str, page: str = "", sha256: str | None = None) -> str:
    """Write an answer about one of the scans as the report does."""
    sha256 = sha256 or sha256_of(scans / file)
    return f"{file},{page},{sha256},8,{label},2026-11-24T08:00:00Z\n"


def table(scans: Path, *lines: str, header: str = HEADER) -> Path:
    """Write a corrections.csv beside the scans."""
    path = scans.parent / "corrections.csv"
    path.write_text(header + "".join(lines), encoding="utf-8")
    return path


def test_the_answers_become_digits(scans: Path) -> None:
    """Each answered scan is preprocessed and has the human's label, not the predicted one."""
    path = table(scans, line(scans, "a/3.png", "3"), line(scans, "0.png", "0"), line(scans, "1.png", "8"))
    digits = load_corrections(path, scans).digits
    assert digits.labels.tolist() == [0, 8, 3]
    assert (digits.images.shape, digits.images.dtype) == ((3, 28, 28), np.uint8)
    assert digits.images.any(axis=(1, 2)).all()


def test_a_name_that_looked_like_a_formula(scans: Path) -> None:
    """A cell that begins with `./` for the spreadsheet's sake names the file without it."""
    path = table(scans, line(scans, "-2.png", "2").replace("-2.png", "./-2.png", 1))
    assert load_corrections(path, scans).digits.labels.tolist() == [2]


def test_no_digit_and_repeats_count_as_said(scans: Path) -> None:
    """An empty label is no digit to learn, and the same answer twice is one."""
    none, one = line(scans, "0.png", ""), line(scans, "1.png", "1")
    path = table(scans, none, one, one, none)
    assert load_corrections(path, scans).digits.labels.tolist() == [1]


@pytest.mark.parametrize(
    ("file", "page", "sha256", "problem"),
    [
        ("0.png", "", "0" * 64, "is gone or has changed"),
        ("lost.png", "", "0" * 64, "is gone or has changed"),
        ("0.png", "2", None, "is gone or has changed"),
        ("bare.png", "", None, "shows no writing"),
    ],
)
def test_what_is_left_out_is_named(
    scans: Path, capsys: pytest.CaptureFixture[str], file: str, page: str, sha256: str | None, problem: str
) -> None:
    """An answer whose scan is not there as it was is left out, with its line, and the rest is kept."""
    path = table(scans, line(scans, file, "0", page, sha256), line(scans, "1.png", "1"))
    assert load_corrections(path, scans).digits.labels.tolist() == [1]
    assert f"left out line 2 of {path}: {scans / file} {problem}" in capsys.readouterr().err


def test_contradictions_name_both_lines(scans: Path) -> None:
    """Two labels for one picture, under whatever names, are an error in usage."""
    (scans / "copy.png").write_bytes((scans / "0.png").read_bytes())
    path = table(scans, line(scans, "0.png", "0"), line(scans, "1.png", "1"), line(scans, "copy.png", "6"))
    with pytest.raises(JobError, match="lines 2 and 4") as caught:
        load_corrections(path, scans)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("header", "content", "problem"),
    [
        ("file,page,label\n", "0.png,,1\n", "no column sha256"),
        ("", "", "no column file, label, page, sha256"),
        (HEADER, "0.png,,ab,8,12,\n", "line 2"),
        (HEADER, "0.png,,ab,8,x,\n", "line 2"),
        (HEADER, "0.png,first,ab,8,1,\n", "line 2"),
        (HEADER, ",,ab,8,1,\n", "line 2"),
        (HEADER, "0.png\n", "no digit whose scan"),
        (HEADER, "", "no digit whose scan"),
    ],
)
def test_tables_that_make_no_sense(scans: Path, header: str, content: str, problem: str) -> None:
    """The message names the table, what is wrong with it and the remedy."""
    path = table(scans, content, header=header)
    with pytest.raises(JobError, match=problem) as caught:
        load_corrections(path, scans)
    assert caught.value.code is ExitCode.INPUT
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00file"])
def test_tables_that_cannot_be_read(scans: Path, content: bytes | None) -> None:
    """One that is not there, or not text, is an error in the input."""
    path = scans.parent / "corrections.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JobError, match=r"corrections\.csv") as caught:
        load_corrections(path, scans)
    assert caught.value.code is ExitCode.INPUT

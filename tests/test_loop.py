"""The whole loop once: run, correct in the browser, export, run again with it, fine-tune, run with that."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from batch_classify.errors import ExitCode
from train.generator import batch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]


def call(module: str, *arguments: object) -> str:
    """Run a command in a process of its own, which must go well, and return what it said."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=one_thread, cwd=ROOT, check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    return done.stderr


def draw(folder: Path, count: int, seed: int) -> Path:
    """Write drawn digits, a subfolder each; a name begins with what it shows."""
    pictures, labels = batch(count, np.random.default_rng(seed), 40)
    for number, (picture, label) in enumerate(zip(pictures, labels.tolist(), strict=True)):
        file = folder / str(label) / f"{label}-{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), 255 - picture)
    return folder


def table(results: Path) -> dict[str, dict[str, str]]:
    """Read the newest predictions.csv, by file."""
    with (results / "latest" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_the_whole_loop(tmp_path: Path, browser: Browser) -> None:
    """What a person answers in the page is in the next table, is learnt, and holds later on too."""
    learnt, scans = draw(tmp_path / "learnt", 200, 1), draw(tmp_path / "scans", 60, 2)
    model, better, results = tmp_path / "model", tmp_path / "better", tmp_path / "results"
    call("train", "fit", "--data", learnt, "--arch", "mlp-4", "--epochs", 2, "--out", model)
    call("batch_classify", scans, "-m", model, "-o", results, "--review-below", 1, "--quiet")
    assert {row["status"] for row in table(results).values()} == {"review"}

    page = browser.new_page()
    page.goto((results / "latest" / "report.html").as_uri())
    for _ in range(50):
        page.keyboard.press(page.locator("#review .where .file").inner_text()[0])
    with page.expect_download() as download:
        page.locator("#export").click()
    download.value.save_as(tmp_path / "corrections.csv")
    page.close()

    corrections = tmp_path / "corrections.csv"
    call("batch_classify", scans, "-m", model, "-o", results, "--corrections", corrections, "--quiet")
    reviewed = {file: row for file, row in table(results).items() if row["status"] == "reviewed"}
    assert len(reviewed) == 50
    assert all(row["label"] == file[0] and row["confidence"] == "" for file, row in reviewed.items())

    options = ("--init", model, "--corrections", corrections, "--images", scans, "--data", learnt)
    said = call("train", "fit", *options, "--epochs", 3, "--lr", 0.003, "--even-if-worse", "--out", better)
    assert "--corrections: of 10 digits kept back" in said
    call("batch_classify", scans, "-m", better, "-o", results, "--quiet")
    again = table(results)
    assert {file for file, row in again.items() if row["status"] == "reviewed"} == set(reviewed)
    assert all(again[file]["label"] == row["label"] for file, row in reviewed.items())
    record = json.loads((results / "latest" / "run.json").read_text())
    assert (record["model"]["name"], record["settings"]["corrections"]) == ("better", 50)

"""`batch-classify-train evaluate` from the outside: what it prints, writes and exits with."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from batch_classify.errors import ExitCode
from train.cli import app
from train.generator import batch


@pytest.fixture(scope="module", autouse=True)
def own_process() -> Iterator[None]:
    """Give SIGTERM back to pytest after the command has taken it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for words without colour."""
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of forty drawn digits and two files that cannot be read."""
    folder = tmp_path_factory.mktemp("digits")
    for number, (picture, label) in enumerate(zip(*batch(40, np.random.default_rng(1)), strict=True)):
        file = folder / str(label) / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(cv2.imencode(".png", 255 - picture)[1].tobytes())
    (folder / "3" / "[bold].png").write_text("no picture")
    (folder / "3" / "empty.png").touch()
    return folder


@pytest.fixture
def run(fake_model: Path) -> Runner:
    """Return what evaluates the fake model in this process."""
    return Runner(fake_model)


class Runner:
    """Runs the command with a model."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def __call__(self, *arguments: str | Path) -> Result:
        """Run it."""
        words = ["evaluate", *map(str, arguments), "-m", str(self.model), "--device", "cpu"]
        return CliRunner().invoke(app, words)


def test_a_person_gets_a_table(run: Runner, digits: Path) -> None:
    """The figures are on stdout, and on stderr the names of what could not be read, brackets and all."""
    result = run(digits)
    assert result.exit_code == ExitCode.OK, result.stderr
    assert result.stdout.startswith("digits")
    assert "true digits (rows) by answer (columns)" in result.stdout
    assert "error: 3/[bold].png (format not supported" in result.stderr
    assert "error: 3/empty.png (empty file" in result.stderr


def test_a_program_gets_json(run: Runner, digits: Path, tmp_path: Path) -> None:
    """On stdout there is then nothing else; in a file it is the same, and the table is printed too."""
    printed = run(digits, "--json", "-")
    written = run(digits, "--json", tmp_path / "figures.json")
    assert (printed.exit_code, written.exit_code) == (ExitCode.OK, ExitCode.OK)
    figures = json.loads(printed.stdout)
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    assert written.stdout.startswith("digits")
    assert (figures["count"], figures["model"], figures["data"]) == (42, "fake", str(digits))
    assert figures["unread"] == ["3/[bold].png", "3/empty.png"]
    assert figures.keys() >= {"accuracy", "accuracy_interval", "nll", "calibration_error", "confusion"}
    assert sum(map(sum, figures["confusion"])) == 42


def test_scans_of_no_digit_are_counted_apart(run: Runner, digits: Path) -> None:
    """Their subfolders have a table and figures of their own, and change none of the digits'."""
    before = json.loads(run(digits, "--json", "-").stdout)
    (digits / "blank").mkdir()
    cv2.imwrite(str(digits / "blank" / "a.png"), np.full((40, 40), 250, np.uint8))
    after = json.loads(run(digits, "--json", "-").stdout)
    others = after.pop("others")
    assert before.pop("others") == {}
    assert after == before
    assert (others["blank"]["count"], others["blank"]["caught"]) == (1, 1.0)
    assert "scans of no digit" in run(digits).stdout


def test_a_target_error_is_measured(run: Runner, digits: Path) -> None:
    """Its threshold is the one that counts, and each of the card's has its figures."""
    figures = json.loads(run(digits, "--json", "-", "--target-error", "0.1%").stdout)
    assert figures["review_below"] == 0.9
    assert list(figures["operating_points"]) == ["0.01", "0.001"]
    assert figures["accepted"] == figures["operating_points"]["0.001"]["accepted"]


def test_a_page_on_request(run: Runner, digits: Path, tmp_path: Path) -> None:
    """It is written beside the table, and shows the mistakes."""
    page = tmp_path / "page.html"
    result = run(digits, "--page", page)
    assert result.exit_code == ExitCode.OK, result.stderr
    text = page.read_text("utf-8")
    assert "3/[bold].png" in text
    assert text.count('<li class="card">') >= 2


def test_synthetic_digits_are_drawn(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator's digits need no file, and the seed says which they are."""
    monkeypatch.setattr("train.data.SYNTHETIC_COUNT", 20)
    first, again, other = (run("synthetic", "--json", "-", "--seed", seed) for seed in ("1", "1", "2"))
    assert json.loads(first.stdout)["count"] == 20
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


@pytest.mark.parametrize("option", ["--json", "--page"])
@pytest.mark.parametrize("place", ["none/x", ""], ids=["no such folder", "a folder"])
def test_what_cannot_be_written_is_told_before_the_work(
    run: Runner, tmp_path: Path, option: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is that of the output, the message names the file, and no digit is read."""
    monkeypatch.setattr("train.evaluation.ask", lambda *_: pytest.fail("it began to work"))
    result = run("synthetic", option, tmp_path / place)
    assert result.exit_code == ExitCode.OUTPUT, result.output
    assert f"cannot write {tmp_path / place}" in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up(
    run: Runner, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written in the end has the same code."""

    def fail(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    result = run(digits, "--page", tmp_path / "page.html")
    assert result.exit_code == ExitCode.OUTPUT, result.output
    assert "No space left on device" in result.stderr

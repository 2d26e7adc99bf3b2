"""`batch-classify-train` from the outside: what it writes, prints and exits with."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import train
from batch_classify import __version__
from batch_classify.errors import ExitCode
from batch_classify.model import CARD, DEFAULT_MODEL, load, read_card, sha256_of
from batch_classify.preprocess import VERSION
from train import checkpoint
from train.cli import app
from train.generator import batch


@pytest.fixture(scope="module", autouse=True)
def own_process() -> Iterator[None]:
    """Give SIGTERM back to pytest after the command has taken it; for speed one thread and little clutter."""
    before, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.presets._NONDIGITS", 24)
        yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, before)


def run(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def draw(folder: Path, count: int) -> Path:
    """Write drawn digits as PNG files, a subfolder for each digit."""
    for number, (picture, label) in enumerate(zip(*batch(count, np.random.default_rng(1)), strict=True)):
        file = folder / str(label) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", 255 - picture)[1].tobytes())
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of sixty drawn digits."""
    return draw(tmp_path_factory.mktemp("digits"), 60)


@pytest.fixture(scope="module")
def fitted(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Return how a training of one epoch went, and where its model should be."""
    out = tmp_path_factory.mktemp("models") / "mine [bold]"  # brackets are markup to rich
    return run("fit", "--data", digits, "--epochs", "1", "--batch-size", "16", "--out", out), out


def test_fit_writes_a_model(fitted: tuple[Result, Path]) -> None:
    """The folder is a model that the job loads, and its card says what it was trained on."""
    result, out = fitted
    assert result.exit_code == ExitCode.OK, result.stderr
    model = load(out, "cpu", preprocessing=VERSION)
    assert model.logits(np.zeros((2, 28, 28), np.uint8)).shape == (2, 11)
    assert model.card.name == out.name
    assert model.card.training["digits"] == 55
    assert model.card.training["nondigits"] == 24
    assert model.card.judge is not None
    assert model.card.metrics["validation"]["count"] == 5
    assert model.card.training["epochs"] == 1


def test_fit_tells_a_person_how_it_goes(fitted: tuple[Result, Path]) -> None:
    """The epochs and the folder are on stderr, and nothing is on stdout."""
    result, out = fitted
    assert result.stdout == ""
    assert "epoch 1/1" in result.stderr
    assert f"wrote {out}" in result.stderr


def test_without_data_and_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`fit` alone says what to do, and offers the digits that need neither."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.MNIST", fail)
    result = run("fit", "--out", tmp_path / "model")
    assert result.exit_code == ExitCode.INPUT
    assert all(word in result.stderr for word in ("no route to host", "--data-dir", "--data synthetic"))
    assert not list(tmp_path.iterdir())


def test_fine_tuning_a_named_network(digits: Path, tmp_path: Path) -> None:
    """A tutorial's network is trained by name, and then on from its own weights at a tenth of the rate."""
    cards = []
    for options in (["--arch", "mlp-128-64"], ["--init", tmp_path / "0"]):
        out = tmp_path / str(len(cards))
        result = run("fit", "--data", digits, "--epochs", "2", *options, "--out", out)
        assert result.exit_code == ExitCode.OK, result.stderr
        cards.append(read_card(out))
    first, second = (card.training for card, _ in cards)
    assert first["arch"] == second["arch"] == "mlp-128-64"
    assert (first["epochs"], first["batch_size"], first["optimiser"]) == (2, 64, "adam")
    assert second["lr"] == pytest.approx(first["lr"] / 10)
    assert (first["init"], second["init"]) == (None, cards[0][1])


def test_teachers_are_named_in_the_card(fitted: tuple[Result, Path], digits: Path, tmp_path: Path) -> None:
    """A model teaches another, which remembers by whom; a teacher that is not there is an error."""
    options = ["--data", digits, "--arch", "mlp-4", "--epochs", "1", "--out", tmp_path / "model"]
    result = run("fit", *options, "--teacher", fitted[1])
    assert result.exit_code == ExitCode.OK, result.stderr
    assert read_card(tmp_path / "model")[0].training["teachers"] == [read_card(fitted[1])[1]]
    assert run("fit", *options, "--teacher", tmp_path / "none").exit_code == ExitCode.MODEL


def test_corrections_are_learnt_too(digits: Path, tmp_path: Path) -> None:
    """The digits of a corrections.csv join the others; the card tells how they were split."""
    scans = sorted(digits.rglob("*.png"))[:24]
    lines = [f"{file.relative_to(digits)},,{sha256_of(file)},0,7,\n" for file in scans]
    table = tmp_path / "corrections.csv"
    table.write_text("file,page,sha256,predicted_label,label,reviewed_at\n" + "".join(lines))
    options = ["--arch", "mlp-4", "--epochs", "1", "--out", tmp_path / "model"]
    result = run("fit", "--data", digits, "--corrections", table, "--images", digits, *options)
    assert result.exit_code == ExitCode.OK, result.stderr
    training = read_card(tmp_path / "model")[0].training
    assert training["digits"] == 55 + 19
    assert training["validation"] == {str(digits): "at random", "--corrections": "at random"}


def test_a_terminated_fit_can_be_resumed(digits: Path, tmp_path: Path) -> None:
    """SIGTERM in the midst of it keeps the last epoch; --resume ends it, and the checkpoint goes."""
    out = tmp_path / "model"
    options = ["fit", "--data", str(digits), "--arch", "mlp-4", "--epochs", "40", "--out", str(out)]
    write = checkpoint.write

    def terminate(place: Path, found: checkpoint.Checkpoint) -> None:
        write(place, found)
        signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write", terminate)
        result = run(*options)
    assert result.exit_code == ExitCode.TERMINATED
    assert "--resume" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["model.checkpoint"]
    result = run(*options, "--resume")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert "epoch 2/40" in result.stderr
    assert "epoch 1/40" not in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fit", "--data", "{tmp}/none"], ExitCode.INPUT, "subfolders named 0 to 9"),
        (["fit", "--corrections", "{tmp}/a.csv"], ExitCode.USAGE, "--corrections and --images go together"),
        (["fit", "--images", "{tmp}"], ExitCode.USAGE, "--corrections and --images go together"),
        (["fit", "--data", "{tmp}/few"], ExitCode.INPUT, "too few"),
        (["fit", "--data", "mnist", "--data-dir", "{tmp}"], ExitCode.INPUT, "four idx files"),
        (["fit", "--data", "{digits}", "--out", "{tmp}/few"], ExitCode.OUTPUT, "not a model folder"),
        (["fit", "--data", "{digits}", "--out", "{tmp}/few/0.png/x"], ExitCode.OUTPUT, "cannot write"),
        (["fit", "--data", "{digits}", "--device", "abacus"], ExitCode.USAGE, "abacus"),
        (["fit", "--epochs", "0"], ExitCode.USAGE, "--epochs"),
        (["fit", "--batch-size", "1"], ExitCode.USAGE, "--batch-size"),
        (["fit", "--data", "usps", "--data-dir", "{tmp}"], ExitCode.INPUT, "usps.zip"),
        (["fit", "--data", "semeion", "--data-dir", "{tmp}"], ExitCode.INPUT, "semeion.data"),
        (["fit", "--arch", "cnn-9"], ExitCode.USAGE, "mlp-128-64"),
        (["fit", "--preset", "slow"], ExitCode.USAGE, "quick, standard, best"),
        (["fit", "--arch", "cnn-2", "--preset", "best"], ExitCode.USAGE, "tutorial"),
        (["fit", "--average"], ExitCode.USAGE, "--average needs a model"),
        (["fit", "--init", "{shipped}", "--arch", "{alike}", "--average"], ExitCode.USAGE, "leave out"),
        (
            ["fit", "--init", "{shipped}", "--arch", "{alike}", "--corrections", "a.csv", "--images", "b"],
            ExitCode.USAGE,
            "leave out",
        ),
        (["fit", "--init", "{tmp}/none"], ExitCode.MODEL, "model folder"),
        (["fit", "--init", "{fake}", "--arch", "cnn-2"], ExitCode.USAGE, "Leave out --arch"),
        (["fit", "--data", "{digits}", "--resume"], ExitCode.INPUT, "there is none"),
        (["fit", "--data", "{digits}", "--lr", "1e30", "--arch", "mlp-4"], ExitCode.USAGE, "lower --lr"),
        (["fit", "--colour", "red"], ExitCode.USAGE, "--colour"),
        (["evaluate", "{tmp}/none", "-m", "{fake}"], ExitCode.INPUT, "subfolders named 0 to 9"),
        (["evaluate", "{digits}", "-m", "{tmp}/none"], ExitCode.MODEL, "model folder"),
        (["evaluate", "{digits}", "-m", "{digits}"], ExitCode.MODEL, "model folder"),
        (["evaluate"], ExitCode.USAGE, "Missing argument"),
        (["guess"], ExitCode.USAGE, "guess"),
        (["--nonsense"], ExitCode.USAGE, "--nonsense"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path,
    digits: Path,
    fake_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: ExitCode,
    message: str,
) -> None:
    """Each mistake has its exit code and a message on stderr; nothing is printed, and no model written."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "few", 3)
    (tmp_path / "few" / "0.png").write_text("a file")
    places = {"tmp": tmp_path, "digits": digits, "fake": fake_model, "shipped": DEFAULT_MODEL}
    result = run(*(part.format(**places, alike="vgg-cascade-wide") for part in arguments))
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.rglob(CARD))


def test_version() -> None:
    """It is the version of the whole program."""
    result = run("--version")
    assert result.exit_code == ExitCode.OK
    assert result.stdout == f"batch-classify-train {__version__}\n"


def test_it_runs_as_a_module() -> None:
    """`python -m train --help` names the commands."""
    result = subprocess.run(
        [sys.executable, "-m", "train", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(train.__file__).parents[1],
        timeout=120,
    )
    assert "fit" in result.stdout
    assert "evaluate" in result.stdout
    assert result.stderr == ""

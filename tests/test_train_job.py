"""The training run in `train.job`, from digits to a model folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, ONNX, WEIGHTS, load, read_card, sha256_of
from batch_classify.network import Architecture
from batch_classify.preprocess import VERSION
from train import checkpoint, data
from train.architectures import ARCHITECTURES
from train.data import Digits
from train.generator import batch
from train.job import Task, export_model, fit_model
from train.start import Start, start_from
from train.trainer import Recipe

TINY: Architecture = [
    {"layer": "normalise", "mean": 33.0, "std": 78.0},
    {"layer": "conv", "out_channels": 4, "kernel_size": 7, "stride": 3},
    {"layer": "batch_norm"},
    {"layer": "relu"},
    {"layer": "flatten"},
    {"layer": "dropout", "p": 0.1},
    {"layer": "linear", "out_features": 10},
]
DRAWN = Digits(*batch(240, np.random.default_rng(1)))
WRITTEN = replace(DRAWN, writers=np.arange(240) // 10)
TASK = Task(("mnist",), None, Start("tiny", TINY), Recipe(epochs=3, batch_size=32, lr=1e-2), "cpu")


@pytest.fixture(scope="module", autouse=True)
def steady() -> Iterator[None]:
    """Train in float32 and one thread, on drawn digits under any name."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sets = {"mnist": WRITTEN, "usps": DRAWN, "few": Digits(DRAWN.images[:3], DRAWN.labels[:3])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.trainer.bf16_is_faster", lambda *_: False)
        patch.setattr(data, "load", lambda name, *_: sets[name])
        yield
    torch.set_num_threads(threads)


def console() -> Console:
    """Return a console that is no terminal."""
    return Console(file=io.StringIO(), width=400)


def words(console: Console) -> str:
    """Return what the console heard."""
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # a StringIO


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model folder of an unbroken training."""
    out = tmp_path_factory.mktemp("job") / "model"
    fit_model(TASK, out, console())
    return out


def interrupt(monkeypatch: pytest.MonkeyPatch, out: Path, after: int, task: Task = TASK) -> str:
    """Train and press Ctrl-C after so many epochs; return what was said."""
    write, log = checkpoint.write, console()

    def stop(place: Path, found: checkpoint.Checkpoint) -> None:
        write(place, found)
        if len(found.epochs) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "write", stop)
        fit_model(task, out, log)
    return words(log)


def columns(out: Path) -> list[list[str]]:
    """Return the columns of training.csv that do not depend on the time."""
    return [line.split(",")[:4] for line in (out / "training.csv").read_text().splitlines()]


def test_the_folder_has_all_files(fitted: Path) -> None:
    """Beside the model lie the table and the page of its training, and no checkpoint is left."""
    assert {file.name for file in fitted.iterdir()} == {ONNX, WEIGHTS, CARD, "training.csv", "training.html"}
    assert [file.name for file in fitted.parent.iterdir()] == ["model"]
    assert len(columns(fitted)) == 4
    assert "<html" in (fitted / "training.html").read_text()


def test_the_card_tells_how_it_was_made(fitted: Path) -> None:
    """Data, split, network and the whole recipe are in it, and the model loads."""
    model = load(fitted, "cpu", preprocessing=VERSION)
    training = model.card.training
    assert (training["data"], training["validation"]) == (["mnist"], {"mnist": "by writer"})
    assert (training["arch"], training["init"], training["digits"]) == ("tiny", None, 220)
    assert training.items() >= TASK.recipe.to_dict().items()
    assert "architecture" not in training
    assert model.card.architecture == TINY
    assert model.card.metrics["validation"]["count"] == 20
    assert model.card.metrics["onnx_difference"] < 1e-3


def test_each_set_is_split_in_its_own_way(tmp_path: Path) -> None:
    """By writer where writers are known, at random elsewhere, and the card says which was which."""
    task = replace(TASK, names=("usps", "mnist"), recipe=replace(TASK.recipe, epochs=1))
    card = fit_model(task, tmp_path / "model", console())
    assert card.training["validation"] == {"usps": "at random", "mnist": "by writer"}
    assert card.metrics["validation"]["count"] == 40


def test_digits_are_redrawn_on_their_own_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each half comes again once for each sheet, but not what the generator drew in the first place."""
    asked: list[tuple[int, int, int]] = []

    def redrawn(digits: Digits, seed: int, sheet: int) -> Digits:
        asked.append((len(digits), seed, sheet))
        return digits

    monkeypatch.setattr(data, "redrawn", redrawn)
    monkeypatch.setattr(data, "load", lambda name, *_: DRAWN)
    task = replace(TASK, names=("usps", "synthetic:240"), redraws=2, recipe=replace(TASK.recipe, epochs=1))
    card = fit_model(task, tmp_path / "model", console())
    assert asked == [(220, 0, 0), (220, 0, 1), (20, 0, 0), (20, 0, 1)]
    assert card.training["digits"] == 4 * 220
    assert card.training["redraws"] == 2


def test_a_stopped_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path) -> None:
    """After Ctrl-C the last epoch is kept; --resume gives the weights and the table of an unbroken run."""
    out = tmp_path / "model"
    said = interrupt(monkeypatch, out, after=2)
    assert "--resume" in said and str(checkpoint.place_of(out)) in said
    assert not out.exists()
    log = console()
    fit_model(TASK, out, log, resume=True)
    assert "epoch 3/3" in words(log) and "epoch 2/3" not in words(log)
    ours, expected = load_file(out / WEIGHTS), load_file(fitted / WEIGHTS)
    assert all(torch.equal(value, expected[name]) for name, value in ours.items())
    assert columns(out) == columns(fitted)
    assert not checkpoint.place_of(out).exists()


def test_a_model_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path
) -> None:
    """If only the end fails, --resume has only that to do again."""
    out = tmp_path / "model"

    def fail(*_: object, **__: object) -> None:
        raise JobError(ExitCode.OUTPUT, "the disk is full")

    with monkeypatch.context() as patch, pytest.raises(JobError, match="full"):
        patch.setattr("train.job.write_model", fail)
        fit_model(TASK, out, console())
    log = console()
    fit_model(TASK, out, log, resume=True)
    assert "epoch" not in words(log)
    assert (out / WEIGHTS).read_bytes() == (fitted / WEIGHTS).read_bytes()


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the model folder to come of a training that was stopped after its first epoch."""
    interrupt(monkeypatch, tmp_path / "model", after=1)
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("task", "difference"),
    [
        (replace(TASK, recipe=replace(TASK.recipe, epochs=4)), "epochs was 3 and is 4"),
        (replace(TASK, recipe=replace(TASK.recipe, lr=0.5)), "lr was 0.01 and is 0.5"),
        (replace(TASK, recipe=replace(TASK.recipe, seed=1)), "seed was 0 and is 1"),
        (replace(TASK, names=("usps",)), r"data was \['mnist'\] and is \['usps'\]"),
        (
            replace(TASK, start=Start("other", TINY[:-2] + TINY[-1:])),
            "arch was tiny and is other; architecture",
        ),
        (replace(TASK, start=Start("tiny", TINY, None, "abc")), "init was None and is abc"),
    ],
)
def test_resuming_another_training(stopped: Path, task: Task, difference: str) -> None:
    """Options other than the checkpoint's are named, and the checkpoint stays."""
    with pytest.raises(JobError, match=difference) as caught:
        fit_model(task, stopped, console(), resume=True)
    assert caught.value.code is ExitCode.USAGE
    assert checkpoint.read(checkpoint.place_of(stopped)).facts["seed"] == 0


def test_resuming_with_changed_digits(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names with other pictures behind them are other data."""
    other = replace(WRITTEN, images=255 - WRITTEN.images)
    monkeypatch.setattr(data, "load", lambda *_: other)
    with pytest.raises(JobError, match="digits_sha256 has changed"):
        fit_model(TASK, stopped, console(), resume=True)


def test_resuming_nothing(tmp_path: Path) -> None:
    """Without a checkpoint, it is said that there is none."""
    with pytest.raises(JobError, match="there is none") as caught:
        fit_model(TASK, tmp_path / "model", console(), resume=True)
    assert caught.value.code is ExitCode.INPUT


def test_not_resuming(stopped: Path, fitted: Path) -> None:
    """Without --resume a training begins anew, and says that there was something to go on from."""
    log = console()
    fit_model(TASK, stopped, log)
    assert "from the start" in words(log) and "epoch 1/3" in words(log)
    assert (stopped / WEIGHTS).read_bytes() == (fitted / WEIGHTS).read_bytes()


def test_a_checkpoint_becomes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Path) -> None:
    """After the last epoch it is the model that `fit` writes; before, one that says how far it got."""
    for after in (1, 3):
        interrupt(monkeypatch, tmp_path / "stopped", after)
        card = export_model(checkpoint.place_of(tmp_path / "stopped"), tmp_path / "model")
        assert card.training["epochs"] == after
        assert len(columns(tmp_path / "model")) == after + 1
    assert (tmp_path / "model" / WEIGHTS).read_bytes() == (fitted / WEIGHTS).read_bytes()
    whole = load(fitted, "cpu", preprocessing=VERSION).card
    assert (card.temperature, card.review_below) == (whole.temperature, whole.review_below)
    assert card.metrics["validation"] == whole.metrics["validation"]


def test_the_thresholds_are_those_of_harder_digits(fitted: Path) -> None:
    """Each target error has one, the stricter the higher, and what was measured there is in the card too."""
    card, _ = read_card(fitted)
    points = [card.operating_points[target] for target in ("0.01", "0.003", "0.001")]
    assert points == sorted(points)
    assert (card.review_below, card.target_error) == (points[1], 0.003)
    assert card.metrics["held_out"]["count"] == card.metrics["validation"]["count"]
    assert card.metrics["held_out"] != card.metrics["validation"]
    assert "Accuracy on held-out digits by confidence" in (fitted / "training.html").read_text()


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model with a judge."""
    out = tmp_path_factory.mktemp("job") / "judged"
    fit_model(replace(TASK, nondigits=40), out, console())
    return out


def test_a_judge_is_trained_beside_the_reader(fitted: Path, judged: Path) -> None:
    """The reader is the one that is trained without it; the card has its layers, threshold and figures."""
    card, _ = read_card(judged)
    assert card.judge is not None
    assert 0 <= card.reject_above <= 1
    assert card.metrics["judge"].keys() == {"count", "rejected", "nondigits", "caught"}
    assert card.training["nondigits"] == 40
    ours, theirs = load_file(judged / WEIGHTS), load_file(fitted / WEIGHTS)
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    scores = load(judged, "cpu", preprocessing=VERSION).logits(DRAWN.images)[:, 10]
    assert np.isfinite(scores).all()


def test_fine_tuning_keeps_the_judge(tmp_path: Path, judged: Path) -> None:
    """It is not trained again, so that no scan is drawn for it; its threshold and figures stay."""
    start = start_from(None, judged)
    task = replace(TASK, start=start, recipe=replace(TASK.recipe, epochs=1), nondigits=40)
    card = fit_model(task, tmp_path / "model", console())
    before, _ = read_card(judged)
    assert card.reject_above == before.reject_above
    assert card.metrics["judge"] == before.metrics["judge"]
    assert card.training["nondigits"] == 0
    ours, theirs = load_file(tmp_path / "model" / WEIGHTS), load_file(judged / WEIGHTS)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if name.startswith("judge."))


def test_fine_tuning(tmp_path: Path, fitted: Path) -> None:
    """A training starts from a model's weights: at a rate of nothing, it ends with them."""
    start = start_from(None, fitted)
    recipe = replace(TASK.recipe, epochs=1, lr=0.0, ema=False)
    card = fit_model(replace(TASK, start=start, recipe=recipe), tmp_path / "model", console())
    assert card.training["init"] == start.sha256
    ours, theirs = load_file(tmp_path / "model" / WEIGHTS), load_file(fitted / WEIGHTS)
    assert all(
        torch.equal(ours[name], value)
        for name, value in theirs.items()
        if "running" not in name and "num_batches" not in name
    )


def test_another_quick_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It alone learns, also when the training was stopped meanwhile; a checkpoint makes a model of both."""
    quick = [TINY[4:], [{"layer": "average_pool", "kernel_size": 4}, *TINY[4:]]]
    both = [
        [TINY[0], {"layer": "cascade", "quick": layers, "careful": TINY[1:], "sure": 0.9}] for layers in quick
    ]
    monkeypatch.setitem(ARCHITECTURES, "another", both[1])
    fit_model(replace(TASK, start=Start("one", both[0])), tmp_path / "one", console())
    task = replace(TASK, start=start_from("another", tmp_path / "one"))
    fit_model(task, tmp_path / "whole", console())
    interrupt(monkeypatch, tmp_path / "stopped", 2, task)
    export_model(tmp_path / "stopped.checkpoint", tmp_path / "early")
    fit_model(task, tmp_path / "stopped", console(), resume=True)
    before, whole, early, stopped = (
        load_file(tmp_path / name / WEIGHTS) for name in ("one", "whole", "early", "stopped")
    )
    for name, value in before.items():
        if ".careful." in name:
            assert all(torch.equal(value, after[name]) for after in (whole, early, stopped))
    assert all(torch.equal(value, stopped[name]) for name, value in whole.items())
    assert any(not torch.equal(value, early[name]) for name, value in whole.items())


def test_the_mean_of_before_and_after(tmp_path: Path, fitted: Path) -> None:
    """With `average`, the weights lie halfway between those of a training with and of one without steps."""
    start = start_from(None, fitted)
    task = replace(TASK, start=start, recipe=replace(TASK.recipe, epochs=1, seed=3))
    for name, one in (("after", task), ("mean", replace(task, average=True))):
        fit_model(one, tmp_path / name, console())
    before, after, mean = (
        load_file(place / WEIGHTS) for place in (fitted, tmp_path / "after", tmp_path / "mean")
    )
    assert not torch.equal(before["reader.1.weight"], after["reader.1.weight"])
    for name, value in mean.items():
        if value.is_floating_point():
            assert torch.allclose(value, (before[name] + after[name]) / 2, atol=1e-6)


def test_too_few_digits(tmp_path: Path) -> None:
    """With none left to validate on, nothing is trained or written."""
    with pytest.raises(JobError, match="too few") as caught:
        fit_model(replace(TASK, names=("few",)), tmp_path / "model", console())
    assert caught.value.code is ExitCode.INPUT
    assert not list(tmp_path.iterdir())


def test_a_model_is_replaced_by_a_new_one(tmp_path: Path, fitted: Path) -> None:
    """A model folder with all its files is a place to write the next model to."""
    out = shutil.copytree(fitted, tmp_path / "model")
    fit_model(replace(TASK, recipe=replace(TASK.recipe, seed=1)), out, console())
    assert (out / WEIGHTS).read_bytes() != (fitted / WEIGHTS).read_bytes()


def reviewed(folder: Path, right: bool) -> tuple[Path, Path]:
    """Write thirty scans and a corrections.csv with their labels, or with the next digit each time."""
    scans = folder / "scans"
    scans.mkdir()
    lines = ["file,page,sha256,label"]
    for number, (picture, label) in enumerate(zip(*batch(30, np.random.default_rng(9), 48), strict=True)):
        file = scans / f"{number}.png"
        cv2.imwrite(str(file), 255 - picture)
        lines.append(f"{file.name},,{sha256_of(file)},{label if right else (label + 1) % 10}")
    table = folder / "corrections.csv"
    table.write_text("\n".join(lines) + "\n")
    return table, scans


def test_before_and_after(tmp_path: Path, fitted: Path) -> None:
    """A fine-tuning on corrections keeps some back, and tells on each set what was read before and after."""
    task = replace(TASK, start=start_from(None, fitted), corrections=reviewed(tmp_path, right=True))
    log = console()
    card = fit_model(task, tmp_path / "model", log, even_if_worse=True)
    compared = card.metrics["compared"]
    assert {name: found["count"] for name, found in compared.items()} == {"mnist": 20, "--corrections": 6}
    assert "mnist: of 20 digits kept back" in words(log)
    assert "--corrections: of 6 digits kept back" in words(log)
    assert card.training["digits"] == 220 + 24
    assert card.metrics["validation"]["count"] == 26


def test_few_corrections_are_seen_often(
    tmp_path: Path, fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among many other digits those of a review come again, until they are a tenth of them."""
    monkeypatch.setattr("train.job._CORRECTED_SHARE", 1 / 2)
    task = replace(TASK, start=start_from(None, fitted), corrections=reviewed(tmp_path, right=True))
    card = fit_model(task, tmp_path / "model", console(), even_if_worse=True)
    assert card.training["digits"] == 220 + 5 * 24


def test_a_worse_model_replaces_nothing(tmp_path: Path, fitted: Path) -> None:
    """It ends with code 8 and the old model in place; told to, the same command writes it at once."""
    out = shutil.copytree(fitted, tmp_path / "model")
    wild = replace(TASK.recipe, lr=3.0, ema=False)
    task = replace(
        TASK, start=start_from(None, fitted), recipe=wild, corrections=reviewed(tmp_path, right=True)
    )
    with pytest.raises(JobError, match=r"worse .*--even-if-worse") as caught:
        fit_model(task, out, console())
    assert caught.value.code is ExitCode.WORSE_MODEL
    assert (out / WEIGHTS).read_bytes() == (fitted / WEIGHTS).read_bytes()
    log = console()
    fit_model(task, out, log, resume=True, even_if_worse=True)
    assert "epoch 1" not in words(log)
    assert (out / WEIGHTS).read_bytes() != (fitted / WEIGHTS).read_bytes()


def test_suspect_corrections_are_named(tmp_path: Path, fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it learns from them, the model that is there says which answers it strongly contradicts."""
    monkeypatch.setattr("train.job.SURE", 0.3)
    table, scans = reviewed(tmp_path, right=False)
    task = replace(TASK, start=start_from(None, fitted), corrections=(table, scans))
    log = console()
    fit_model(task, tmp_path / "model", log, even_if_worse=True)
    suspects = [line for line in words(log).splitlines() if line.startswith("suspect: ")]
    assert suspects
    assert all(f"of {table}: {scans}" in line and "to a human" in line for line in suspects)

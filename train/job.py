"""The training run, from digits to a model folder.

The validation digits are split off before training and are used for the temperature and the review
threshold; the test set is never loaded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import Card, chosen_device
from batch_classify.network import build
from batch_classify.preprocess import VERSION
from train import checkpoint, data
from train.calibration import fit_temperature, review_threshold
from train.checkpoint import Checkpoint
from train.corrections import load_corrections
from train.data import Digits
from train.display import display, training_csv
from train.evaluation import measure
from train.export import check_out, write_model
from train.page import training_page
from train.start import Start
from train.trainer import Epoch, Recipe, State, fit, kept_weights, logits_of

_VALIDATION_SHARE = 1 / 12
_TARGET_ERROR = 0.001  # of the answers that no human is asked to check


@dataclass(frozen=True, slots=True)
class Task:
    """All that decides what comes out of a training.

    `names` are of data sets, see `train.data.load`; `corrections` are a table of answers from a review and
    the folder with their scans; `redraws` is how often each digit is also put on paper and prepared again;
    `teachers` are trained models to learn from as well.
    """

    names: Sequence[str]
    data_dir: Path | None
    start: Start
    recipe: Recipe
    device: str = "auto"
    corrections: tuple[Path, Path] | None = None
    redraws: int = 0
    teachers: Sequence[Start] = ()


def fit_model(task: Task, out: Path, console: Console, *, resume: bool = False) -> Card:
    """Train as `task` says and write the model folder `out`; with `resume`, go on from its checkpoint.

    `console` hears how it goes. Raises JobError (INPUT, OUTPUT, USAGE, ENVIRONMENT).
    """
    say = partial(console.print, markup=False)  # a file name may hold brackets
    device = chosen_device(task.device)
    check_out(out)
    place = checkpoint.place_of(out)
    earlier = checkpoint.read(place) if resume else None
    training, validation, splits = _digits(task)
    facts = _facts(task, device, training, splits)
    if earlier:
        _check_same(earlier.facts, facts)
    elif (place / checkpoint.STATE).exists():
        say(f"training from the start; --resume would have gone on from {place}, which this run replaces")
    say(f"training on {len(training):,} digits, validating on {len(validation):,}, on {device}")
    epochs = list(earlier.epochs) if earlier else []

    def save(state: State) -> None:
        labels = torch.from_numpy(validation.labels)
        checkpoint.write(place, Checkpoint(facts, epochs, {**state, "labels": labels}))

    try:
        with display(console, task.recipe.epochs, epochs) as show:

            def report(epoch: Epoch) -> None:
                epochs.append(epoch)
                show(epoch)

            network = fit(
                task.start.architecture,
                training,
                validation,
                task.recipe,
                device,
                report,
                weights=task.start.weights,
                teachers=[teacher.network() for teacher in task.teachers],
                state=earlier.state if earlier else None,
                save=save,
            )
        logits = logits_of(network, validation, device)
        card, shares = _card(out, facts, logits, validation.labels)
        page = training_page(epochs, validation, shares, title=card.name)
        extras = {"training.csv": training_csv(epochs), "training.html": page}
        card = write_model(out, network, card, extras, check=validation.images)
    except (KeyboardInterrupt, SystemExit):
        if epochs and (place / checkpoint.STATE).exists():
            say(f"{place} keeps the epochs that ended; the same command with --resume goes on from there")
        raise
    checkpoint.remove(place)
    return card


def export_model(place: Path, out: Path) -> Card:
    """Write the model folder `out` from the checkpoint at `place`, as if the training had ended there.

    Raises JobError (INPUT, OUTPUT).
    """
    check_out(out)
    found = checkpoint.read(place)
    network = build(found.facts["architecture"])
    network.load_state_dict(kept_weights(found.state))
    facts = {**found.facts, "epochs": len(found.epochs)}
    card, _ = _card(out, facts, found.state["logits"], found.state["labels"].numpy())
    return write_model(out, network, card, {"training.csv": training_csv(found.epochs)})


def _digits(task: Task) -> tuple[Digits, Digits, dict[str, str]]:
    """Return the digits to train on, those to validate on, and how the two were split."""
    sources = {name: data.load(name, task.data_dir, task.recipe.seed).without_blanks() for name in task.names}
    if task.corrections:
        sources["--corrections"] = load_corrections(*task.corrections)
    halves = [_halves(name, source, task) for name, source in sources.items()]
    training, validation = (reduce(add, side) for side in zip(*halves, strict=True))
    if not len(validation):
        raise JobError(
            ExitCode.INPUT,
            f"{len(training)} digits are too few: none is left to validate on. Give it more, or add "
            "--data synthetic.",
        )
    ways = {name: "at random" if source.writers is None else "by writer" for name, source in sources.items()}
    return training, validation, ways


def _halves(name: str, source: Digits, task: Task) -> tuple[Digits, Digits]:
    """Return a set's digits to train on and to validate on; those written by hand also on other paper."""
    sheets = range(0 if data.is_drawn(name) else task.redraws)
    training, validation = (
        reduce(add, [data.redrawn(half, task.recipe.seed, sheet) for sheet in sheets], half)
        for half in source.split(_VALIDATION_SHARE, task.recipe.seed)
    )
    return training, validation


def _facts(task: Task, device: str, training: Digits, splits: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides the training, as values that JSON knows."""
    return {
        "data": list(splits),
        "validation": splits,
        "redraws": task.redraws,
        "digits": len(training),
        "digits_sha256": training.sha256(),
        "arch": task.start.arch,
        "architecture": task.start.architecture,
        "init": task.start.sha256,
        "teachers": [teacher.sha256 for teacher in task.teachers],
        "device": device,
        **task.recipe.to_dict(),
    }


def _check_same(there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise JobError (USAGE) unless a checkpoint was made with the facts of this run."""
    differences = [
        f"{name} has changed"
        if name in ("architecture", "digits_sha256")
        else f"{name} was {there.get(name)} and is {value}"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if differences:
        raise JobError(
            ExitCode.USAGE,
            f"--resume does not fit the checkpoint: {'; '.join(differences)}. Give the options that it was "
            "made with, or leave out --resume to train from the start.",
        )


def _card(
    out: Path, facts: Mapping[str, Any], logits: torch.Tensor, labels: NDArray[np.int64]
) -> tuple[Card, NDArray[np.float64]]:
    """Return the card, and the probabilities of the validation digits, whose logits and labels these are."""
    values = logits.numpy().astype(np.float32)
    temperature = fit_temperature(values, labels)
    shares = probabilities(values, temperature)
    right = shares.argmax(axis=1) == labels
    review_below = review_threshold(shares.max(axis=1), right, _TARGET_ERROR)
    card = Card(
        name=out.resolve().name,
        architecture=facts["architecture"],
        preprocessing=VERSION,
        temperature=temperature,
        review_below=review_below,
        target_error=_TARGET_ERROR,
        training={name: value for name, value in facts.items() if name != "architecture"},
        metrics={"validation": measure(shares, labels, review_below).to_dict()},
    )
    return card, shares

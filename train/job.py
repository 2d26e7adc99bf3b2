"""The training run, from digits to a model folder.

The validation digits are split off before training. Varied, they are what the temperature and the thresholds
are set on (`train.trial`); the test set is never loaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from batch_classify.corrections import SURE
from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import Card, chosen_device
from batch_classify.network import build
from batch_classify.preprocess import VERSION
from train import checkpoint, data
from train.calibration import fit_temperature, review_threshold
from train.checkpoint import Checkpoint
from train.comparison import CORRECTIONS, Comparison, compare, worse
from train.corrections import Reviewed, load_corrections
from train.data import Digits
from train.display import display, training_csv
from train.evaluation import Evaluation, measure
from train.export import check_out, write_model
from train.judge import Judge, fit_judge
from train.page import training_page
from train.start import Start, mean_weights
from train.trainer import Epoch, Recipe, State, fit, kept_weights, logits_of
from train.trial import trial_of

_VALIDATION_SHARE = 1 / 12
_KEPT_BACK = 1 / 5  # of the corrections: they are few, and what they teach is to be measured
_CORRECTED_SHARE = 1 / 10  # of the digits of an epoch; fewer corrections are seen several times
_MOST_REPEATS = 50  # of a correction in an epoch, each time varied
_TARGET_ERROR = 0.003  # of the answers that no human is asked to check
_TARGET_ERRORS = (0.01, _TARGET_ERROR, 0.001)


@dataclass(frozen=True, slots=True)
class Task:
    """All that decides what comes out of a training.

    `names` are of data sets, see `train.data.load`; `corrections` are a table of answers from a review and
    the folder with their scans; `redraws` is how often each digit is also put on paper and prepared again;
    `teachers` are trained models to learn from as well; `nondigits` is how many scans without a digit are
    drawn for the judge, if the start brings none. If `average`, what is kept are the mean weights of before
    and after the training.
    """

    names: Sequence[str]
    data_dir: Path | None
    start: Start
    recipe: Recipe
    device: str = "auto"
    corrections: tuple[Path, Path] | None = None
    redraws: int = 0
    teachers: Sequence[Start] = ()
    nondigits: int = 0
    average: bool = False


def fit_model(
    task: Task, out: Path, console: Console, *, resume: bool = False, even_if_worse: bool = False
) -> Card:
    """Train as `task` says and write the model folder `out`; with `resume`, go on from its checkpoint.

    A model that has learnt from corrections and is worse than the one that it started from is only written
    `even_if_worse`; see `train.comparison`. `console` hears how it goes.
    Raises JobError (INPUT, OUTPUT, USAGE, ENVIRONMENT, WORSE_MODEL).
    """
    say = partial(console.print, markup=False)  # a file name may hold brackets
    device = chosen_device(task.device)
    check_out(out)
    place = checkpoint.place_of(out)
    earlier = checkpoint.read(place) if resume else None
    training, kept_back, splits = _digits(task, say)
    validation = reduce(add, kept_back.values())
    trial = trial_of(validation, task.recipe.seed)
    facts = _facts(task, device, training, splits)
    if earlier:
        _check_same(earlier.facts, facts)
    elif (place / checkpoint.STATE).exists():
        say(f"training from the start; --resume would have gone on from {place}, which this run replaces")
    say(f"training on {len(training):,} digits, validating on {len(validation):,}, on {device}")
    epochs = list(earlier.epochs) if earlier else []

    def save(state: State) -> None:
        held_out = {"labels": torch.from_numpy(trial.labels), "trial": torch.from_numpy(trial.images)}
        checkpoint.write(place, Checkpoint(facts, epochs, {**state, **held_out}))

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
                frozen=task.start.frozen,
                teachers=[teacher.network() for teacher in task.teachers],
                state=earlier.state if earlier else None,
                save=save,
            )
        if task.average and task.start.weights is not None:
            network.load_state_dict(mean_weights(task.start.weights, network.state_dict()))
        logits = logits_of(network, validation.images, device)
        tried = logits_of(network, trial.images, device)
        judge, judged = _judge(task, training, validation, device, console)
        card, shares, measured = _card(out, facts, (logits, tried), validation.labels, judge)
        if judged:
            card = replace(card, metrics={**card.metrics, "judge": dict(judged)})
        if task.corrections and task.start.weights is not None:
            compared = _compared(task.start, kept_back, logits, device)
            for one in compared:
                say(one.in_words())
            figures = {one.name: one.to_dict() for one in compared}
            card = replace(card, metrics={**card.metrics, "compared": figures})
            if (problem := worse(compared)) and not even_if_worse:
                raise _worse_model(out, place, problem)
        page = training_page(epochs, validation, shares, measured, title=card.name)
        extras = {"training.csv": training_csv(epochs), "training.html": page}
        seen = validation.images
        card = write_model(out, network, card, extras, seen, judge.network if judge else None)
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
    # In the format of the training, so that the thresholds come out the same to the bit.
    network = build(found.facts["architecture"]).to(memory_format=torch.channels_last)
    network.load_state_dict(kept_weights(found.state))
    facts = {**found.facts, "epochs": len(found.epochs)}
    labels = found.state["labels"].numpy()
    tried = logits_of(network, found.state["trial"].numpy(), "cpu")
    card, *_ = _card(out, facts, (found.state["logits"], tried), labels, None)
    return write_model(out, network, card, {"training.csv": training_csv(found.epochs)})


def _digits(task: Task, say: Callable[[str], None]) -> tuple[Digits, dict[str, Digits], dict[str, str]]:
    """Return the digits to train on, those to validate on by data set, and how the two were split."""
    sources = {name: data.load(name, task.data_dir, task.recipe.seed).without_blanks() for name in task.names}
    halves = {name: _halves(name, source, task) for name, source in sources.items()}
    training = reduce(add, (half for half, _ in halves.values()))
    kept_back = {name: half for name, (_, half) in halves.items() if len(half)}
    ways = {name: "at random" if source.writers is None else "by writer" for name, source in sources.items()}
    if task.corrections:
        reviewed = load_corrections(*task.corrections)
        for suspect in _suspects(task.start, reviewed):
            say(suspect)
        learnt, measured = reviewed.digits.split(_KEPT_BACK, task.recipe.seed)
        times = round(len(training) * _CORRECTED_SHARE / max(1, len(learnt)))
        training = reduce(add, [learnt] * min(max(1, times), _MOST_REPEATS), training)
        ways[CORRECTIONS] = "at random"
        if len(measured):
            kept_back[CORRECTIONS] = measured
    if not kept_back:
        raise JobError(
            ExitCode.INPUT,
            f"{len(training)} digits are too few: none is left to validate on. Give it more, or add "
            "--data synthetic.",
        )
    return training, kept_back, ways


def _suspects(start: Start, reviewed: Reviewed) -> Iterator[str]:
    """Name the corrections that the model, which has not learnt from them yet, strongly contradicts."""
    if start.weights is None:
        return
    shares = probabilities(logits_of(start.network(), reviewed.digits.images, "cpu").numpy(), 1.0)
    for place, label, row in zip(reviewed.places, reviewed.digits.labels.tolist(), shares, strict=True):
        said = int(row.argmax())
        if said != label and row[said] >= SURE:
            yield f"suspect: {place} is {label} to a human, and {said} to the model, {row[said]:.1%} sure"


def _compared(
    start: Start, kept_back: Mapping[str, Digits], after: torch.Tensor, device: str
) -> list[Comparison]:
    """Compare the model before with `after`, the logits of all that was kept back, by data set."""
    network, at, compared = start.network().to(device), 0, []
    for name, digits in kept_back.items():
        before = logits_of(network, digits.images, device).numpy()
        compared.append(compare(name, before, after[at : at + len(digits)].numpy(), digits.labels))
        at += len(digits)
    return compared


def _worse_model(out: Path, place: Path, problem: str) -> JobError:
    return JobError(
        ExitCode.WORSE_MODEL,
        f"the new model is worse than the one that it started from: {problem}. {out} stays as it was. Look "
        "at the corrections, suspect ones first; or write it all the same: the same command with --resume "
        f"and --even-if-worse does so at once, from {place}.",
    )


def _halves(name: str, source: Digits, task: Task) -> tuple[Digits, Digits]:
    """Return a set's digits to train on and to validate on; those written by hand also on other paper."""
    sheets = range(0 if data.is_drawn(name) else task.redraws)
    training, validation = (
        reduce(add, [data.redrawn(half, task.recipe.seed, sheet) for sheet in sheets], half)
        for half in source.split(_VALIDATION_SHARE, task.recipe.seed)
    )
    return training, validation


def _judge(
    task: Task, training: Digits, validation: Digits, device: str, console: Console
) -> tuple[Judge | None, Mapping[str, float]]:
    """Return the judge that the start brings, or train one, and what was measured of it."""
    if task.start.judge or not task.nondigits:
        return task.start.judge, task.start.judged
    return fit_judge(training, validation, task.nondigits, task.recipe.seed, device, console)


def _facts(task: Task, device: str, training: Digits, splits: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides the training, as values that JSON knows."""
    return {
        "data": list(splits),
        "validation": splits,
        "redraws": task.redraws,
        "nondigits": 0 if task.start.judge else task.nondigits,
        "average": task.average,
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
    out: Path,
    facts: Mapping[str, Any],
    logits: tuple[torch.Tensor, torch.Tensor],
    labels: NDArray[np.int64],
    judge: Judge | None,
) -> tuple[Card, NDArray[np.float64], Evaluation]:
    """Return the card, the probabilities of the validation digits, and what was measured in the trial.

    `logits` are those of the validation digits and of the same as varied for the trial; `labels` are theirs.
    """
    plain, tried = (part.numpy().astype(np.float32) for part in logits)
    temperature = fit_temperature(tried, labels)
    shares, trial = probabilities(plain, temperature), probabilities(tried, temperature)
    right = trial.argmax(axis=1) == labels
    points = {str(target): review_threshold(trial.max(axis=1), right, target) for target in _TARGET_ERRORS}
    review_below = points[str(_TARGET_ERROR)]
    measured = measure(trial, labels, review_below, operating_points=points)
    card = Card(
        name=out.resolve().name,
        architecture=facts["architecture"],
        preprocessing=VERSION,
        temperature=temperature,
        review_below=review_below,
        target_error=_TARGET_ERROR,
        operating_points=points,
        judge=judge.architecture if judge else None,
        reject_above=judge.reject_above if judge else 1.0,
        training={name: value for name, value in facts.items() if name != "architecture"},
        metrics={
            "validation": measure(shares, labels, review_below).to_dict(),
            "held_out": measured.to_dict(),
        },
    )
    return card, shares, measured

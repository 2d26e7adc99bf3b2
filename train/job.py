"""The training run, from digits to a model folder.

The validation digits are split off before training and are used for the temperature and the review
threshold; the test set is never loaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import Card, chosen_device
from batch_classify.preprocess import VERSION
from train import data
from train.architectures import VGG_SMALL
from train.calibration import fit_temperature, review_threshold
from train.evaluation import measure
from train.export import check_out, write_model
from train.trainer import Epoch, Recipe, fit, logits_of

DEFAULT_DATA = ("mnist", "synthetic")
_VALIDATION_SHARE = 1 / 12
_TARGET_ERROR = 0.001  # of the answers that no human is asked to check


def fit_model(
    names: Sequence[str],
    data_dir: Path | None,
    recipe: Recipe,
    device: str,
    out: Path,
    say: Callable[[str], None],
) -> Card:
    """Train on the data sets `names` (see `train.data.load`) and write the model folder `out`.

    `say` hears a line now and then. Raises JobError (INPUT, OUTPUT, ENVIRONMENT).
    """
    device = chosen_device(device)
    check_out(out)
    sources = [data.load(name, data_dir, recipe.seed).without_blanks() for name in names]
    halves = [source.split(_VALIDATION_SHARE, recipe.seed) for source in sources]
    training, validation = (reduce(add, side) for side in zip(*halves, strict=True))
    if not len(validation):
        raise JobError(
            ExitCode.INPUT,
            f"{len(training)} digits are too few: none is left to validate on. Give it more, or add "
            "--data synthetic.",
        )
    say(f"training on {len(training):,} digits, validating on {len(validation):,}, on {device}")

    def report(epoch: Epoch) -> None:
        say(
            f"epoch {epoch.number}/{recipe.epochs}: loss {epoch.loss:.4f}, "
            f"validation accuracy {epoch.accuracy:.2%}, {epoch.seconds:.0f} s"
        )

    network = fit(VGG_SMALL, training, validation, recipe, device, report)
    logits = logits_of(network, validation, device).numpy().astype(np.float32)
    temperature = fit_temperature(logits, validation.labels)
    shares = probabilities(logits, temperature)
    right = shares.argmax(axis=1) == validation.labels
    review_below = review_threshold(shares.max(axis=1), right, _TARGET_ERROR)
    card = Card(
        name=out.resolve().name,
        architecture=VGG_SMALL,
        preprocessing=VERSION,
        temperature=temperature,
        review_below=review_below,
        target_error=_TARGET_ERROR,
        training={"data": list(names), "digits": len(training), **recipe.to_dict()},
        metrics={"validation": measure(shares, validation.labels, review_below).to_dict()},
    )
    return write_model(out, network, card)

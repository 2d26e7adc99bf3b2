"""The second network: whether a picture shows a digit at all.

It learns from the digits that the reader learns from, and from drawn scans that show none. Its score alone
decides; what a picture shows by itself (blank, several digits) `preprocess` has said before. Of the signals
that need no second network, none told letters and scribbles from digits as well: docs/experiments.md 20.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from batch_classify.decide import reject_scores
from batch_classify.network import Architecture
from train import data
from train.architectures import JUDGE
from train.calibration import reject_threshold
from train.data import Digits
from train.display import display
from train.public import Images
from train.trainer import Recipe, fit, logits_of

_HELD_OUT = 1 / 12
_LOST = 0.0012  # of the held-out digits may be taken for none
_RECIPE = Recipe(epochs=12)
_DIGIT, _NONE = 0, 1


@dataclass(frozen=True, slots=True)
class Judge:
    """A trained judge: its layers, its network, and the reject score above which there is no digit."""

    architecture: Architecture
    network: nn.Module
    reject_above: float


def fit_judge(
    training: Digits,
    held_out: Digits,
    count: int,
    seed: int,
    device: str,
    console: Console,
) -> tuple[Judge, dict[str, float]]:
    """Train a judge on digits and `count` drawn scans without one; set its threshold on `held_out` digits.

    Returns it with what was measured on the held-out digits and on drawn scans that it did not learn from.
    """
    nothing, unseen = (
        data.cluttered(digits.images, number, [seed, place])
        for place, (digits, number) in enumerate(((training, count), (held_out, round(count * _HELD_OUT))))
    )
    console.print(f"training the judge on {len(training):,} digits and {len(nothing):,} drawn scans of none")
    with display(console, _RECIPE.epochs) as show:
        network = fit(
            JUDGE,
            _told_apart(training.images, nothing),
            _told_apart(held_out.images, unseen),
            replace(_RECIPE, seed=seed),
            device,
            show,
            classes=2,
        )
    digits, others = (scores_of(network, images, device) for images in (held_out.images, unseen))
    reject_above = reject_threshold(digits, _LOST)
    figures = {
        "count": len(digits),
        "rejected": float((digits > reject_above).mean()),
        "nondigits": len(others),
        "caught": float((others > reject_above).mean()) if len(others) else 0.0,
    }
    return Judge(JUDGE, network, reject_above), figures


def scores_of(network: nn.Module, images: Images, device: str) -> NDArray[np.float64]:
    """Return the reject scores, float64 [N] from 0 to 1, of pictures uint8 [N, 28, 28]."""
    verdicts = logits_of(network, images, device).numpy()
    return reject_scores(verdicts[:, _NONE] - verdicts[:, _DIGIT])


def _told_apart(digits: Images, others: Images) -> Digits:
    labels = np.repeat(np.array([_DIGIT, _NONE], np.int64), [len(digits), len(others)])
    return Digits(np.concatenate([digits, others]), labels)

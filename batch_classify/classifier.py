"""Pictures in, predictions out: the steps of the job that need no folder, for Python callers and the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_classify import model as model_folder
from batch_classify.decide import Prediction, Thresholds, decide, probabilities, reject_scores
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import Card, Images, Logits, Model
from batch_classify.preprocess import VERSION, preprocess
from batch_classify.row import Reason

__all__ = ["Classifier", "Prediction"]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model, and when its answers go to a human or are none."""

    model: Model
    thresholds: Thresholds

    @classmethod
    def load(
        cls,
        model: Path | None = None,
        device: str = "auto",
        review_below: float | None = None,
        target_error: float | None = None,
        *,
        wait: bool = True,
    ) -> Classifier:
        """Load a model folder (default: the shipped one) onto auto, cpu or cuda; thresholds from its card.

        To a human go the answers below the confidence `review_below`, or else as many as it takes for at most
        `target_error` of the others to be wrong. Raises JobError (MODEL, ENVIRONMENT, USAGE); who does not
        `wait` for the network may hear later that it cannot be run.
        """
        loaded = model_folder.load(model, device, preprocessing=VERSION, wait=wait)
        if review_below is None:
            review_below = _operating_point(loaded.card, target_error)
        return cls(loaded, Thresholds(review_below, loaded.card.reject_above))

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        """Read scans, each grey uint8 [height, width] of any size and either polarity.

        Raises ValueError for a picture of another kind, or one without pixels.
        """
        for number, image in enumerate(images):
            if image.ndim != 2 or image.dtype != np.uint8 or image.size == 0:
                raise ValueError(
                    f"image {number} is {image.dtype} {list(image.shape)}; needed is uint8 [height, width]"
                )
        if not images:
            return []
        prepared = [preprocess(image) for image in images]
        return self.predict_prepared(
            np.stack([one.image for one in prepared]), [one.finding for one in prepared]
        )

    def predict_prepared(self, images: Images, findings: Sequence[Reason | None]) -> list[Prediction]:
        """Read what `preprocess` made: uint8 [N, 28, 28], and the N findings."""
        return self.decide(self.model.logits(images), findings)

    def decide(self, logits: Logits, findings: Sequence[Reason | None]) -> list[Prediction]:
        """Turn what the networks said, float32 [N, 11], and the N findings into answers."""
        shares = probabilities(logits[:, :10], self.model.card.temperature)
        scores = reject_scores(logits[:, 10]).tolist()
        return [
            decide(row, score, finding, self.thresholds)
            for row, score, finding in zip(shares, scores, findings, strict=True)
        ]


def _operating_point(card: Card, target_error: float | None) -> float:
    """Return the confidence that keeps a target error. Raises JobError (USAGE) if the card has none."""
    if target_error is None or target_error == card.target_error:
        return card.review_below
    points = {float(target): threshold for target, threshold in card.operating_points.items()}
    if target_error not in points:
        known = ", ".join(f"{100 * target:g}%" for target in sorted({*points, card.target_error}))
        raise JobError(
            ExitCode.USAGE,
            f"--target-error {100 * target_error:g}%: the model {card.name} was set for {known}. Choose one "
            "of these, or set the confidence yourself with --review-below.",
        )
    return points[target_error]

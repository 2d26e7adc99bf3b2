"""Pictures in, predictions out: the steps of the job that need no folder, for Python callers and the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_classify import model as model_folder
from batch_classify.decide import Prediction, decide, probabilities
from batch_classify.model import Images, Logits, Model
from batch_classify.preprocess import VERSION, preprocess
from batch_classify.row import Reason

__all__ = ["Classifier", "Prediction"]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model, and the confidence below which its answers go to a human."""

    model: Model
    review_below: float

    @classmethod
    def load(
        cls, model: Path | None = None, device: str = "auto", review_below: float | None = None
    ) -> Classifier:
        """Load a model folder (default: the shipped one) onto auto, cpu or cuda; threshold from its card.

        Raises JobError (MODEL, ENVIRONMENT).
        """
        loaded = model_folder.load(model, device, preprocessing=VERSION)
        return cls(loaded, loaded.card.review_below if review_below is None else review_below)

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
        """Turn what the network said, float32 [N, 10], and the N findings into answers."""
        shares = probabilities(logits, self.model.card.temperature)
        return [
            decide(row, finding, self.review_below) for row, finding in zip(shares, findings, strict=True)
        ]

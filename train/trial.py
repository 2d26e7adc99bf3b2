"""The digits on which confidences are tried: held out, and harder than any that are trained on.

In training each digit is varied once: bent, thinned, crossed out, blurred, made noisy. Held-out digits that
are varied as often look just like that, and thresholds set on them let too much through on the scans of
strangers, whose hands and paper nobody has seen. So these are varied twice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from train.augment import augment
from train.data import Digits

_BATCH = 4096


def trial_of(held_out: Digits, seed: int) -> Digits:
    """Return the held-out digits, each varied twice; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    batches = list(torch.from_numpy(held_out.images).float().split(_BATCH))
    for _ in range(2):
        batches = [augment(batch, generator) for batch in batches]
    images = torch.cat(batches).round().to(torch.uint8)
    return replace(held_out, images=np.asarray(images.numpy()))

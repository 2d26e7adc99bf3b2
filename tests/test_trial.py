"""Held-out digits made harder, in `train.trial`."""

from __future__ import annotations

import numpy as np

from train.data import Digits
from train.generator import batch
from train.trial import trial_of

HELD_OUT = Digits(*batch(50, np.random.default_rng(0)), writers=np.arange(50))


def test_each_digit_is_varied() -> None:
    """The labels and writers stay, the pictures change, and the same seed gives the same ones."""
    one, two, other = (trial_of(HELD_OUT, seed) for seed in (3, 3, 4))
    assert one.images.shape == HELD_OUT.images.shape
    assert one.images.dtype == np.uint8
    assert np.array_equal(one.labels, HELD_OUT.labels)
    assert np.array_equal(one.images, two.images)
    assert (one.images != HELD_OUT.images).any(axis=(1, 2)).all()
    assert (one.images != other.images).any()

"""The network that tells digits from what is none, in `train.judge`."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from train import judge
from train.data import Digits
from train.generator import batch
from train.judge import fit_judge, scores_of

TRAINING, HELD_OUT = (Digits(*batch(count, np.random.default_rng(count))) for count in (600, 200))


def noise(written: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """Stand in for drawn clutter: pictures that no digit looks like."""
    return np.random.default_rng(seed).integers(0, 255, (count, 28, 28), dtype=np.uint8)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for seconds, on noise, and in float32, since which format is faster depends on the load."""
    monkeypatch.setattr("train.trainer.bf16_is_faster", lambda *_: False)
    monkeypatch.setattr("train.data.cluttered", noise)
    monkeypatch.setattr(judge, "_RECIPE", replace(judge._RECIPE, epochs=3, batch_size=32))


def test_it_tells_noise_from_digits() -> None:
    """Its threshold loses next to no held-out digit, and what lies above it is what it has learnt."""
    said = io.StringIO()
    found, figures = fit_judge(TRAINING, HELD_OUT, 240, 0, "cpu", Console(file=said))
    scores = scores_of(found.network, HELD_OUT.images, "cpu")
    assert (scores > found.reject_above).mean() == figures["rejected"] <= 0.002
    assert figures["caught"] > 0.9
    assert (figures["count"], figures["nondigits"]) == (200, 20)
    assert "600 digits and 240 drawn scans" in said.getvalue()


def test_the_same_seed_gives_the_same_judge() -> None:
    """Weights and threshold come out alike."""
    quiet = Console(file=io.StringIO())
    one, two = (fit_judge(TRAINING, HELD_OUT, 48, 5, "cpu", quiet)[0] for _ in range(2))
    assert one.reject_above == two.reject_above
    weights = (one.network.state_dict().values(), two.network.state_dict().values())
    assert all((a == b).all() for a, b in zip(*weights, strict=True))

"""How each network is trained unless somebody says otherwise: its recipe and its data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from batch_classify.errors import ExitCode, JobError
from train.architectures import DEFAULT
from train.trainer import Recipe

_OURS = {
    "quick": Recipe(epochs=1, batch_size=128, augment="none"),
    "standard": Recipe(),
    "best": Recipe(epochs=120),
    # Strong variation teaches more, but what it draws is not what will be read (He et al. 2019).
    "refine": Recipe(epochs=6, lr=1e-2, augment="gentle"),
}
_PLAIN = Recipe(
    epochs=10,
    batch_size=64,
    lr=1e-3,
    weight_decay=0,
    optimiser="adam",
    schedule="constant",
    augment="none",
    ema=False,
)
_TUTORIALS = {
    "mlp-4": _PLAIN,
    "mlp-128-64": replace(_PLAIN, epochs=5),
    "mlp-128-128": replace(_PLAIN, epochs=3),
    "cnn-3": replace(_PLAIN, batch_size=32),
    "cnn-2": _PLAIN,
}

_NONDIGITS = 20_000


def arch_of(preset: str | None) -> str:
    """Return the name of the network that a preset trains unless somebody names one."""
    return "vgg-tiny" if preset == "quick" else DEFAULT


def recipe_of(arch: str, preset: str | None, *, fine_tune: bool = False, **own: Any) -> Recipe:
    """Return the recipe of a network: its tutorial's, or of ours the preset, with one's `own` values.

    To `fine_tune` what has learnt already takes a tenth of the rate. Raises JobError (USAGE).
    """
    recipe = _preset(arch, preset)
    if fine_tune:
        recipe = replace(recipe, lr=recipe.lr / 10)
    return replace(recipe, **{name: value for name, value in own.items() if value is not None})


def data_of(arch: str) -> tuple[str, ...]:
    """Return the names of the data sets that a network is trained on."""
    return ("mnist",) if arch in _TUTORIALS else ("mnist", "synthetic")


def nondigits_of(arch: str, preset: str | None) -> int:
    """Return how many scans without a digit are drawn for the judge of a network."""
    return 0 if arch in _TUTORIALS or preset == "quick" else _NONDIGITS


def _preset(arch: str, preset: str | None) -> Recipe:
    if arch in _TUTORIALS:
        if preset is None:
            return _TUTORIALS[arch]
        problem = f"{arch} has only its tutorial's. Leave it out, or set --epochs, --batch-size or --lr."
    else:
        if preset in (None, *_OURS):
            return _OURS[preset or "standard"]
        problem = f"choose one of {', '.join(_OURS)}."
    raise JobError(ExitCode.USAGE, f"--preset {preset}: {problem}")

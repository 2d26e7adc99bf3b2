"""What a training starts from: a named network with random weights, or a model that was trained before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import WEIGHTS, load
from batch_classify.network import Architecture, build, build_model
from batch_classify.preprocess import VERSION
from train import architectures
from train.judge import Judge

_UNNAMED = "unnamed"  # a network of somebody's own, that a model folder brought along


@dataclass(frozen=True, slots=True)
class Start:
    """A reader's name and layers; and of a trained model its weights, the hash of its card, and its judge.

    `judged` is what was measured of the judge. `frozen` are the names of weights that stay as they are: those
    of all but a cascade's quick network, if that is a new one. Then `weights` has only these.
    """

    arch: str
    architecture: Architecture
    weights: Mapping[str, torch.Tensor] | None = None
    sha256: str | None = None
    judge: Judge | None = None
    judged: Mapping[str, float] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()

    def network(self) -> nn.Module:
        """Build the reader, with the trained weights if there are any."""
        network = build(self.architecture)
        if self.weights is not None:
            network.load_state_dict(self.weights, strict=not self.frozen)
        return network


def start_from(arch: str | None, init: Path | None) -> Start:
    """Start from the network with the name `arch`, or from the model folder `init`.

    With both, that network must be the model's own, or a cascade with the model's careful network and another
    quick one, which then starts with random weights and is all that learns.
    Raises JobError (USAGE, MODEL).
    """
    if init is None:
        arch = arch or architectures.DEFAULT
        return Start(arch, architectures.architecture_of(arch))
    model = load(init, "cpu", preprocessing=VERSION)  # checks the folder, and its files' hashes
    layers = model.card.architecture
    wanted = layers if arch is None else architectures.architecture_of(arch)
    if _without_quick(wanted) != _without_quick(layers):
        found = architectures.name_of(layers) or "another network"
        raise JobError(
            ExitCode.USAGE,
            f"--arch {arch} does not fit --init {init}, which holds {found}. Leave out --arch to train the "
            "network that is there.",
        )
    try:
        both = build_model(layers, model.card.judge)
        both.load_state_dict(load_file(init / WEIGHTS))
    except (ValueError, RuntimeError, SafetensorError) as error:
        raise JobError(
            ExitCode.MODEL,
            f"--init {init}: {WEIGHTS} does not hold the weights of the network in its card ({error}). Name "
            "another model folder.",
        ) from error
    judge, judged = None, {}
    if model.card.judge and both.judge:
        judge = Judge(model.card.judge, both.judge, model.card.reject_above)
        judged = model.card.metrics.get("judge", {})
    name = arch or architectures.name_of(layers) or _UNNAMED
    weights = both.reader.state_dict()
    if wanted == layers:
        return Start(name, layers, weights, model.sha256, judge, judged)
    kept = {name: value for name, value in weights.items() if ".quick." not in name}
    return Start(name, wanted, kept, model.sha256, judge, judged, frozenset(kept))


def _without_quick(layers: Architecture) -> list[dict[str, Any]]:
    """Return the layers without the quick network of a cascade among them."""
    return [{name: value for name, value in layer.items() if name != "quick"} for layer in layers]


def mean_weights(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the mean of a network's weights before and after a fine-tuning; counters are those after.

    Such a network is often better on what neither has seen than both (Wortsman et al. 2022, WiSE-FT).
    """
    return {
        name: value.lerp(before[name].to(value.device), 0.5) if value.is_floating_point() else value
        for name, value in after.items()
    }

"""The training loop: pictures and labels in, a trained network out.

The whole set is one tensor on its device and each batch is augmented there: a DataLoader over 28×28
pictures costs more than the network. AdamW (Loshchilov & Hutter 2019) under a one-cycle rate (Smith &
Topin 2018); what is kept is the moving average of the weights at the last epoch, never the best epoch.

Knows no files and no data sets, and never sees a test set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import nn
from torch.optim.swa_utils import AveragedModel

from batch_classify.network import Architecture, build
from train.augment import augment
from train.data import Digits

_EMA_DECAY = 0.999
_PROBE_STEPS = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; `lr` is the peak of the one-cycle."""

    epochs: int = 30
    batch_size: int = 256
    lr: float = 4e-3
    weight_decay: float = 0.05
    seed: int = 0

    def to_dict(self) -> dict[str, float]:
        """Return the recipe for the model's card."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one epoch went: mean training loss (nats), validation accuracy (0 to 1), seconds."""

    number: int
    loss: float
    accuracy: float
    seconds: float


def fit(
    architecture: Architecture,
    training: Digits,
    validation: Digits,
    recipe: Recipe,
    device: str,
    report: Callable[[Epoch], None],
) -> nn.Module:
    """Train a network and return it, on `device` and in evaluation mode; `report` hears of each epoch."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator(device).manual_seed(recipe.seed)
    network = build(architecture).to(device).to(memory_format=torch.channels_last)
    average = AveragedModel(network, avg_fn=_moving_average, use_buffers=True)
    images = torch.from_numpy(training.images).to(device)
    labels = torch.from_numpy(training.labels).to(device)
    half = bf16_is_faster(network, images[: recipe.batch_size].float(), labels[: recipe.batch_size])
    batches = max(1, len(images) // recipe.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, total_steps=recipe.epochs * batches)
    for number in range(1, recipe.epochs + 1):
        start, total = time.perf_counter(), torch.zeros((), device=device)
        network.train()
        order = torch.randperm(len(images), generator=generator, device=device)
        for chosen in order[: batches * recipe.batch_size].chunk(batches):
            varied = augment(images[chosen].float(), generator)
            loss = _step(network, varied, labels[chosen], optimiser, half=half)
            schedule.step()
            average.update_parameters(network)
            total += loss
        accuracy = accuracy_of(average.module, validation, device)
        report(Epoch(number, total.item() / batches, accuracy, time.perf_counter() - start))
    trained: nn.Module = average.module
    return trained.eval()


def _moving_average(average: torch.Tensor, weights: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
    """Exponential moving average that forgets its beginning: short at first, `_EMA_DECAY` in the end."""
    return average + max(1 - _EMA_DECAY, 10 / (10 + int(steps))) * (weights - average)


def _step(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    *,
    half: bool,
) -> torch.Tensor:
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits = network(images)
    loss = F.cross_entropy(logits.float(), labels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.detach()


def bf16_is_faster(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> bool:
    """Try a few steps each way on a copy: some CPUs are twice as fast in bf16, others ten times slower."""
    state = torch.get_rng_state()
    seconds = {}
    for half in (False, True):
        trial = deepcopy(network).train()
        optimiser = torch.optim.AdamW(trial.parameters(), lr=0.0)
        _step(trial, images, labels, optimiser, half=half)
        start = time.perf_counter()
        for _ in range(_PROBE_STEPS):
            _step(trial, images, labels, optimiser, half=half).item()
        seconds[half] = time.perf_counter() - start
    torch.set_rng_state(state)  # so that dropout does not depend on the probe
    return seconds[True] < seconds[False]


def logits_of(network: nn.Module, digits: Digits, device: str) -> torch.Tensor:
    """Logits float32 [N, 10] of preprocessed digits, on the CPU."""
    network.eval()
    with torch.inference_mode():
        parts = [
            network(part.to(device)).float().cpu() for part in torch.from_numpy(digits.images).split(1024)
        ]
    return torch.cat(parts)


def accuracy_of(network: nn.Module, digits: Digits, device: str) -> float:
    """Share of the digits that the network reads rightly."""
    found = logits_of(network, digits, device).argmax(1)
    return (found == torch.from_numpy(digits.labels)).double().mean().item()

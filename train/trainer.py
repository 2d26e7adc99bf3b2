"""The training loop: pictures and labels in, a trained network out.

The whole set is one tensor on its device and each batch is augmented there: a DataLoader over 28×28
pictures costs more than the network. AdamW (Loshchilov & Hutter 2019) under a one-cycle rate (Smith &
Topin 2018); what is kept is the moving average of the weights at the last epoch, never the best epoch.
A recipe can ask for plainer ways, which the tutorials' networks need.

Knows no files and no data sets, and never sees a test set.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from batch_classify.errors import ExitCode, JobError
from batch_classify.network import Architecture, build
from train.augment import augment
from train.data import Digits
from train.public import Images

State = dict[str, Any]
"""All that the next epoch depends on: tensors, and values that JSON knows."""

_EMA_DECAY = 0.999
_PROBE_STEPS = 5
_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; `lr` is the peak of the one-cycle, or the constant rate; `ema` keeps the mean weights."""

    epochs: int = 60
    batch_size: int = 256
    lr: float = 4e-3
    weight_decay: float = 0.05
    optimiser: Literal["adam", "adamw"] = "adamw"
    schedule: Literal["constant", "one-cycle"] = "one-cycle"
    augment: Literal["full", "gentle", "none"] = "full"
    ema: bool = True
    seed: int = 0

    def to_dict(self) -> dict[str, float | str]:
        """Return the recipe for the model's card."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one epoch went: mean training loss (nats), validation accuracy (0 to 1), seconds.

    `lr` is the rate of its last step, `images_per_second` how fast it trained; `seconds` is all of it.
    """

    number: int
    loss: float
    accuracy: float
    lr: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Parts:
    """What changes from step to step."""

    network: nn.Module
    average: AveragedModel | None
    optimiser: torch.optim.Optimizer
    schedule: LRScheduler
    generator: torch.Generator

    @property
    def kept(self) -> nn.Module:
        """The network to validate, and to give back in the end."""
        return self.network if self.average is None else self.average.module

    def state(self) -> State:
        on_gpu = self.generator.device.type == "cuda"
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "dropout": torch.cuda.get_rng_state() if on_gpu else torch.get_rng_state(),
        }

    def restore(self, state: State) -> None:
        self.network.load_state_dict(state["network"])
        if self.average:
            self.average.load_state_dict(state["average"])
        moments = {int(number): values for number, values in state["optimiser"]["state"].items()}
        self.optimiser.load_state_dict({**state["optimiser"], "state": moments})
        for weights, values in self.optimiser.state.items():
            for name, value in values.items():
                if value.shape == weights.shape:  # in the weights' memory format, so that sums round alike
                    values[name] = torch.empty_like(weights).copy_(value)
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        on_gpu = self.generator.device.type == "cuda"
        (torch.cuda.set_rng_state if on_gpu else torch.set_rng_state)(state["dropout"])


def _ignore(_: State) -> None:
    pass


def fit(
    architecture: Architecture,
    training: Digits,
    validation: Digits,
    recipe: Recipe,
    device: str,
    report: Callable[[Epoch], None],
    *,
    classes: int = 10,
    weights: Mapping[str, torch.Tensor] | None = None,
    frozen: Collection[str] = (),
    teachers: Sequence[nn.Module] = (),
    state: State | None = None,
    save: Callable[[State], None] = _ignore,
) -> nn.Module:
    """Train a network and return it, on `device` and in evaluation mode.

    It tells so many `classes` apart, and starts from `weights` or from random ones; parameters with a name
    in `frozen` stay as they are. After each epoch `report` hears how it went and `save` gets the state, with
    the logits of the validation digits; with that as `state` the training goes on: on the same machine the
    weights come out the same to the bit. From `teachers` it learns as well: half of each target is the mean
    of their softmaxes on the same varied picture (distillation, Hinton et al. 2015; the same picture for
    both, Beyer et al. 2022).
    Raises JobError (USAGE) if the loss is no longer finite.
    """
    torch.backends.cudnn.deterministic = True
    torch.manual_seed(recipe.seed)
    network = build(architecture, outputs=classes)
    if weights is not None:
        network.load_state_dict(weights, strict=not frozen)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    images = torch.from_numpy(training.images).to(device)
    labels = torch.from_numpy(training.labels).to(device)
    batches = max(1, len(images) // recipe.batch_size)
    for teacher in teachers:
        teacher.to(device).to(memory_format=torch.channels_last).eval()
    parts = _parts(network.to(device).to(memory_format=torch.channels_last), recipe, batches, device)
    if state is None:
        done = 0
        half = bf16_is_faster(network, images[: recipe.batch_size].float(), labels[: recipe.batch_size])
    else:
        done, half = state["epoch"], state["half"]
        parts.restore(state)
    for number in range(done + 1, recipe.epochs + 1):
        start = time.perf_counter()
        loss, rate = _epoch(parts, images, labels, teachers, recipe, batches, half=half)
        trained_in = time.perf_counter() - start
        if not math.isfinite(loss):
            raise JobError(
                ExitCode.USAGE,
                f"the loss of epoch {number} is not finite ({loss}), so the network learns nothing any more. "
                f"Train again with a lower --lr than {recipe.lr:g}, such as {recipe.lr / 10:g}.",
            )
        logits = logits_of(parts.kept, validation.images, device)
        speed = min(len(images), batches * recipe.batch_size) / trained_in
        accuracy = _share_right(logits, validation)
        report(Epoch(number, loss, accuracy, rate, speed, time.perf_counter() - start))
        save({"epoch": number, "half": half, "logits": logits, **parts.state()})
    return parts.kept.eval()


def kept_weights(state: State) -> dict[str, torch.Tensor]:
    """Return the weights that a training would end with if it ended in this state."""
    average = {
        name.removeprefix("module."): value
        for name, value in state["average"].items()
        if name.startswith("module.")
    }
    return average or state["network"]


def _parts(network: nn.Module, recipe: Recipe, batches: int, device: str) -> _Parts:
    optimiser = _OPTIMISERS[recipe.optimiser](
        network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    return _Parts(
        network=network,
        average=AveragedModel(network, avg_fn=_moving_average, use_buffers=True) if recipe.ema else None,
        optimiser=optimiser,
        schedule=OneCycleLR(optimiser, recipe.lr, total_steps=recipe.epochs * batches)
        if recipe.schedule == "one-cycle"
        else ConstantLR(optimiser, factor=1),
        generator=torch.Generator(device).manual_seed(recipe.seed),
    )


def _epoch(
    parts: _Parts,
    images: torch.Tensor,
    labels: torch.Tensor,
    teachers: Sequence[nn.Module],
    recipe: Recipe,
    batches: int,
    *,
    half: bool,
) -> tuple[float, float]:
    """Train on each picture once; return the mean loss and the rate of the last step."""
    total, rate = torch.zeros((), device=images.device), 0.0
    parts.network.train()
    order = torch.randperm(len(images), generator=parts.generator, device=images.device)
    for chosen in order[: batches * recipe.batch_size].chunk(batches):
        batch = images[chosen].float()
        if recipe.augment != "none":
            batch = augment(batch, parts.generator, gentle=recipe.augment == "gentle")
        targets = _targets(batch, labels[chosen], teachers, half=half)
        total += _step(parts.network, batch, targets, parts.optimiser, half=half)
        rate = parts.optimiser.param_groups[0]["lr"]
        parts.schedule.step()
        if parts.average:
            parts.average.update_parameters(parts.network)
    return total.item() / batches, float(rate)


def _targets(
    batch: torch.Tensor, labels: torch.Tensor, teachers: Sequence[nn.Module], *, half: bool
) -> torch.Tensor:
    """Return the labels int64 [N], or with teachers the probabilities float32 [N, 10] to be learnt."""
    if not teachers:
        return labels
    with torch.no_grad(), torch.autocast(batch.device.type, torch.bfloat16, enabled=half):
        shares = torch.stack([teacher(batch).float().softmax(1) for teacher in teachers]).mean(0)
    return (F.one_hot(labels, 10) + shares) / 2


def _moving_average(average: torch.Tensor, weights: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
    """Exponential moving average that forgets its beginning: short at first, `_EMA_DECAY` in the end."""
    return average + max(1 - _EMA_DECAY, 10 / (10 + int(steps))) * (weights - average)


def _step(
    network: nn.Module,
    images: torch.Tensor,
    targets: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    *,
    half: bool,
) -> torch.Tensor:
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits = network(images)
    answers = len(logits) // len(targets)  # a cascade gives two to each picture
    loss = F.cross_entropy(logits.float(), torch.cat(answers * [targets]))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.detach()


def bf16_is_faster(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> bool:
    """Try a few steps each way on a copy: some CPUs are twice as fast in bf16, others ten times slower."""
    gpus = [torch.cuda.current_device()] if images.device.type == "cuda" else []
    seconds = {}
    with torch.random.fork_rng(gpus):  # so that dropout does not depend on the probe
        for half in (False, True):
            trial = deepcopy(network).train()
            optimiser = torch.optim.AdamW(trial.parameters(), lr=0.0)
            _step(trial, images, labels, optimiser, half=half)
            start = time.perf_counter()
            for _ in range(_PROBE_STEPS):
                _step(trial, images, labels, optimiser, half=half).item()
            seconds[half] = time.perf_counter() - start
    return seconds[True] < seconds[False]


def logits_of(network: nn.Module, images: Images, device: str) -> torch.Tensor:
    """Logits float32 [N, classes] of preprocessed pictures, uint8 [N, 28, 28], on the CPU."""
    network.eval()
    with torch.inference_mode():
        parts = [network(part.to(device)).float().cpu() for part in torch.from_numpy(images).split(1024)]
    return torch.cat(parts)


def _share_right(logits: torch.Tensor, digits: Digits) -> float:
    return (logits.argmax(1) == torch.from_numpy(digits.labels)).double().mean().item()

"""Training to 99 % against one epoch of the PyTorch MNIST example, by turns in one run.

    python benchmarks/first_epoch.py [--data-dir FOLDER] [--runs 5] [--arch NAME] [--preset quick]

The example's network and loop (pytorch/examples, mnist/main.py, on a CPU: batches of 64, no shuffling, no
workers) train for one epoch. Ours is `fit` up to the end of the first epoch after which at least 99 % of the
validation digits are read rightly, its validations and its choice of bf16 included. Both train, in one
process, on the same eleven twelfths or so of MNIST's training digits; the example itself takes all of them.
Imports and reading the data are not timed, but our loading and preprocessing is, on its own. The test set is
not used.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from train.architectures import architecture_of
from train.data import Digits, mnist
from train.presets import arch_of, recipe_of
from train.trainer import Epoch, Recipe, fit

VALIDATION_SHARE = 1 / 12
GOAL = 0.99


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The digits as torchvision's MNIST hands them out: each through PIL, ToTensor and Normalize."""

    def __init__(self, digits: Digits) -> None:
        self.images, self.labels = torch.from_numpy(digits.images), torch.from_numpy(digits.labels)
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.images[number].numpy())
        return self.transform(picture), int(self.labels[number])


def example_network() -> nn.Module:
    """Build the example's network."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )


def time_example(training: Digits, validation: Digits, seed: int) -> tuple[float, float]:
    """Train the example's network for one epoch; return the seconds and its validation accuracy after it."""
    torch.manual_seed(seed)
    start = time.perf_counter()
    network = example_network().train()
    optimiser = torch.optim.Adadelta(network.parameters(), lr=1.0)
    for number, (images, labels) in enumerate(DataLoader(Pictures(training), batch_size=64)):
        optimiser.zero_grad()
        loss = F.nll_loss(network(images), labels)
        loss.backward()
        optimiser.step()
        if number % 10 == 0:
            loss.item()  # which the example prints
    seconds = time.perf_counter() - start
    network.eval()
    with torch.inference_mode():
        right = sum(
            int((network(images).argmax(1) == labels).sum())
            for images, labels in DataLoader(Pictures(validation), batch_size=1000)
        )
    return seconds, right / len(validation)


@dataclass(frozen=True, slots=True)
class Ours:
    """How a `fit` went: seconds to the goal (None: not reached) and to its end, and the last accuracy."""

    to_goal: float | None
    to_end: float
    accuracy: float


def time_ours(training: Digits, validation: Digits, arch: str, recipe: Recipe) -> Ours:
    """Train as `batch-classify-train fit` does."""
    heard: list[tuple[float, float]] = []
    start = time.perf_counter()

    def hear(epoch: Epoch) -> None:
        heard.append((time.perf_counter() - start, epoch.accuracy))

    fit(architecture_of(arch), training, validation, recipe, "cpu", hear)
    to_end = time.perf_counter() - start
    to_goal = next((seconds for seconds, accuracy in heard if accuracy >= GOAL), None)
    return Ours(to_goal, to_end, heard[-1][1])


def row(what: str, seconds: Sequence[float], accuracies: Sequence[float] = ()) -> list[str]:
    """Write a row: the median of the seconds, the least and the greatest, and the accuracies' range."""
    times = [statistics.median(seconds), min(seconds), max(seconds)] if seconds else []
    span = f"{min(accuracies):.2%} to {max(accuracies):.2%}" if accuracies else ""
    return [what, *([f"{one:.2f}" for one in times] or 3 * ["-"]), span]


def main() -> None:
    """Time both by turns and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's idx files; default: download them")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--arch", help="default: the preset's")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--threads", type=int, help="of torch; default: its own choice")
    parser.add_argument("--first", type=int, metavar="N", help="only so many digits, to try this out")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    arch = options.arch or arch_of(options.preset)
    recipe = recipe_of(arch, options.preset)
    recipe = replace(recipe, epochs=options.epochs or recipe.epochs)
    start = time.perf_counter()
    digits = mnist(options.data_dir)
    loading = time.perf_counter() - start
    if options.first:
        digits = Digits(digits.images[: options.first], digits.labels[: options.first])
    training, validation = digits.split(VALIDATION_SHARE, seed=0)
    example: list[tuple[float, float]] = []
    ours: list[Ours] = []
    console = Console(width=110)
    for seed in range(options.runs):
        turns = [
            lambda seed=seed: example.append(time_example(training, validation, seed)),
            lambda seed=seed: ours.append(time_ours(training, validation, arch, replace(recipe, seed=seed))),
        ]
        for turn in turns if seed % 2 == 0 else reversed(turns):
            turn()
        print(f"run {seed + 1}: example {example[-1][0]:.1f} s, ours {ours[-1].to_end:.1f} s", flush=True)
    reached = [one.to_goal for one in ours if one.to_goal is not None]
    packages = ("torch", "torchvision", "numpy", "opencv-python")
    console.print(
        f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, "
        f"{torch.get_num_threads()} threads of torch, Python {platform.python_version()},\n"
        + ", ".join(f"{package} {version(package)}" for package in packages)
        + f"\n{len(training):,} digits, {len(validation):,} to validate on, {options.runs} runs; "
        f"{arch}, {options.preset}, {recipe.epochs} epochs\n",
        highlight=False,
    )
    table = Table("seconds", "median", "least", "greatest", "validation accuracy at the end", box=None)
    table.add_row(*row("one epoch of the example", [one[0] for one in example], [one[1] for one in example]))
    table.add_row(*row(f"ours to {GOAL:.0%} ({len(reached)} of {len(ours)} runs got there)", reached))
    table.add_row(*row("ours, all epochs", [one.to_end for one in ours], [one.accuracy for one in ours]))
    table.add_row(*row("our loading and preprocessing, once", [loading]))
    console.print(table)
    if len(reached) == len(ours):
        for what, extra in (("", 0.0), (", with our loading", loading)):
            ratios = [(mine + extra) / other for mine, (other, _) in zip(reached, example, strict=True)]
            console.print(
                f"ours to {GOAL:.0%} over the example's epoch{what}, run by run: median "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                highlight=False,
            )


if __name__ == "__main__":
    main()

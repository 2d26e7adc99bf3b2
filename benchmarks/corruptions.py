"""How models stand up to the fifteen corruptions of MNIST-C, side by side; read the test set last.

    python benchmarks/corruptions.py MODEL [MODEL …] [--data-dir FOLDER] [--data mnist] [--raw]

The corrupted test digits go the job's way: `preprocess`, then the network, whose best of ten digits counts.
The errors of each model are set against those of the last one. "rejected" is the share in which `preprocess`
finds no single digit, whatever the model: the job gives these no digit. `train/corruptions.py` has the
corruptions; they were written anew, so the figures are not those of the published files.
With --raw the networks get the corrupted pictures as they are. Try things out with --data synthetic.
"""

from __future__ import annotations

import argparse
import os
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from batch_classify.model import Model, load
from batch_classify.pool import cpu_count, worker_pool
from batch_classify.preprocess import VERSION, preprocess
from batch_classify.row import NO_DIGIT
from train.corruptions import CORRUPTIONS, corrupt
from train.data import Digits
from train.data import load as load_data

CLEAN = "clean"
BATCH = 256

Images = NDArray[np.uint8]
Flags = NDArray[np.bool_]


def given(name: str, images: Images, seed: int, *, raw: bool) -> tuple[Images, Flags]:
    """Corrupt pictures and prepare them; return what the network gets and which of it the job rejects."""
    pictures = images if name == CLEAN else corrupt(name, images, seed)
    prepared = [preprocess(picture) for picture in pictures]
    rejected = np.array([one.finding in NO_DIGIT for one in prepared])
    return pictures if raw else np.stack([one.image for one in prepared]), rejected


def mistakes(model: Model, images: Images, labels: NDArray[np.int64]) -> Flags:
    """Return which pictures the network takes for another digit."""
    parts = [model.logits(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
    return np.asarray(np.concatenate(parts).argmax(axis=1) != labels)


def measured(
    models: list[Model], digits: Digits, seed: int, *, raw: bool
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the names, the errors [names, models], these with what is rejected, and what is rejected."""
    names = [CLEAN, *CORRUPTIONS]
    errors, job_errors, shares = [], [], []
    work = partial(given, images=digits.images, seed=seed, raw=raw)
    with worker_pool(cpu_count()) as pool:
        for images, rejected in pool.map(work, names):
            wrong = [mistakes(model, images, digits.labels) for model in models]
            errors.append([one.mean() for one in wrong])
            job_errors.append([(one | rejected).mean() for one in wrong])
            shares.append(rejected.mean())
    return names, np.array(errors), np.array(job_errors), np.array(shares)


def row(name: str, errors: NDArray[np.float64], rejected: str) -> list[str]:
    """Write a row: each model's error, with its ratio to the last one's, and the share that is rejected."""
    ratios = [f" ({one / errors[-1]:.2f})" if errors[-1] else " (-)" for one in errors[:-1]]
    return [name, *(f"{one:.2%}{ratio}" for one, ratio in zip(errors, [*ratios, ""], strict=True)), rejected]


def main() -> None:
    """Corrupt the test digits once, ask each model, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's idx files; default: download them")
    parser.add_argument("--data", default="mnist", help="mnist (its test part), synthetic, or a folder")
    parser.add_argument("--first", type=int, metavar="N", help="only so many digits")
    parser.add_argument("--raw", action="store_true", help="leave out `preprocess`")
    parser.add_argument("--seed", type=int, default=0, help="of the corruptions")
    options = parser.parse_args()
    models = [load(folder, "cpu", preprocessing=VERSION) for folder in options.models]
    digits = load_data(options.data, options.data_dir, seed=1, test=True)
    digits = Digits(digits.images[: options.first], digits.labels[: options.first])
    names, errors, job_errors, rejected = measured(models, digits, options.seed, raw=options.raw)
    packages = ("numpy", "onnxruntime", "opencv-python")
    console = Console(width=max(100, 30 + 22 * len(models)))
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()},\n"
        + ", ".join(f"{package} {version(package)}" for package in packages)
        + f"\n{options.data}, {len(digits):,} digits, seed {options.seed}, preprocessing "
        + ("left out" if options.raw else f"version {VERSION}"),
        highlight=False,
    )
    table = Table(box=None)
    table.add_column("error (of the last model's)" if len(models) > 1 else "error")
    for folder in options.models:
        table.add_column(folder.resolve().name, justify="right")
    table.add_column("rejected", justify="right")
    for name, error, share in zip(names, errors, rejected, strict=True):
        table.add_row(*row(name, error, f"{share:.2%}"), end_section=name in (CLEAN, names[-1]))
    table.add_row(
        *row(f"mean of the {len(CORRUPTIONS)}", errors[1:].mean(axis=0), f"{rejected[1:].mean():.2%}")
    )
    table.add_row(*row("the same, what is rejected being wrong", job_errors[1:].mean(axis=0), ""))
    console.print(table)


if __name__ == "__main__":
    main()

"""How fast the job is, on scans that it draws for itself or on a folder of one's own.

    python benchmarks/speed.py [--files 5000] [--side 28] [--runs 5] [--model MODEL]
    python benchmarks/speed.py --scans FOLDER [--runs 5] [--model MODEL]

Prints the files a second of whole runs (with their reports; nothing is remembered), and of the steps alone
on one core: what a worker does (read, decode, preprocess) and the networks, whose time depends on how many of
the digits are easy.
Figures are medians over the runs, with the least and the greatest.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from batch_classify.classifier import Classifier
from batch_classify.decode import quiet
from batch_classify.job import AUTO, Neighbours, run
from batch_classify.pool import cpu_count
from batch_classify.prepare import prepare_all
from batch_classify.scan import Scan
from train.generator import batch


def draw(folder: Path, files: int, side: int) -> list[str]:
    """Write so many PNGs, each digit in turn dark on light, and return their names."""
    pictures, _ = batch(min(files, 1000), np.random.default_rng(0), side)
    names = [f"{number:06}.png" for number in range(files)]
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), 255 - pictures[number % len(pictures)])
    return names


def report(what: str, files: int, work: Callable[[], object], runs: int) -> None:
    """Time `work` and print how many files a second that is."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    rates = [files / one for one in seconds]
    median, each = statistics.median(rates), 1e6 / statistics.median(rates)
    print(f"{what:<42}{median:>9,.0f} files/s ({min(rates):,.0f} to {max(rates):,.0f}), {each:,.0f} µs each")


def main() -> None:
    """Draw scans, time the steps and the whole, and say on what."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--side", type=int, default=28, help="pixels")
    parser.add_argument("--scans", type=Path, metavar="FOLDER", help="measure on these instead")
    parser.add_argument("--model", type=Path, help="default: the one that comes along")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    packages = ("numpy", "onnxruntime", "opencv-python")
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()},"
    )
    print(", ".join(f"{package} {version(package)}" for package in packages))
    cv2.setNumThreads(1)
    classifier = Classifier.load(options.model, device="cpu")
    with TemporaryDirectory() as place:
        scans, results = options.scans or Path(place) / "scans", Path(place) / "results"
        if options.scans:
            names = list(Scan(scans))
            print(f"{len(names):,} scans of one's own, {options.runs} runs\n")
        else:
            scans.mkdir()
            names = draw(scans, options.files, options.side)
            print(f"{len(names):,} PNGs of {options.side}×{options.side}, {options.runs} runs\n")
        with quiet():
            pages = prepare_all(scans, names)
        images = np.array([page.image for page in pages if page.image is not None], np.uint8)
        chunks = np.array_split(images, -(-len(images) // 64))
        report(
            "read, decode, preprocess (one core)", len(names), lambda: prepare_all(scans, names), options.runs
        )
        report(
            "network (one core)",
            len(images),
            lambda: [classifier.model.logits(chunk) for chunk in chunks],
            options.runs,
        )
        report(
            f"whole job ({cpu_count()} workers)",
            len(names),
            lambda: run(Scan(scans), classifier, results, effort=AUTO, neighbours=Neighbours(fresh=True)),
            options.runs,
        )


if __name__ == "__main__":
    main()

"""What each step of preprocessing is worth and what it costs: errors and time without it.

    python benchmarks/steps.py [FOLDER] [--drawn 2000] [--model MODEL]

One step is taken away at a time. FOLDER holds sets, each with the subfolders 0 to 9, as for accuracy.py;
files whose name ends in an even number and the others are told apart. Without FOLDER only drawn scans are
read. A rejected digit is wrong. Times are milliseconds of CPU a scan of `preprocess` alone, on drawn scans of
28 and 200 px, each the median of five rounds in which the steps take turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from batch_classify.classifier import Classifier
from batch_classify.decode import DEFAULT_LIMITS, Grey, decode, quiet
from batch_classify.pool import cpu_count
from batch_classify.preprocess import long_way
from batch_classify.row import Reason
from batch_classify.scan import Scan
from train.generator import Style, draw_scan

Read = tuple[Grey, Reason | None]


def same(plane: Any, *_: object) -> Any:
    """Do nothing to a plane."""
    return plane


def one_level(coarse: Grey, shape: tuple[int, ...]) -> Grey:
    """Take the paper for evenly lit."""
    return np.full(shape[:2], int(np.median(coarse)), np.uint8)


STEPS: dict[str, dict[str, Callable[..., object] | float]] = {
    "(all steps)": {},
    "one paper across seams": {"preprocess.on_one_paper": same},
    "polarity": {"ink.light_on_dark": lambda coarse: False},
    "local brightness of the paper": {"ink.paper_plane": one_level},
    "faint rules": {"preprocess.without_faint_rules": same},
    "frames": {"preprocess.without_frames": same},
    "a frame's edge on the paper": {"ink._edge": lambda view: 0},
    "rules in the mask": {"strokes.without_rules": same},
    "second try, smoothed": {"preprocess.calmed": same},
    "near pieces of a digit": {"strokes.digit_of": lambda main, pieces: [main]},
    "other pieces than the likeliest": {"strokes._TRIED": 1},
    "whether it is writing": {"strokes.doubt_about": lambda *_: ""},
    "thin strokes thickened": {"preprocess._THIN": 0.0},
    "pale ink stretched": {"preprocess.contrasted": same},
}
"""What takes the place of which name in `batch_classify` to take a step away."""


def prepared(scans: list[Grey], step: str) -> list[Read]:
    """Preprocess scans the long way, without a step."""
    cv2.setNumThreads(1)
    with without(step):
        return [(one.image, one.finding) for one in (long_way(scan).prepared for scan in scans)]


def without(step: str) -> ExitStack:
    """Take a step away for as long as the context lasts."""
    stack = ExitStack()
    for name, stand_in in STEPS[step].items():
        stack.enter_context(patch(f"batch_classify.{name}", stand_in))
    return stack


def drawn(seed: int, side: int | None = None) -> tuple[int, Grey]:
    """Return a drawn digit and its scan, of the generator's sizes or so many px high and wide."""
    rng = np.random.default_rng([4, seed])
    style = Style.random(rng)
    if side:
        style = replace(style, height=side, width=side)
    picture = draw_scan(seed % 10, rng, style).picture
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return seed % 10, np.asarray(grey, np.uint8)


def labelled(folder: Path) -> list[tuple[int, Grey, str]]:
    """Return each readable page of the sets: its digit, its pixels, and the half that it belongs to."""
    scans = []
    with quiet():
        for place in sorted(path for path in folder.glob("*/[0-9]") if path.is_dir()):
            for file in Scan(place):
                half = "even half" if Path(file).stem[-1] in "02468" else "odd half"
                for page in decode((place / file).read_bytes(), DEFAULT_LIMITS):
                    if page.grey is not None:
                        scans.append((int(place.name), page.grey, half))
    return scans


def times(scans: list[Grey], rounds: int = 5) -> dict[str, float]:
    """Return the CPU milliseconds a scan without each step, the median of rounds in which they take turns."""
    seconds: dict[str, list[float]] = {step: [] for step in STEPS}
    for _ in range(rounds):
        for step in STEPS:
            start = time.process_time()
            prepared(scans, step)
            seconds[step].append(time.process_time() - start)
    return {step: 1000 * statistics.median(taken) / len(scans) for step, taken in seconds.items()}


def main() -> None:
    """Take away one step after the other, and print what that does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--drawn", type=int, default=2000, help="how many scans to draw")
    parser.add_argument("--model", "-m", type=Path)
    options = parser.parse_args()
    classifier = Classifier.load(options.model, "cpu")
    scans = [(*drawn(seed), "drawn") for seed in range(options.drawn)]
    scans += labelled(options.folder) if options.folder else []
    halves = list(dict.fromkeys(half for _, _, half in scans))
    small, large = (times([drawn(seed, side)[1] for seed in range(100)]) for side in (28, 200))
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "opencv-python", "onnxruntime"))
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {packages}")
    counts = {half: sum(one == half for _, _, one in scans) for half in halves}
    print("wrong of " + ", ".join(f"{count} {half}" for half, count in counts.items()))
    table = Table("without", *halves, "ms at 28 px", "ms at 200 px", box=None)
    chunks = [[grey for _, grey, _ in scans[start : start + 50]] for start in range(0, len(scans), 50)]
    with ProcessPoolExecutor(cpu_count(), get_context("spawn")) as pool:
        for step in STEPS:
            read = [one for part in pool.map(partial(prepared, step=step), chunks) for one in part]
            answers = classifier.predict_prepared(
                np.stack([image for image, _ in read]), [finding for _, finding in read]
            )
            wrong = dict.fromkeys(halves, 0)
            for (digit, _, half), answer in zip(scans, answers, strict=True):
                wrong[half] += answer.label != digit
            table.add_row(step, *map(str, wrong.values()), f"{small[step]:.2f}", f"{large[step]:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

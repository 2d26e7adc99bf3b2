"""How much a rerun over an unchanged folder costs, against the first run; both with their reports.

    python benchmarks/rerun.py [--files 8000] [--side 200] [--runs 3] [--model MODEL]

Runs the command itself, so that its start counts too. Each round has a results folder of its own: a first
run, then a rerun. Figures are medians over the rounds, with the least and the greatest; the aim for the ratio
is 0.1, the floor 0.25.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from race import spread

from train.generator import batch


def draw(folder: Path, files: int, side: int) -> None:
    """Write so many PNGs that all differ, each digit in turn dark on light."""
    pictures, _ = batch(min(files, 1000), np.random.default_rng(0), side)
    for number in range(files):
        picture = 255 - pictures[number % len(pictures)]
        picture[0, :8] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
        cv2.imwrite(str(folder / f"{number:06}.png"), picture)


def seconds_of(scans: Path, results: Path, model: Path | None) -> float:
    """Run the command, and return how long it took."""
    command = [sys.executable, "-m", "batch_classify", scans, "--out", results, "--device", "cpu", "--quiet"]
    command += ["--model", model] if model else []
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Draw scans, run in turn, compare the tables, and say on what."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=8000)
    parser.add_argument("--side", type=int, default=200, help="pixels")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", type=Path, help="default: the one that comes along")
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "onnxruntime", "opencv-python"))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {packages}")
    print(f"{options.files:,} PNGs of {options.side}×{options.side}, {options.runs} rounds\n")
    firsts, reruns, ratios = [], [], []
    with TemporaryDirectory() as place:
        (scans := Path(place) / "scans").mkdir()
        draw(scans, options.files, options.side)
        for number in range(options.runs):
            results = Path(place) / f"results-{number}"
            firsts.append(seconds_of(scans, results, options.model))
            reruns.append(seconds_of(scans, results, options.model))
            ratios.append(reruns[-1] / firsts[-1])
            tables = {path.read_bytes() for path in results.glob("2*/predictions.csv")}
            print(f"round {number + 1}: tables {'the same' if len(tables) == 1 else 'DIFFER'}")
        ledger = (results / "ledger.sqlite").stat().st_size / options.files / 1000
    print(f"first run   {spread(firsts)} s")
    print(f"rerun       {spread(reruns)} s")
    print(f"ratio       {spread(ratios)}")
    print(f"ledger      {ledger:.1f} kB a scan")


if __name__ == "__main__":
    main()

"""What the confidence of the model is worth on labelled scans: calibration, and what passes for each target.

    python benchmarks/confidence.py FOLDER [--model MODEL]

FOLDER holds sets, each with the subfolders 0 to 9, as for `accuracy.py`. For each target error that the model
was set for: how many digits nobody is asked to check, which share of these is wrong with its 95 % interval
(Wilson 1927), and which share of all mistakes a human would see. Rejected digits count as mistakes that are
seen. ECE is over 15 equally large groups of answers, and AURC the area under risk against coverage.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy import by_set, scored
from rich.console import Console
from rich.table import Table

from batch_classify.model import DEFAULT_MODEL, read_card
from batch_classify.row import Reason
from train.evaluation import Evaluation, measure


def read(folder: Path, model: Path | None) -> pd.DataFrame:
    """Classify a set, with the probabilities, and leave out what could not be read."""
    frame = scored(folder, model, probabilities=True)
    return frame[frame["status"] != "error"]


def measured(frame: pd.DataFrame, model: Path) -> Evaluation:
    """Measure the rows of a table at the operating points of the model."""
    card, _ = read_card(model)
    return measure(
        frame[[f"p{digit}" for digit in range(10)]].to_numpy(np.float64),
        frame["truth"].to_numpy(np.int64),
        card.review_below,
        frame["label"].notna().to_numpy(bool),
        (frame["reason"] != Reason.LOW_QUALITY).to_numpy(bool),
        card.operating_points,
    )


def row(name: str, found: Evaluation) -> list[str]:
    """Return a line of the table."""
    cells = [name, f"{found.count:,}", f"{found.accuracy:.2%}", f"{found.rejected:.2%}"]
    for point in found.operating_points.values():
        low, high = point.error_interval
        cells += [
            f"{point.accepted:.1%}",
            f"{point.error:.2%} ({low:.2%} to {high:.2%})",
            f"{point.caught:.0%}",
        ]
    return [*cells, f"{found.calibration_error:.2%}", f"{found.area_under_risk:.5f}"]


def main() -> None:
    """Measure the sets and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", "-m", type=Path, default=DEFAULT_MODEL)
    options = parser.parse_args()
    frames = by_set(options.folder, lambda place: read(place, options.model))
    targets = [
        heading
        for target in read_card(options.model)[0].operating_points
        for heading in (f"ok for {float(target):.1%}", "wrong", "caught")
    ]
    table = Table("set", "n", "right", "rejected", *targets, "ECE", "AURC", box=None)
    for name, frame in frames.items():
        table.add_row(*row(name, measured(frame, options.model)))
    Console(width=210).print(table)


if __name__ == "__main__":
    main()

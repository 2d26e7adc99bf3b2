"""How many labelled scans the job reads rightly, set by set.

    python benchmarks/accuracy.py FOLDER [--model MODEL]

FOLDER holds sets, each with the subfolders 0 to 9. What counts is the job's own output: every file counts,
and a rejected digit or an unreadable file is wrong. Files whose name ends in an even number and the others
are told apart, so that one half can serve for tuning and the other for an honest figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from batch_classify import classify_folder
from batch_classify.filename import from_cell
from batch_classify.job import AUTO

JUDGED = ("rejected", "to review", "wrong among ok")
"""The headings of what `judged` returns."""


def scored(folder: Path, model: Path | None, *, probabilities: bool = False) -> pd.DataFrame:
    """Classify a set and add the columns `truth`, `right` and `even` to its table."""
    frame = classify_folder(folder, model, effort=AUTO, probabilities=probabilities)
    paths = [Path(from_cell(cell)) for cell in frame["file"]]
    frame["truth"] = pd.Series([int(path.parts[0]) for path in paths], dtype="Int64")
    frame["right"] = (frame["label"] == frame["truth"]).fillna(False).astype(bool)
    frame["even"] = [path.stem[-1] in "02468" for path in paths]
    return frame


def by_set(folder: Path, read: Callable[[Path], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Read each set of a folder, in the order of their names, and put all together as the last one."""
    frames = {place.name: read(place) for place in sorted(folder.iterdir()) if place.is_dir()}
    if len(frames) > 1:
        frames["all"] = pd.concat(frames.values(), ignore_index=True)
    return frames


def share(part: pd.Series) -> str:
    """Write the share of true values in percent, or a dash where there are none."""
    return f"{part.mean():.1%}" if len(part) else "-"


def judged(frame: pd.DataFrame) -> tuple[str, str, str]:
    """Write what became of a scored set's scans, as the cells below `JUDGED`."""
    ok = frame[frame["status"] == "ok"]
    return (
        share(frame["status"] == "rejected"),
        share(frame["status"] == "review"),
        f"{(~ok['right']).sum():,} of {len(ok):,}",
    )


def main() -> None:
    """Score the sets and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", "-m", type=Path)
    options = parser.parse_args()
    frames = by_set(options.folder, lambda place: scored(place, options.model))
    table = Table("set", "n", "right", "even half", "odd half", *JUDGED, box=None)
    for name, frame in frames.items():
        table.add_row(
            name,
            str(len(frame)),
            share(frame["right"]),
            share(frame["right"][frame["even"]]),
            share(frame["right"][~frame["even"]]),
            *judged(frame),
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

"""What the job says of pictures that are no digit: how many it rejects, and how many digits it rejects too.

    python benchmarks/rejects.py [--scans FOLDER] [--model MODEL] [--count 200] [--seed 7007] [--keep FOLDER]
    python benchmarks/rejects.py [--scans FOLDER] --picture FILE

Nothing here trains, and no threshold is set on it: the pictures are drawn in other ways than the training's.
Once it had a part in a choice: its first run led to more and closer pairs in what the judge learns from, and
later figures are of other seeds (docs/experiments.md 23). "ok" is the share that gets a digit nobody has to
look at.
FOLDER holds sets, each with the subfolders 0 to 9; with it, blanks and empty cells are also real scans whose
digit was taken out, pairs are also real digits beside each other, and the digits are its scans; without it,
the digits are set in type. The letters are those of the system's fonts, so figures of different systems are
not those of the same letters. Letters that can be taken for a digit are told apart and count in no group.
AUROC is how often something that is no digit has a greater `reject_score` than a digit, ties counting half.
`--keep` leaves the pictures in a new folder; `--picture` writes examples of each kind instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from accuracy import share
from glyphs import families
from nondigits import BLANKS, CELLS, DIGITS, KINDS, OTHERS, PAIRS, Kind, examples, of_scans
from papers import image
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from batch_classify import classify_folder
from batch_classify.filename import from_cell
from batch_classify.job import AUTO
from train.statistics import area_under_roc, wilson

SEED = 7007  # of the first run
SCORE = "reject_score"
LARGEST_SHEET = 1_000_000  # bytes


def write(folder: Path, kinds: dict[str, Kind], count: int, seed: int) -> None:
    """Write pictures of each kind into a subfolder of its own."""
    for name, kind in kinds.items():
        (folder / name).mkdir(parents=True)
        for number, picture in enumerate(examples(name, kind, count, seed)):
            image(picture).save(folder / name / f"{number:04}.png")


def read(folder: Path, model: Path | None) -> pd.DataFrame:
    """Let the job read a folder, and add the column `kind`: the first folder of each file's path."""
    frame = classify_folder(folder, model, effort=AUTO, probabilities=True)
    frame["kind"] = [Path(from_cell(cell)).parts[0] for cell in frame["file"]]
    return frame


def figures(part: pd.DataFrame) -> list[str]:
    """Return how many there are, and what became of them."""
    caught = part["status"] == "rejected"
    low, high = wilson(int(caught.sum()), len(part)) if len(part) else (0.0, 1.0)
    shares = [share(part["status"] == status) for status in ("review", "ok")]
    return [f"{len(part):,}", share(caught), f"{low:.1%} to {high:.1%}", *shares]


def reasons(part: pd.DataFrame) -> str:
    """Return the reasons that were given, the most frequent first, and how often."""
    counts = part["reason"].replace("", pd.NA).dropna().value_counts()
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def separated(part: pd.DataFrame, digits: pd.DataFrame) -> str:
    """Return the AUROC against the digits, or a dash where there are no scores."""
    others, ours = (scores[SCORE].dropna().to_numpy() for scores in (part, digits))
    area = area_under_roc(others, ours)
    return "-" if np.isnan(area) else f"{area:.4f}"


def by_kind(frame: pd.DataFrame) -> Table:
    """Return the table of the kinds, in the order of the frame's groups."""
    table = Table("kind", "n", "caught", "95 %", "to review", "ok", "reasons", box=None)
    for _, group in frame.groupby("group", sort=False):
        for name, part in group.groupby("kind", sort=False):
            table.add_row(str(name), *figures(part), reasons(part))
    return table


def by_group(frame: pd.DataFrame) -> Table:
    """Return the table of the groups, each against the digits."""
    table = Table("group", "n", "caught", "95 %", "to review", "ok", "AUROC", box=None)
    digits = frame[frame["group"] == DIGITS]
    groups = {name: [name] for name in (BLANKS, CELLS, PAIRS, *OTHERS)} | {
        f"the last {len(OTHERS)}": [*OTHERS]
    }
    table.add_row(DIGITS, *figures(digits), "")
    for name, members in groups.items():
        part = frame[frame["group"].isin(members)]
        table.add_row(name, *figures(part), separated(part, digits))
    return table


def measured(options: argparse.Namespace, kinds: dict[str, Kind], folder: Path) -> pd.DataFrame:
    """Draw the kinds into a folder and return what the job says of them, and of the real digits."""
    write(folder, kinds, options.count, options.seed)
    frame = read(folder, options.model)
    groups = list(dict.fromkeys(kind.group for kind in kinds.values()))
    frame["group"] = frame["kind"].map({name: kind.group for name, kind in kinds.items()})
    if options.scans:
        real = read(options.scans, options.model)
        frame = pd.concat([real.assign(group=DIGITS), frame], ignore_index=True)
    order = {name: number for number, name in enumerate([DIGITS, *groups])}
    return frame.sort_values("group", key=lambda column: column.map(order), kind="stable")


def sheet(kinds: dict[str, Kind], seed: int, side: int, columns: int = 6, across: int = 3) -> Image.Image:
    """Return examples of each kind, its name above them."""
    rows, line = -(-len(kinds) // across), side + 18
    page = Image.new("RGB", (across * columns * (side + 4), rows * line), (214, 224, 240))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for place, (name, kind) in enumerate(kinds.items()):
        left, top = place // rows * columns * (side + 4), place % rows * line
        draw.text((left, top), name, "black", font)
        for column, picture in enumerate(examples(name, kind, columns, seed)):
            shown = image(picture)
            scale = side / max(shown.size)
            page.paste(
                shown.resize((round(shown.width * scale), round(shown.height * scale))),
                (left + column * (side + 4), top + 14),
            )
    return page.quantize(256)


def show(file: Path, kinds: dict[str, Kind], seed: int) -> None:
    """Write the examples, as large as the file may be."""
    for side in (84, 76, 68, 60, 52, 44):
        sheet(kinds, seed, side).save(file, "PNG", optimize=True)
        if file.stat().st_size <= LARGEST_SHEET:
            return


def main() -> None:
    """Draw the pictures, let the job read them and print the tables, or write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scans", type=Path, metavar="FOLDER")
    parser.add_argument("--model", "-m", type=Path)
    parser.add_argument("--count", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--picture", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    kinds = KINDS
    if options.scans:
        kinds = {name: kind for name, kind in KINDS.items() if kind.group != DIGITS}
        kinds |= of_scans(options.scans, options.seed)
    if options.picture:
        show(options.picture, kinds, options.seed)
        return
    if options.keep and options.keep.exists():
        parser.error(f"{options.keep} is there already; --keep takes a new folder")
    with TemporaryDirectory() as place:
        frame = measured(options, kinds, options.keep or Path(place))
    console = Console(width=150)
    fonts = sum(map(len, families().values()))
    console.print(f"seed {options.seed}, {fonts} fonts of {len(families())} families\n", highlight=False)
    console.print(by_kind(frame))
    console.print(by_group(frame))


if __name__ == "__main__":
    main()

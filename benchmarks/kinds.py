"""How well the job reads each kind of scan, on drawn ones that anybody can draw again.

    python benchmarks/kinds.py [--count 200] [--model MODEL] [--picture FILE]

The hands are the generator's, so this tells kinds of paper, pens and cameras apart, not people: for those
take benchmarks/accuracy.py and a folder of real scans. `--picture` writes six examples of each kind instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from accuracy import JUDGED, judged, scored, share
from PIL import Image
from rich.console import Console
from rich.table import Table

from train.generator import Pen, Style, draw_scan
from train.paper import Rng
from train.samples import Look, bits, colour, grey, image_of, save, see_through, sideways, turned

SEED = 4004  # of no training and no tuning

FINE, BALL = Pen("ball", 0.035, 0.8), Pen("ball", 0.06)
PENCIL, CHALK, FELT = Pen("pencil", 0.05, 0.55), Pen("pencil", 0.08, 0.9), Pen("felt", 0.12, pressure=0.05)


def shrunk(image: Image.Image) -> Image.Image:
    """Return the image reduced to 28×28, with all that was around the digit."""
    return image.convert("L").resize((28, 28), Image.Resampling.BOX)


def upside(image: Image.Image) -> Image.Image:
    """Return the image light on dark."""
    return Image.fromarray(255 - np.asarray(image.convert("L")))


KINDS = {
    "form cell": Look("{}.png", grey, Style(180, 240, pen=BALL, fill=0.6, drift=0.6, grain=0.01)),
    "form cell, framed": Look("{}.png", grey, Style(180, 240, pen=BALL, fill=0.6, drift=0.4, frame=0.9,
        grain=0.01)),
    "form cell, thick frame": Look("{}.png", grey, Style(72, 72, pen=BALL, fill=0.55, drift=0.4, frame=1.0,
        blur=0.02)),
    "bank form": Look("{}.jpg", colour, Style(44, 28, True, "blue", BALL, fill=0.75, frame=0.3, quality=70)),
    "exam box": Look("{}.png", shrunk, Style(140, 140, pen=FINE, fill=0.55, drift=0.7, specks=2)),
    "pen, 32 px": Look("{}.jpg", grey, Style(32, 32, pen=FINE, fill=0.75, quality=75)),
    "phone": Look("{}.jpg", colour, Style(480, 360, True, "blue", BALL, fill=0.4, shadow=0.45, tone=0.85)),
    "phone, squared": Look("{}.webp", sideways, Style(480, 360, True, "grey", PENCIL, fill=0.4, shadow=0.3,
        ruling="squared"), {"exif": turned(6)}),
    "mouse": Look("{}.png", grey, Style(280, 280, pen=FELT, fill=0.6, drift=0.8, tone=1.0, grain=0.0)),
    "mouse, light on dark": Look("{}.png", upside, Style(28, 28, pen=FELT, fill=0.75, tone=1.0, grain=0.0)),
    "canvas": Look("{}.png", see_through, Style(200, 200, pen=BALL, fill=0.6, tone=1.0, grain=0.0)),
    "two-valued, thin": Look("{}.tif", bits, Style(900, 900, pen=Pen("ball", 0.02, pressure=0.3), fill=0.5)),
    "blackboard": Look("{}.jpg", grey, Style(300, 400, pen=CHALK, fill=0.5, grain=0.04, shadow=0.3,
        inverted=True)),
    "envelope": Look("{}.png", colour, Style(90, 120, True, "black", BALL, fill=0.6, tone=0.62, grain=0.05,
        noise=0.03)),
}  # fmt: skip


def draw(look: Look, digit: int, rng: Rng) -> Image.Image:
    """Draw one scan of a kind, in a hand of its own."""
    return look.store(image_of(draw_scan(digit, rng, look.style).picture))


def examples(name: str, count: int) -> Iterator[tuple[int, Image.Image]]:
    """Yield digits and their scans, the same for the same kind."""
    for number in range(count):
        yield (
            number % 10,
            draw(KINDS[name], number % 10, np.random.default_rng([SEED, *name.encode(), number])),
        )


def write(folder: Path, name: str, count: int) -> None:
    """Write scans of a kind into a folder with the subfolders 0 to 9."""
    for number, (digit, image) in enumerate(examples(name, count)):
        look = KINDS[name]
        save([image], folder / str(digit) / look.path.format(f"{number:04}"), look.options)


def sheet(names: list[str], columns: int = 6, side: int = 84) -> np.ndarray:
    """Return a row of examples for each kind, its name below, uint8 [h, w, 3] blue-green-red."""
    rows = []
    for name in names:
        row = np.full((side + 22, columns * (side + 8), 3), 255, np.uint8)
        for column, (_, image) in enumerate(examples(name, columns)):
            shown = Image.new("RGB", image.size, (214, 224, 240))
            shown.paste(image.convert("RGB"), mask=image.getchannel("A") if image.mode == "RGBA" else None)
            shown.thumbnail((side, side))
            left = column * (side + 8)
            row[: shown.height, left : left + shown.width] = np.asarray(shown)[..., ::-1]
        cv2.putText(row, name, (0, side + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1, cv2.LINE_AA)
        rows.append(row)
    return np.vstack(rows)


def main() -> None:
    """Score the kinds and print a table, or write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--model", "-m", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture:
        names = list(KINDS)
        half = -(-len(names) // 2)
        cv2.imwrite(str(options.picture), np.hstack([sheet(names[:half]), sheet(names[half:])]))
        return
    table = Table("kind", "n", "right", *JUDGED, box=None)
    for name in KINDS:
        with TemporaryDirectory() as folder:
            write(Path(folder), name, options.count)
            frame = scored(Path(folder), options.model)
        table.add_row(name, str(len(frame)), share(frame["right"]), *judged(frame))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

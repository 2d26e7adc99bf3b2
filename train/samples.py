"""The sample folder: some sixty scans to try the job on, and the table of what they show.

`python -m train.samples digits` draws the folder again. `LOOKS` says what each scan looks like and how it is
stored; the seed says which digit it shows and in whose hand. Each scan has random numbers of its own, so a
change to one row leaves the other scans as they are.
"""

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from train.generator import Pen, Scan, Style, draw_blank, draw_pair, draw_scan
from train.paper import Picture, Rng

SEED = 8
"""What the folder `digits/` of this project is drawn with."""


def grey(image: Image.Image) -> Image.Image:
    """Return the image in 8 bits of grey."""
    return image.convert("L")


def deep(image: Image.Image) -> Image.Image:
    """Return the image in 16 bits of grey."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def bits(image: Image.Image) -> Image.Image:
    """Return the image in black and white, as a fax has it."""
    return image.convert("L").convert("1", dither=Image.Dither.NONE)


def palette(image: Image.Image) -> Image.Image:
    """Return the image in sixteen colours of its own."""
    return image.quantize(16)


def colour(image: Image.Image) -> Image.Image:
    """Return the image in red, green and blue."""
    return image.convert("RGB")


def sideways(image: Image.Image) -> Image.Image:
    """Return the image lying on its left side, as a phone held upright stores it."""
    return image.convert("RGB").transpose(Image.Transpose.ROTATE_90)


def see_through(image: Image.Image) -> Image.Image:
    """Return black ink on nothing, as a drawing canvas exports it: only the alpha channel has the shape."""
    tones = np.asarray(image.convert("L")).astype(float)
    alpha = 255 * (tones.max() - tones) / np.ptp(tones)
    canvas = Image.new("RGBA", image.size)
    canvas.putalpha(Image.fromarray(np.rint(alpha).astype(np.uint8)))
    return canvas


@dataclass(frozen=True)
class Look:
    """A row of the table: where a scan goes, how it is stored, its style, and what it shows.

    The ending of `path` says the format, `store` the pixels and `options` what else Pillow is told; ``{}``
    stands for a number. `digits` is how many digits each page shows. `remark` says what is odd, if anything.
    """

    path: str
    store: Callable[[Image.Image], Image.Image]
    style: Style
    options: Mapping[str, Any] = field(default_factory=dict)
    digits: tuple[int, ...] = (1,)
    remark: str = ""


def turned(orientation: int) -> bytes:
    """Return the EXIF that says how to turn a picture: 1 is not at all, 6 a quarter to the right."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


BALL, FINE, BROKEN = Pen("ball", 0.06), Pen("ball", 0.04, pressure=0.3), Pen("ball", 0.065, 0.9, skips=True)
PENCIL, SOFT = Pen("pencil", 0.07, 0.8, 0.3), Pen("pencil", 0.09, 0.65, 0.2)
FELT, MARKER = Pen("felt", 0.1, pressure=0.05), Pen("felt", 0.15, pressure=0.05)

ODD = (
    Look("archive/box-{}.tif", grey, Style(110, 90, pen=BALL, noise=0.01), {"compression": "tiff_lzw"},
         (1, 1), "two pages, a digit on each"),
    Look("forms/cell-{}.png", grey, Style(90, 84, frame=0.7, grain=0.015, specks=3), digits=(0,),
         remark="blank: nobody has written on it"),
    Look("forms/cell-{}.png", grey, Style(80, 120, pen=BALL, frame=0.6, fill=0.8), digits=(2,),
         remark="two digits side by side"),
)  # fmt: skip
"""What there is one of; none but the first has a label."""

LOOKS = (
    # Cells cut out of forms by a flatbed scanner.
    Look("forms/cell-{}.png", grey, Style(96, 88, pen=BALL, frame=0.7, fill=0.65)),
    Look("forms/cell-{}.png", grey, Style(72, 72, pen=FINE, frame=0.4, fill=0.6, noise=0.01)),
    Look("forms/cell-{}.png", bits, Style(120, 100, pen=FELT, frame=0.9, fill=0.6, grain=0.01)),
    Look("forms/cell-{}.png", palette, Style(100, 100, True, "blue", BALL, ruling="squared", fill=0.6)),
    Look("forms/cell-{}.tif", bits, Style(200, 160, pen=BALL, fill=0.6), {"compression": "group4"}),
    Look("forms/cell-{}.tif", grey, Style(88, 64, pen=PENCIL, ruling="ruled"), {"compression": "tiff_lzw"}),
    Look("forms/cell-{}.jpg", grey, Style(140, 130, pen=BROKEN, frame=0.8, tone=0.85, fill=0.6),
         {"quality": 70}),
    Look("forms/cell-{}.gif", palette, Style(64, 64, True, "red", FELT, grain=0.01)),
    # Photographs with a phone: shadows, colour, an unsteady hand.
    Look("phone/img-{}.jpg", colour, Style(400, 300, True, "blue", BALL, shadow=0.45, tone=0.88, noise=0.02,
         fill=0.5, drift=0.4), {"quality": 75}),
    Look("phone/img-{}.jpg", colour, Style(300, 400, True, "black", MARKER, shadow=0.3, tone=0.92, blur=0.01,
         fill=0.6), {"quality": 60}),
    Look("phone/img-{}.jpg", sideways, Style(320, 240, True, "green", FELT, shadow=0.25, ruling="squared"),
         {"quality": 80, "exif": turned(6)},
         remark="stored lying on its side; the EXIF orientation says so"),
    Look("phone/img-{}.webp", colour, Style(260, 240, True, "grey", PENCIL, shadow=0.35, grain=0.04),
         {"quality": 80}),
    Look("phone/img-{}.webp", colour, Style(180, 200, True, "red", BALL, ruling="ruled", shadow=0.2),
         {"quality": 85}),
    Look("phone/img-{}.png", see_through, Style(150, 150, pen=FELT, tone=1.0, grain=0.0),
         remark="transparent: the ink is in the alpha channel alone, like a drawing canvas's export"),
    # An archive: old paper, deep greys, negatives.
    Look("archive/box-{}.tif", deep, Style(100, 90, pen=PENCIL, tone=0.8, grain=0.03),
         {"compression": "tiff_adobe_deflate"}),
    Look("archive/box-{}.png", deep, Style(90, 90, pen=BALL, tone=0.9, noise=0.01)),
    Look("archive/box-{}.pgm", deep, Style(72, 60, pen=FELT, tone=0.85)),
    Look("archive/box-{}.pgm", grey, Style(100, 80, pen=SOFT, grain=0.03, specks=4)),
    Look("archive/box-{}.png", grey, Style(110, 110, pen=BALL, inverted=True, noise=0.01)),
    Look("archive/box-{}.jpg", colour, Style(180, 150, True, "blue", FELT, tone=0.85, shadow=0.2,
         inverted=True), {"quality": 80}),
    Look("archive/box-{}.bmp", grey, Style(80, 64, pen=PENCIL, tone=0.88, ruling="ruled", drift=0.5)),
    # Whatever else turns up.
    Look("scan-{}.png", grey, Style(28, 28, pen=FELT, fill=0.75, inverted=True, grain=0.01)),
    Look("scan-{}.png", grey, Style(28, 28, pen=FELT, fill=0.75)),
    Look("scan-{}.png", colour, Style(64, 80, True, "green", BALL, drift=0.6)),
    Look("scan-{}.bmp", colour, Style(48, 48, True, "blue", FELT, fill=0.8)),
    Look("scan-{}.bmp", bits, Style(72, 72, pen=MARKER, inverted=True)),
    Look("scan-{}.gif", grey, Style(90, 70, pen=BALL, blur=0.015, fill=0.75)),
    Look("scan-{}.jpeg", grey, Style(350, 350, pen=FINE, fill=0.35, drift=0.8, shadow=0.2), {"quality": 85}),
    Look("scan-{}.webp", grey, Style(56, 56, pen=BALL, fill=0.85), {"lossless": True}),
)  # fmt: skip
"""What there are two of."""

README = """# Sample scans

{count} files to try `batch-classify` on. They are synthetic: this project's own generator
(`train/generator.py`) drew them, and this command draws them again, byte for byte with the same versions of
NumPy, OpenCV and Pillow:

    python -m train.samples digits --seed {seed}

`labels.csv` says what each shows: a row for each file, or for each page of a file with several, and no label
where there is no single digit to read.

Odd ones among them:

{odd}
"""


def write_samples(folder: Path, seed: int) -> None:
    """Draw the scans into `folder`, with their `labels.csv` and a `README.md`.

    The same seed writes the same bytes, with the same versions of NumPy, OpenCV and Pillow. Files of the same
    names are replaced, and no others are touched.
    """
    looks = [*ODD, *LOOKS, *LOOKS]
    deck = _deck(np.random.default_rng(seed))
    rows: list[tuple[str, int | None, int | None]] = []
    remarks: list[str] = []
    for number, look in enumerate(looks, start=1):
        rng = np.random.default_rng([seed, number])
        scans = [_draw(count, deck, rng, look.style) for count in look.digits]
        file = look.path.format(f"{number:03}")
        save([look.store(image_of(scan.picture)) for scan in scans], folder / file, look.options)
        pages = [None] if len(scans) == 1 else range(1, len(scans) + 1)
        rows += [(file, page, scan.label) for page, scan in zip(pages, scans, strict=True)]
        remarks += [f"- `{file}`: {look.remark}"] * bool(look.remark)
    rows.sort(key=lambda row: row[0])
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["file", "page", "label"])
        table.writerows(rows)
    readme = README.format(count=len(looks), seed=seed, odd="\n".join(sorted(remarks)))
    (folder / "README.md").write_text(readme, encoding="utf-8")


def _deck(rng: Rng) -> Iterator[int]:
    """Yield digits for ever, so that each comes once in every ten."""
    while True:
        yield from rng.permutation(10).tolist()


def _draw(count: int, deck: Iterator[int], rng: Rng, style: Style) -> Scan:
    match count:
        case 0:
            return draw_blank(rng, style)
        case 1:
            return draw_scan(next(deck), rng, style)
        case _:
            return draw_pair((next(deck), next(deck)), rng, style)


def image_of(picture: Picture) -> Image.Image:
    """Return a picture as Pillow has it: uint8 [h, w] grey, or [h, w, 3] blue-green-red."""
    return Image.fromarray(picture if picture.ndim == 2 else picture[..., ::-1])


def save(pages: Sequence[Image.Image], path: Path, options: Mapping[str, Any]) -> None:
    """Write the pages into one file, whose folder is made if need be. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = pages
    if others:
        options = {**options, "save_all": True, "append_images": others}
    first.save(path, **options)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m train.samples", description="Draw the sample scans.")
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument("--seed", type=int, default=SEED, help="which ones to draw (default: %(default)s)")
    options = parser.parse_args()
    write_samples(options.folder, options.seed)


if __name__ == "__main__":
    main()

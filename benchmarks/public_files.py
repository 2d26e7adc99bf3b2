"""The test parts of MNIST and USPS as files in a folder: what the job says of them, in either polarity.

    python benchmarks/public_files.py [--data-dir FOLDER] [--model MODEL]

Each digit is saved as a PNG, ink bright as the sets have it and once more ink dark, and the job reads the
folder. `batch-classify-train evaluate` reads the same digits without files; the two should agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from accuracy import JUDGED, judged, scored
from rich.console import Console
from rich.table import Table

from train import public
from train.public import Images, Labels


def write(folder: Path, images: Images, labels: Labels) -> None:
    """Write pictures uint8 [N, h, w] as PNGs into the subfolders 0 to 9."""
    for digit in range(10):
        (folder / str(digit)).mkdir()
    for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        cv2.imwrite(str(folder / str(label) / f"{number:05}.png"), image)


def main() -> None:
    """Score the sets and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--model", "-m", type=Path)
    options = parser.parse_args()
    table = Table("files", "n", "right", *JUDGED, box=None)
    for name, load in (("mnist", public.mnist), ("usps", public.usps)):
        images, labels = load(options.data_dir, test=True)
        for polarity, shown in (("ink bright", images), ("ink dark", 255 - images)):
            with TemporaryDirectory() as folder:
                write(Path(folder), shown, labels)
                frame = scored(Path(folder), options.model)
            right = f"{frame['right'].mean():.2%}"
            table.add_row(f"{name}, {polarity}", f"{len(frame):,}", right, *judged(frame))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

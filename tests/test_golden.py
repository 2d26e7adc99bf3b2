"""Twenty scans whose 28×28 is pinned: what `preprocess` makes of them may change only with its VERSION.

`golden.npz` holds the scans as well, so that the generator that drew them may change freely.
`python -m tests.test_golden` writes it anew, with the same scans, after VERSION has risen.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_classify.preprocess import VERSION, preprocess
from train.generator import Style, draw_scan

FILE = Path(__file__).parent / "golden.npz"
COUNT = 20
LARGEST = 120  # px; keeps the file small
ROUNDING = 2  # levels by which another version of OpenCV may round


def draw() -> list[np.ndarray]:
    """Draw scans of every kind, uint8 [h, w], with fixed seeds."""
    scans: list[np.ndarray] = []
    seed = 0
    while len(scans) < COUNT:
        rng = np.random.default_rng([2026, seed])
        style, seed = Style.random(rng), seed + 1
        if max(style.height, style.width) <= LARGEST:
            picture = draw_scan(len(scans) % 10, rng, style).picture
            scans.append(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    return scans


@pytest.mark.parametrize("number", range(COUNT))
def test_the_picture_changes_only_with_the_version(number: int) -> None:
    """A model is bound to the version that it was trained with, so another 28×28 needs another version."""
    golden = np.load(FILE)
    assert golden["version"] == VERSION, "VERSION rose: run `python -m tests.test_golden` and train anew"
    image = preprocess(golden[f"scan-{number}"]).image
    difference = cv2.absdiff(image, golden["images"][number]).max()
    assert difference <= ROUNDING, (
        f"preprocess gives another 28×28 than version {VERSION} did. If that is meant, raise VERSION in "
        "batch_classify/preprocess.py, run `python -m tests.test_golden`, and train the shipped model again."
    )


def main() -> None:
    """Write the file: its scans if there is one, else new ones, with what `preprocess` makes of them now."""
    if FILE.exists():
        golden = np.load(FILE)
        scans = [golden[f"scan-{number}"] for number in range(COUNT)]
    else:
        scans = draw()
    images = np.stack([preprocess(scan).image for scan in scans])
    named = {f"scan-{number}": scan for number, scan in enumerate(scans)}
    np.savez_compressed(FILE, allow_pickle=False, version=np.int64(VERSION), images=images, **named)


if __name__ == "__main__":
    main()

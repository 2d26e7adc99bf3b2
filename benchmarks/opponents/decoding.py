"""Read and decode every second file of a folder with OpenCV and do nothing with it: what no job can beat.

    python benchmarks/opponents/decoding.py FOLDER PART

PART is 0 or 1; two processes share the files.
"""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np


def main() -> None:
    """Decode to grey at full size, on one thread."""
    cv2.setNumThreads(1)
    files = sorted(file.path for folder in os.scandir(sys.argv[1]) for file in os.scandir(folder))
    for name in files[int(sys.argv[2]) :: 2]:
        with open(name, "rb") as file:  # noqa: PTH123 - the fastest way
            cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)


if __name__ == "__main__":
    main()

"""Hostile pictures: small files of every format, damaged at random, each known by its number.

    python tests/hostile.py [--inputs 100000] [--first 0] [--workers 2]

Puts that many through a worker's steps (decode, preprocess, thumbnail) and prints what became of them, the
slowest, and the most memory that a worker took. Ends with 1 if any crashed a worker, raised, or ran into the
limits on time and memory.
"""

from __future__ import annotations

import argparse
import io
import itertools
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from batch_classify.decode import decode
from batch_classify.pool import Beat, each, in_order
from batch_classify.preprocess import preprocess
from batch_classify.report.card import thumbnail

Rng = np.random.Generator

_CHUNK = 200
_COUNTS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@dataclass(frozen=True)
class Fate:
    """What became of an input: a reason, `read`, or what should not have been."""

    number: int
    word: str
    seconds: float = 0.0
    megabytes: float = 0.0


@cache
def sound() -> tuple[bytes, ...]:
    """Return small sound files: every format and compression, several pages, depths and layouts."""
    grey = np.add.outer(np.arange(40) * 5, np.arange(24)).astype(np.uint8)
    grey[::3, ::5] = 250
    plain = Image.fromarray(grey)
    colour, alpha, bits = plain.convert("RGB"), plain.convert("RGBA"), plain.convert("1")
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    pages = {"save_all": True, "append_images": [plain, plain]}
    exif = Image.Exif()
    exif[0x0112] = 6
    ways: list[tuple[Image.Image, str, dict[str, object]]] = [
        *((image, "PNG", {}) for image in (plain, colour, alpha, bits, deep, plain.convert("P"))),
        (alpha.convert("LA"), "PNG", {"exif": exif}),
        *((image, "JPEG", {}) for image in (plain, colour, plain.convert("CMYK"))),
        (colour, "JPEG", {"progressive": True, "exif": exif}),
        *(
            (plain, "TIFF", {"compression": name})
            for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
        ),
        *((bits, "TIFF", {"compression": name}) for name in ("group3", "group4")),
        *((image, "TIFF", {}) for image in (deep, alpha, plain.convert("CMYK"))),
        (colour, "TIFF", {"compression": "jpeg"}),
        (plain, "TIFF", {"big_tiff": True}),
        (plain, "TIFF", pages),
        *((image, "BMP", {}) for image in (plain, colour, bits, plain.convert("P"))),
        *((image, "WEBP", {}) for image in (colour, alpha)),
        (colour, "WEBP", {"lossless": True, "exif": exif}),
        (plain, "GIF", {}),
        (plain, "GIF", pages),
        *((image, "PPM", {}) for image in (plain, colour, bits)),
    ]
    files = [b"P2 3 2 15\n0 5 9 # no more\n15 1 2\n", b"P1 4 1\n0101\n", b"P3 1 1 255\n1 2 3\n"]
    for image, format_, options in ways:
        stream = io.BytesIO()
        image.save(stream, format_, **options)
        files.append(stream.getvalue())
    return tuple(files)


def hostile(number: int) -> bytes:
    """Return the input of this number: a sound file with one to eight wounds."""
    rng = np.random.default_rng(number)
    data = bytearray(sound()[int(rng.integers(len(sound())))])
    for _ in range(int(rng.integers(1, 9))):
        if data:
            _WOUNDS[int(rng.integers(len(_WOUNDS)))](data, rng)
    if rng.random() < 0.5 and data[:4] == b"\x89PNG":
        _mend_checksums(data)
    return bytes(data)


def _place(data: bytearray, rng: Rng) -> int:
    """Choose a place, half of the time near the start, where headers are."""
    return int(rng.integers(min(len(data), 64) if rng.random() < 0.5 else len(data)))


def _flip(data: bytearray, rng: Rng) -> None:
    data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _rubbish(data: bytearray, rng: Rng) -> None:
    at = _place(data, rng)
    data[at : at + 8] = rng.bytes(int(rng.integers(1, 9)))


def _count(data: bytearray, rng: Rng) -> None:
    """Write a telling number, of two or four bytes in either order."""
    at, value = _place(data, rng), _COUNTS[int(rng.integers(len(_COUNTS)))]
    layout = ["<H", ">H", "<I", ">I"][int(rng.integers(4))]
    number = struct.pack(layout, value & (0xFFFF if layout[1] == "H" else 0xFFFFFFFF))
    data[at : at + len(number)] = number


def _cut(data: bytearray, rng: Rng) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: Rng) -> None:
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 64))]


def _repeat(data: bytearray, rng: Rng) -> None:
    at, length = _place(data, rng), int(rng.integers(1, 256))
    data[at:at] = data[at : at + length] * int(rng.integers(1, 20))


def _splice(data: bytearray, rng: Rng) -> None:
    """Put a piece of another file in."""
    other = sound()[int(rng.integers(len(sound())))]
    start, at = int(rng.integers(len(other))), _place(data, rng)
    data[at : at + int(rng.integers(64))] = other[start : start + int(rng.integers(1, 200))]


_WOUNDS = [_flip, _flip, _rubbish, _count, _count, _cut, _remove, _repeat, _splice]


def _mend_checksums(data: bytearray) -> None:
    """Give the chunks of a PNG their right checksums, so that a decoder goes on to what they hold."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4


def fates(numbers: Sequence[int], beat: Beat = lambda: None) -> list[Fate]:
    """Do a worker's steps on each input, and say what became of it."""
    results = []
    for number in each(numbers, beat):
        data = hostile(number)
        start = time.perf_counter()
        try:
            words = set()
            for page in decode(data):
                words.add(page.reason or "read")
                if page.grey is not None:
                    assert preprocess(page.grey).image.shape == (28, 28)
                    assert thumbnail(page.grey).nbytes <= 128 * 128
            word = "read" if words == {"read"} else str(min(words - {"read"}))
        except Exception as error:  # that is what this looks for
            word = f"RAISED {type(error).__name__}: {error}"
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results.append(Fate(number, word, seconds, memory))
    return results


def crashed(number: int) -> Fate:
    """Stand in for an input that took its worker down, or that took too long."""
    return Fate(number, "CRASHED")


def main() -> int:
    """Run, and print what became of the inputs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.inputs)
    chunks = (numbers[at : at + _CHUNK] for at in range(0, len(numbers), _CHUNK))
    start = time.perf_counter()
    found = list(itertools.chain.from_iterable(in_order(fates, chunks, options.workers, crashed)))
    print(f"{len(found):,} inputs from {len(sound())} sound files in {time.perf_counter() - start:,.0f} s")
    for word, count in Counter(fate.word for fate in found).most_common():
        print(f"{count:>9,}  {word}")
    slowest = max(found, key=lambda fate: fate.seconds)
    print(f"slowest: input {slowest.number}, {slowest.seconds:.2f} s")
    print(f"most memory of a worker: {max(fate.megabytes for fate in found):,.0f} MiB")
    wrong = [fate for fate in found if fate.word.isupper() or fate.word.startswith("RAISED")]
    for fate in wrong[:20]:
        print(f"input {fate.number}: {fate.word}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

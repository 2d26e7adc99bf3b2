"""What a file says of its pictures before they are decoded: format, size, where its pages lie.

Knows the layouts of file formats, and the values of PNM, which are laid out and no more. Does not
know compression, colour or limits. Every reader here raises ValueError, IndexError or struct.error
on bytes that break its format.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Formats are named as Pillow names its plugins. "BM" and "P1" also begin ordinary text, so for these two
# the bytes that follow must fit as well.
_SIGNATURE = re.compile(
    rb"(?P<Png>\x89PNG\r\n\x1a\n)"
    rb"|(?P<Jpeg>\xff\xd8\xff)"
    rb"|(?P<Tiff>II[*+]\0|MM\0[*+])"
    rb"|(?P<WebP>RIFF....WEBP)"
    rb"|(?P<Gif>GIF8[79]a)"
    rb"|(?P<Bmp>BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0)"
    rb"|(?P<Ppm>P[1-6](?:\s|#[^\n]*\n)+\d)",
    re.DOTALL,
)
_PNM_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*(\d+)")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_JPEG_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
_PNG_GREY, _PNG_COLOUR, _PNG_PALETTE = 0, 2, 3


class Header(NamedTuple):
    """A picture's size in pixels as stored, and whether it is plain: no alpha, no CMYK."""

    width: int
    height: int
    plain: bool


@dataclass(frozen=True, slots=True)
class PnmHeader:
    """A PBM, PGM or PPM: its kind 1-6, its size, its brightest value, where its pixels begin."""

    kind: int
    width: int
    height: int
    peak: int
    start: int


def format_of(data: bytes) -> str | None:
    """Name the format of `data` by its content; `None` for one this tool does not read."""
    match = _SIGNATURE.match(data)
    return match.lastgroup if match else None


def png(data: bytes) -> Header:
    """Read the header of a PNG.

    A colour key (tRNS outside a palette) does not count as alpha: it marks one shade as absent,
    and that shade is what the pixels hold anyway.
    """
    name, width, height, colour = struct.unpack_from(">4sIIxB", data, 12)
    if name != b"IHDR":
        raise ValueError("no PNG header")
    opaque_palette = colour == _PNG_PALETTE and data.find(b"tRNS", 33, data.find(b"IDAT", 33)) < 0
    return Header(width, height, colour in (_PNG_GREY, _PNG_COLOUR) or opaque_palette)


def png_check(data: bytes) -> None:
    """Raise struct.error or ValueError where the chunks of a PNG do not lead to its end.

    OpenCV believes a chunk's length before it looks for the bytes: one wrong byte in it costs up to
    2 GiB of memory and seconds.
    """
    at = 8
    name = b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
    if at > len(data):
        raise ValueError("its end is cut short")


def jpeg(data: bytes) -> Header:
    """Read the frame header of a JPEG, walking the segments before it."""
    at = 2
    while True:
        at = data.index(0xFF, at)
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width, components = struct.unpack_from(">HHB", data, at + 5)
            return Header(width, height, components in (1, 3))
        if marker in (_JPEG_SCAN, _JPEG_END):
            raise ValueError("no JPEG frame header")
        if marker == 0xFF:  # padding before a marker
            at += 1
        elif marker in _JPEG_WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])


def webp(data: bytes) -> Header:
    """Read the canvas size of a WebP in any of its three layouts."""
    layout = data[12:16]
    if layout == b"VP8X":
        wide, high = data[24:27], data[27:30]
        return Header(int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1, False)
    if layout == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, False)
    if layout == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(width & 0x3FFF, height & 0x3FFF, False)
    raise ValueError("no WebP header")


def pnm(data: bytes) -> PnmHeader:
    """Read the header of a PBM, PGM or PPM; the peak of a PBM is 1."""
    kind = int(data[1:2])
    numbers: list[int] = []
    at = 2
    for _ in range(2 if kind in (1, 4) else 3):
        match = _PNM_NUMBER.match(data, at)
        if match is None:
            raise ValueError("no PNM header")
        numbers.append(int(match[1]))
        at = match.end()
    width, height, peak = (*numbers, 1)[:3]
    if not 0 < peak <= 0xFFFF:
        raise ValueError(f"a brightest value of {peak}")
    return PnmHeader(kind, width, height, peak, at + 1)


def pnm_values(head: PnmHeader, data: bytes) -> NDArray[np.integer]:
    """Read the values of a PNM, 0 (black) to `head.peak`: [height, width], of a PPM [height, width, 3]."""
    shape = (head.height, head.width, 3) if head.kind in (3, 6) else (head.height, head.width)
    values: NDArray[np.integer]
    if head.kind == 4:
        stride = (head.width + 7) // 8
        rows = np.frombuffer(data, np.uint8, stride * head.height, head.start)
        values = np.unpackbits(rows.reshape(head.height, stride), axis=1, count=head.width)
    elif head.kind > 4:
        values = np.frombuffer(data, ">u2" if head.peak > 0xFF else np.uint8, math.prod(shape), head.start)
    else:
        text = re.sub(rb"#[^\n]*", b"", data[head.start - 1 :])
        digits = re.split(rb"[^\d\s]", text, maxsplit=1)[0].strip()
        if head.kind == 1:  # one digit a pixel, with or without space between
            values = np.frombuffer(b"".join(digits.split()), np.uint8) - ord("0")
        else:
            values = np.fromstring(digits, np.int64, sep=" ")
        values = values[: math.prod(shape)]
    values = values.reshape(shape)
    if values.min() < 0 or values.max() > head.peak:
        raise ValueError(f"a value above {head.peak}")
    return 1 - values if head.kind in (1, 4) else values


def tiff_pages(data: bytes, most: int) -> list[int]:
    """List where the directories of a TIFF's pages lie, at most `most` of them.

    A chain that turns back on itself ends there. A page that lies outside the file is listed, so
    that its loss is seen.
    """
    pointer = _tiff_layout(data)[2]
    pages: list[int] = []
    at = pointer.size
    try:
        while len(pages) < most:
            (page,) = pointer.unpack_from(data, at)
            if page == 0 or page in pages:
                break
            pages.append(page)
            at = _tiff_directory_end(data, page)
    except (struct.error, OverflowError):
        pass  # the last page listed lies outside the file, or the next is cut off
    return pages


def tiff_check(data: bytes) -> None:
    """Raise ValueError where the first directory is cut short.

    Readers make do with what is left of one, and guess at the tags that are lost.
    """
    pointer = _tiff_layout(data)[2]
    if _tiff_directory_end(data, *pointer.unpack_from(data, pointer.size)) > len(data):
        raise ValueError("its directory is cut short")


def tiff_from(data: bytes, page: int) -> bytes:
    """Return the TIFF with its header pointing at the directory `page`, as if it came first.

    So a reader sees each page by itself, whatever the state of those before it.
    """
    pointer = _tiff_layout(data)[2]
    return data[: pointer.size] + pointer.pack(page) + data[2 * pointer.size :]


def _tiff_directory_end(data: bytes, page: int) -> int:
    count, entry, _ = _tiff_layout(data)
    (entries,) = count.unpack_from(data, page)
    return int(page + count.size + entries * entry)


def _tiff_layout(data: bytes) -> tuple[struct.Struct, int, struct.Struct]:
    """Return how a TIFF counts entries, the bytes of an entry, and how it points.

    The pointer to the first directory lies as far into the file as it is wide.
    """
    order = "<" if data[:2] == b"II" else ">"
    if 43 in data[2:4]:  # a BigTIFF
        return struct.Struct(order + "Q"), 20, struct.Struct(order + "Q")
    return struct.Struct(order + "H"), 12, struct.Struct(order + "I")

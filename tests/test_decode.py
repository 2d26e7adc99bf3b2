"""Bytes to grey pixels: every format right, every kind of damage named, nothing printed."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops

from batch_classify import header
from batch_classify.compiled import CHANGED
from batch_classify.decode import (
    DEFAULT_LIMITS,
    Grey,
    Limits,
    Page,
    decode,
    eight_bits,
    on_background,
    quiet,
    read,
    read_some,
)
from batch_classify.row import Reason

# Not symmetric in any way, with noise so that no format packs it to nothing.
SHADES: Grey = np.add.outer(np.arange(40) * 5, np.arange(24)).astype(np.uint8)
SHADES[::3, ::5] = 250
BITS: Grey = np.where(SHADES > 110, 255, 0).astype(np.uint8)
DEEP: NDArray[np.uint16] = SHADES.astype(np.uint16) * 257


def saved(pixels: NDArray[Any] | Image.Image, name: str, **options: Any) -> bytes:
    """Save pixels (or a Pillow image) to bytes in a format."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def pages_of(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[Page]:
    """Decode a file as a run does, with the libraries kept quiet."""
    with quiet():
        return list(decode(data, limits))


def only(data: bytes, **limits: int) -> Page:
    """Decode a file of one page."""
    (page,) = pages_of(data, Limits(**limits))
    assert page.number is None
    return page


def grey(data: bytes) -> Grey:
    """Decode a file of one good page to its pixels."""
    page = only(data)
    assert page.grey is not None, page.detail
    assert (page.height, page.width) == page.grey.shape
    assert page.grey.dtype == np.uint8
    assert page.grey.flags.c_contiguous
    assert page.grey.flags.writeable
    return page.grey


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """Write a PNG by hand, for the kinds that Pillow does not write."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(width: int, height: int, bits: int, photometric: int, raw: bytes, order: str = "<") -> bytes:
    """Write a TIFF of one uncompressed grey strip by hand."""
    tags = {256: width, 257: height, 258: bits, 262: photometric, 273: 8, 277: 1, 278: height, 279: len(raw)}
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(raw))
    return start + raw + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def pages_tiff(count: int, **options: Any) -> bytes:
    """Write a TIFF whose page n (from 1) is flat with the value 10 n."""
    first, *others = [Image.fromarray(np.full_like(SHADES, 10 * n)) for n in range(1, count + 1)]
    return saved(first, "TIFF", save_all=True, append_images=others, **options)


def plain_pnm(kind: str, values: NDArray[Any], peak: str = "") -> bytes:
    """Write a PNM in decimal digits, with a comment in the head."""
    digits = b" ".join(b"%d" % value for value in values.ravel())
    return f"{kind}\n# by hand\n{values.shape[1]} {values.shape[0]}\n{peak}\n".encode() + digits + b"\n"


def raw_pnm(values: NDArray[Any], peak: int) -> bytes:
    """Write a binary PGM."""
    return b"P5 %d %d %d\n" % (values.shape[1], values.shape[0], peak) + values.tobytes()


PALETTE = Image.fromarray(SHADES).convert("P")
EXACT = {
    "png": saved(SHADES, "PNG"),
    "png of a palette": saved(PALETTE, "PNG"),
    "png of opaque colour and alpha": saved(Image.fromarray(SHADES).convert("RGBA"), "PNG"),
    "png of 16 bits": saved(DEEP, "PNG"),
    "bmp": saved(SHADES, "BMP"),
    "bmp of colour": saved(Image.fromarray(SHADES).convert("RGB"), "BMP"),
    "gif": saved(SHADES, "GIF"),
    "webp": saved(Image.fromarray(SHADES).convert("RGB"), "WEBP", lossless=True),
    "tiff": saved(SHADES, "TIFF"),
    "tiff lzw": saved(SHADES, "TIFF", compression="tiff_lzw"),
    "tiff deflate": saved(SHADES, "TIFF", compression="tiff_adobe_deflate"),
    "tiff packbits": saved(SHADES, "TIFF", compression="packbits"),
    "tiff of 16 bits": saved(DEEP, "TIFF"),
    "tiff of 16 bits, lzw": saved(DEEP, "TIFF", compression="tiff_lzw"),
    "big tiff": saved(SHADES, "TIFF", big_tiff=True),
    "tiff of 16 big-endian bits": tiff(24, 40, 16, 1, DEEP.astype(">u2").tobytes(), ">"),
    "tiff of 16 bits, white is zero": tiff(24, 40, 16, 0, (0xFFFF - DEEP).tobytes()),
    "tiff of 8 bits, white is zero": tiff(24, 40, 8, 0, (255 - SHADES).tobytes()),
    "pgm": saved(SHADES, "PPM"),
    "ppm": saved(Image.fromarray(SHADES).convert("RGB"), "PPM"),
    "pgm of 16 bits": raw_pnm(DEEP.astype(">u2"), 65535),
    "plain pgm": plain_pnm("P2", SHADES, "255"),
    "plain ppm": plain_pnm("P3", SHADES.repeat(3, 1), "255").replace(b"\n72 40\n", b"\n24 40\n"),
}
EXACT_BITS = {
    "png": saved(Image.fromarray(BITS).convert("1"), "PNG"),
    "bmp": saved(Image.fromarray(BITS).convert("1"), "BMP"),
    "tiff g4": saved(Image.fromarray(BITS).convert("1"), "TIFF", compression="group4"),
    "tiff, white is zero": tiff(24, 40, 1, 0, np.packbits(BITS == 0, axis=1).tobytes()),
    "pbm": saved(Image.fromarray(BITS).convert("1"), "PPM"),
    "plain pbm": plain_pnm("P1", (BITS == 0).astype(int)),
    "plain pbm without spaces": plain_pnm("P1", (BITS == 0).astype(int))
    .replace(b"0 ", b"0")
    .replace(b"1 ", b"1"),
}
LOSSY = {
    "jpeg": saved(SHADES, "JPEG", quality=95),
    "progressive jpeg": saved(SHADES, "JPEG", quality=95, progressive=True),
    "jpeg of colour": saved(Image.fromarray(SHADES).convert("RGB"), "JPEG", quality=95),
    "webp": saved(Image.fromarray(SHADES).convert("RGB"), "WEBP", quality=95),
    "tiff jpeg": saved(SHADES, "TIFF", compression="jpeg", quality=95),
}
FILES = EXACT | {f"1-bit {name}": data for name, data in EXACT_BITS.items()} | LOSSY


@pytest.fixture(autouse=True)
def _nothing_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Every test here, good file or bad, must leave the terminal alone."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", EXACT)
def test_lossless_formats_give_the_shades_back(name: str) -> None:
    """What was saved is what comes out, to the last pixel."""
    np.testing.assert_array_equal(grey(EXACT[name]), SHADES)


@pytest.mark.parametrize("name", EXACT_BITS)
def test_one_bit_formats_give_black_and_white(name: str) -> None:
    """Ink is 0 and paper 255, whichever way round the format stores them."""
    np.testing.assert_array_equal(grey(EXACT_BITS[name]), BITS)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_come_close(name: str) -> None:
    """Lossy formats give the shades back but for their noise."""
    assert np.abs(grey(LOSSY[name]).astype(int) - SHADES).mean() < 6


@pytest.mark.parametrize("name", FILES)
def test_rubbish_after_a_whole_picture_is_ignored(name: str) -> None:
    """A complete picture reads the same whatever follows it."""
    np.testing.assert_array_equal(grey(FILES[name] + b"\nrubbish 12 " * 9), grey(FILES[name]))


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_unreadable(name: str, part: float) -> None:
    """No format passes off half a picture as a whole one."""
    page = only(FILES[name][: int(len(FILES[name]) * part)])
    assert page.reason is Reason.UNREADABLE
    assert page.grey is None
    assert "damaged or cut short" in page.detail


@pytest.mark.parametrize(
    ("name", "mode"),
    [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA"), ("WEBP", "RGB"), ("TIFF", "L"), ("TIFF", "I;16")],
)
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (0, 0)),
        (2, (0, -1)),
        (3, (-1, -1)),
        (4, (-1, 0)),
        (5, (0, 0)),
        (6, (0, -1)),
        (7, (-1, -1)),
        (8, (-1, 0)),
    ],
)
def test_orientation_is_undone(name: str, mode: str, orientation: int, corner: tuple[int, int]) -> None:
    """The stored first pixel lands in its corner, and 5 to 8 swap the sides."""
    stored = np.full((32, 16), 240, np.uint8)
    stored[:8, :8] = 0
    picture = Image.fromarray(stored.astype(np.uint16) * 257 if mode == "I;16" else stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = grey(saved(picture if mode == "I;16" else picture.convert(mode), name, exif=exif))
    assert pixels.shape == ((32, 16) if orientation < 5 else (16, 32))
    dark = {at for at in [(0, 0), (0, -1), (-1, 0), (-1, -1)] if pixels[at] < 60}
    assert dark == {corner}


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((319, 200), (319, 200)),
        ((638, 400), (638, 400)),
        ((640, 401), (320, 201)),
        ((1300, 900), (325, 225)),
        ((2001, 3000), (251, 375)),
        ((2000, 2000), (500, 500)),
        ((1299, 1300), (1299, 1300)),
    ],
)
def test_a_large_jpeg_comes_reduced(
    size: tuple[int, int], reduced: tuple[int, int], orientation: int
) -> None:
    """It looks the same, upright, and its size is still the file's; unless that would not be clear."""
    width, height = size
    stored = np.full((height, width), 230, np.uint8)
    stored[: height // 2, : width // 3] = 40
    exif = Image.Exif()
    exif[0x0112] = orientation
    page = only(saved(stored, "JPEG", quality=95, exif=exif))
    assert page.grey is not None
    turned = orientation == 6
    assert (page.width, page.height) == (size[::-1] if turned else size)
    assert page.grey.shape == (reduced if turned else reduced[::-1])
    upright = np.rot90(stored, {1: 0, 3: 2, 6: 3}[orientation])
    small = cv2.resize(np.ascontiguousarray(upright), page.grey.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(page.grey.astype(int) - small).mean() < 1


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg_is_inverted_only_where_adobe_says(adobe: bool) -> None:
    """The same dark ink on light paper comes out of both kinds."""
    ink = Image.new("CMYK", (32, 32), (0, 0, 0, 20))
    ink.paste((0, 0, 0, 230), (0, 0, 16, 32))
    data = saved(ink if adobe else ImageChops.invert(ink), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    if not adobe:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]
    pixels = grey(data)
    assert (abs(int(pixels[16, 4]) - 25), abs(int(pixels[16, 28]) - 235)) <= (3, 3)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(png(4, 1, 2, 0, b"\0\x1b"), [0, 85, 170, 255], id="2-bit png"),
        pytest.param(png(2, 1, 4, 0, b"\0\x0f"), [0, 255], id="4-bit png"),
        pytest.param(png(2, 1, 16, 0, struct.pack(">x2H", 0, 4095)), [0, 255], id="12 bits in 16, png"),
        pytest.param(png(1, 1, 16, 2, struct.pack(">x3H", 4080, 4080, 4080)), [255], id="12 bits, rgb png"),
        pytest.param(png(2, 1, 8, 4, b"\0\x10\xff\xf0\xff"), [16, 240], id="opaque grey and alpha"),
        pytest.param(png(2, 1, 8, 0, b"\0\x10\xf0", (b"tRNS", b"\0\x10")), [16, 240], id="colour key"),
        pytest.param(
            png(3, 1, 8, 3, b"\0\0\1\2", (b"PLTE", b"\xff\0\0\0\xff\0\0\0\xff")), [76, 149, 29], id="palette"
        ),
        pytest.param(
            png(4, 1, 8, 3, b"\0\0\1\0\0", (b"PLTE", b"\0\0\0\0\0\0"), (b"tRNS", b"\0\xff")),
            [255, 0, 255, 255],
            id="palette whose paper is transparent",
        ),
        pytest.param(tiff(2, 1, 16, 1, struct.pack("<2H", 0, 4095)), [0, 255], id="12 bits in 16, tiff"),
        pytest.param(
            tiff(2, 1, 16, 1, struct.pack(">2H", 16, 4095), ">"), [1, 255], id="12 bits, big-endian"
        ),
        pytest.param(tiff(2, 1, 16, 0, struct.pack("<2H", 0, 4095)), [255, 0], id="12 bits, white is zero"),
        pytest.param(tiff(2, 1, 4, 1, b"\x0f"), [0, 255], id="4-bit tiff"),
        pytest.param(b"P5 3 1 15\n\x00\x07\x0f", [0, 119, 255], id="pgm to 15"),
        pytest.param(b"P5 3 1 4095\n\0\0\x08\x00\x0f\xff", [0, 128, 255], id="pgm to 4095"),
        pytest.param(b"P5 2 1 65535\n\0\x10\x0f\xff", [1, 255], id="12 bits in a pgm to 65535"),
        pytest.param(b"P6 1 1 255\n\xff\0\0", [76], id="red ppm"),
        pytest.param(b"P4 3 1\n\x40", [255, 0, 255], id="pbm with a rest of bits"),
        pytest.param(b"P2 2 1 # a comment\n15\n0 # and here\n15", [0, 255], id="pgm with comments"),
    ],
)
def test_depths_and_palettes(data: bytes, expected: list[int]) -> None:
    """Small files written by hand give the pixels worked out by hand."""
    assert grey(data).tolist() == [expected]


def test_the_first_picture_of_an_animation_is_read() -> None:
    """A GIF of several frames is a file of one page, its first."""
    flat = Image.new("L", (24, 40))
    data = saved(SHADES, "GIF", save_all=True, append_images=[flat])
    np.testing.assert_array_equal(grey(data), SHADES)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.EMPTY_FILE, id="empty"),
        pytest.param(b"a digit, in words", Reason.UNSUPPORTED, id="text"),
        pytest.param(b"BM is how a bitmap starts", Reason.UNSUPPORTED, id="text like a bmp"),
        pytest.param(b"P2 is how a greymap starts", Reason.UNSUPPORTED, id="text like a pgm"),
        pytest.param(b"%PDF-1.7 ...", Reason.UNSUPPORTED, id="pdf"),
        pytest.param(b"\x89PNG\r\n\x1a\n", Reason.UNREADABLE, id="png signature alone"),
        pytest.param(b"\xff\xd8\xff", Reason.UNREADABLE, id="jpeg signature alone"),
        pytest.param(b"II*\0", Reason.UNREADABLE, id="tiff signature alone"),
        pytest.param(b"RIFF\0\0\0\0WEBPVP9 ", Reason.UNREADABLE, id="webp of no known layout"),
        pytest.param(b"P5 2 2 0\n\0\0\0\0", Reason.UNREADABLE, id="pgm to 0"),
        pytest.param(b"P2 2 1 15 0 16", Reason.UNREADABLE, id="pgm above its peak"),
        pytest.param(b"P2 3 1 255 0 x 9", Reason.UNREADABLE, id="pgm with a word in it"),
        pytest.param(png(0, 4, 8, 0, b""), Reason.UNREADABLE, id="png of no width"),
        pytest.param(png(4, 4, 8, 0, b"\0\0"), Reason.UNREADABLE, id="png with too few rows"),
        pytest.param(png(4, 1, 8, 0, b"\x09\0\0\0\0"), Reason.UNREADABLE, id="png with a wrong filter"),
        pytest.param(EXACT["png"].replace(b"IDAT", b"IDAX"), Reason.UNREADABLE, id="png without pixels"),
        pytest.param(
            EXACT["png"].replace(b"\0IEND", b"\xff\0\0\0IEND"),
            Reason.UNREADABLE,
            id="png with a chunk astray",
        ),
        pytest.param(
            tiff(24, 40, 8, 1, SHADES.tobytes()).replace(
                struct.pack("<HHII", 257, 4, 1, 40), struct.pack("<HHII", 257, 4, 1, 80)
            ),
            Reason.UNREADABLE,
            id="tiff with half its strips",
        ),
        pytest.param(png(2**31 - 1, 2**31 - 1, 8, 0, b"\0"), Reason.TOO_LARGE, id="png of 2^62 pixels"),
        pytest.param(png(65535, 65535, 8, 6, b"\0"), Reason.TOO_LARGE, id="rgba png of 65535"),
        pytest.param(tiff(65535, 65535, 8, 1, b"\0"), Reason.TOO_LARGE, id="tiff of 65535"),
        pytest.param(b"P5 65535 65535 255\n", Reason.TOO_LARGE, id="pgm of 65535"),
        pytest.param(b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\xff" * 6, Reason.TOO_LARGE, id="webp of 2^24"),
    ],
)
def test_bad_content_gets_its_reason(data: bytes, reason: Reason) -> None:
    """Every kind of bad content is a page with its reason, never an exception."""
    page = only(data)
    assert page.reason is reason
    assert page.grey is None
    assert page.detail


@pytest.mark.parametrize(
    ("data", "layout"),
    [(LOSSY["jpeg"], ">HH"), (LOSSY["jpeg of colour"], ">HH"), (EXACT["gif"], "<HH"), (EXACT["bmp"], "<ii")],
)
def test_a_huge_size_in_a_header_is_too_large(data: bytes, layout: str) -> None:
    """A good file whose header alone is changed to 65535 x 65535 is not decoded."""
    sides = (40, 24) if layout == ">HH" else (24, 40)
    page = only(data.replace(struct.pack(layout, *sides), struct.pack(layout, 65535, 65535), 1))
    assert (page.reason, page.width, page.height) == (Reason.TOO_LARGE, 65535, 65535)


@pytest.mark.parametrize("name", FILES)
def test_limits_hold_for_every_format(name: str) -> None:
    """A page of exactly the limit is read, one pixel more is not; so with bytes."""
    data = FILES[name]
    assert only(data, pixels=960, bytes=len(data)).reason is None
    over = only(data, pixels=959)
    assert (over.reason, over.width, over.height) == (Reason.TOO_LARGE, 24, 40)
    assert only(data, bytes=len(data) - 1).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_each_page_of_a_tiff_is_a_page(options: dict[str, Any]) -> None:
    """Pages come in order, numbered from 1."""
    pages = pages_of(pages_tiff(3, **options))
    assert [(page.number, page.grey is not None and page.grey.max()) for page in pages] == [
        (1, 10),
        (2, 20),
        (3, 30),
    ]


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_broken_page_leaves_the_others(broken: int) -> None:
    """A page without a width is reported by its number, and the others are read."""
    data = bytearray(pages_tiff(3))
    at = header.tiff_pages(bytes(data), 9)[broken - 1] + 2
    assert data[at : at + 2] == b"\0\1"
    data[at : at + 2] = b"\1\0"
    pages = pages_of(bytes(data))
    assert [page.number for page in pages] == [1, 2, 3]
    assert [page.reason for page in pages if page.number == broken] == [Reason.UNREADABLE]
    assert [int(page.grey[0, 0]) for page in pages if page.grey is not None] == [
        10 * n for n in (1, 2, 3) if n != broken
    ]


def test_pages_in_a_ring_are_read_once() -> None:
    """A last page that points back at the first ends the file."""
    data = pages_tiff(2)
    first, second = header.tiff_pages(data, 9)
    entries = int.from_bytes(data[second : second + 2], "little")
    end = second + 2 + 12 * entries
    ring = data[:end] + struct.pack("<I", first) + data[end + 4 :]
    assert [page.number for page in pages_of(ring)] == [1, 2]


def test_a_page_outside_the_file_is_told() -> None:
    """A page that the file points to and does not hold is a page that could not be read."""
    data = pages_tiff(2)
    second = struct.pack("<I", header.tiff_pages(data, 9)[1])
    pages = pages_of(data.replace(second, b"\xff\xff\xff\0"))
    assert [(page.number, page.reason) for page in pages] == [(1, None), (2, Reason.UNREADABLE)]


def test_pages_over_the_limit_are_told() -> None:
    """The pages within the limit are read, and one row says that there are more."""
    *read_pages, last = pages_of(pages_tiff(4), Limits(pages=2))
    assert [page.reason for page in read_pages] == [None, None]
    assert (last.number, last.reason) == (3, Reason.TOO_LARGE)


def test_pages_come_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is not touched before it is asked for."""
    touched: list[int] = []

    def tiff_from(data: bytes, page: int) -> bytes:
        touched.append(page)
        return data

    monkeypatch.setattr(header, "tiff_from", tiff_from)
    pages = decode(pages_tiff(3))
    assert next(pages).number == 1
    assert len(touched) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255], [0, 255]),
        ([0, 256], [0, 16]),
        ([15, 4095], [0, 255]),
        ([0, 4096], [0, 16]),
        ([1, 65535], [0, 255]),
    ],
)
def test_eight_bits_takes_the_least_depth(values: list[int], expected: list[int]) -> None:
    """The brightest value decides between 8, 12 and 16 bits."""
    assert eight_bits(np.array(values, np.uint16)).tolist() == expected


def ink_on(paper_alpha: int, ink_alpha: int, paper: int, ink: int) -> tuple[Grey, Grey]:
    """Draw a stroke of ink: its grey and its alpha."""
    shade, alpha = np.full((20, 20), paper, np.uint8), np.full((20, 20), paper_alpha, np.uint8)
    shade[4:16, 9:12], alpha[4:16, 9:12] = ink, ink_alpha
    return shade, alpha


@pytest.mark.parametrize(
    ("picture", "paper", "ink"),
    [
        pytest.param(ink_on(0, 255, 0, 0), 255, 0, id="black all over, ink in the alpha"),
        pytest.param(ink_on(0, 255, 255, 255), 0, 255, id="white all over, ink in the alpha"),
        pytest.param(ink_on(0, 255, 255, 20), 255, 20, id="dark ink, paper transparent white"),
        pytest.param(ink_on(0, 128, 0, 0), 255, 127, id="half transparent ink"),
        pytest.param(ink_on(255, 255, 200, 30), 200, 30, id="opaque"),
        pytest.param(ink_on(255, 0, 200, 0), 200, 200, id="a hole in paper is paper"),
        pytest.param(ink_on(0, 0, 0, 0), 255, 255, id="nothing opaque is blank"),
    ],
)
def test_ink_is_visible_on_its_background(picture: tuple[Grey, Grey], paper: int, ink: int) -> None:
    """Wherever the ink is kept, it stands out of the background."""
    pixels = on_background(*picture)
    assert (pixels[0, 0], pixels[10, 10]) == (paper, ink)


def test_transparent_corners_take_the_colour_of_the_paper() -> None:
    """A turned scan keeps its paper and ink, and its corners become paper."""
    shade, alpha = ink_on(255, 255, 180, 40)
    shade[:3, :3], alpha[:3, :3] = 0, 0
    pixels = on_background(shade, alpha)
    assert (pixels[0, 0], pixels[19, 19], pixels[10, 10]) == (180, 180, 40)


def test_canvas_export_shows_its_ink() -> None:
    """From the file: black RGB everywhere, the digit in the alpha alone."""
    canvas = np.zeros((*SHADES.shape, 4), np.uint8)
    canvas[10:30, 10:14, 3] = 255
    assert (grey(saved(canvas, "PNG"))[0, 0], grey(saved(canvas, "PNG"))[20, 12]) == (255, 0)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=4)
)
def test_damage_is_a_reason_never_an_exception(name: str, wounds: list[tuple[float, bytes]]) -> None:
    """Whatever bytes are overwritten, each page is read or has a reason."""
    data = bytearray(FILES[name])
    for place, wound in wounds:
        at = int(place * len(data))
        data[at : at + len(wound)] = wound
    pages = pages_of(bytes(data), Limits(pixels=10**6, pages=9))
    assert pages
    for page in pages:
        assert (page.grey is None) == (page.reason is not None) == bool(page.detail)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"GIF89a", b"P3 "]),
    st.binary(),
)
def test_rubbish_after_a_signature_is_a_reason(start: bytes, rest: bytes) -> None:
    """Random bytes are never a picture, and never an exception."""
    assert all(page.reason for page in pages_of(start + rest, Limits(pixels=10**6, pages=9)))


def test_read_gives_bytes_and_their_hash(tmp_path: Path) -> None:
    """A regular file comes back whole, with the SHA-256 of it."""
    data = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(data)
    contents = read(tmp_path / "a")
    assert (contents.data, contents.problem) == (data, None)
    assert contents.sha256 == hashlib.sha256(data).hexdigest()


def test_read_hashes_what_is_too_large(tmp_path: Path) -> None:
    """A file over the limit is hashed, not kept; a file of the limit is kept."""
    (tmp_path / "a").write_bytes(b"12345678")
    contents = read(tmp_path / "a", Limits(bytes=7))
    assert contents.data is None
    assert contents.sha256 == hashlib.sha256(b"12345678").hexdigest()
    assert contents.problem is not None
    assert contents.problem.reason is Reason.TOO_LARGE
    assert read(tmp_path / "a", Limits(bytes=8)).data == b"12345678"


def make_socket(path: Path) -> None:
    """Leave a socket at `path`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda path: None, Reason.VANISHED, id="nothing"),
        pytest.param(lambda path: path.parent.joinpath("x").symlink_to("y"), Reason.VANISHED, id="dangling"),
        pytest.param(lambda path: path.touch(), Reason.EMPTY_FILE, id="empty"),
        pytest.param(os.mkfifo, Reason.UNSUPPORTED, id="pipe that nobody writes"),
        pytest.param(Path.mkdir, Reason.UNSUPPORTED, id="folder"),
        pytest.param(make_socket, Reason.UNSUPPORTED, id="socket"),
        pytest.param(lambda path: path.symlink_to(path.name), Reason.UNREADABLE, id="link to itself"),
    ],
)
def test_read_says_why_not(
    make: Any, reason: Reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever took the file's place is named, and none of it hangs."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    make(Path("x").absolute() if make is not make_socket else Path("x"))
    contents = read("x")
    assert contents.data is None
    assert contents.problem is not None
    assert contents.problem.reason is reason


def test_files_are_read_together_as_one_by_one(tmp_path: Path) -> None:
    """Small and large ones, odd ones and those that are none have the same contents, in their order."""
    for name, size in (("small", 10), ("limit", 1000), ("large", 1001), ("empty", 0), ("last", 500)):
        (tmp_path / name).write_bytes(bytes(size))
    os.mkfifo(tmp_path / "pipe")
    paths = [str(tmp_path / name) for name in ("small", "none", "large", "pipe", "limit", "empty", "last")]
    limits = Limits(bytes=1000)
    found = list(read_some(paths, limits))
    assert found == [read(path, limits) for path in paths]
    assert [contents.data is not None for contents in found] == [True, False, False, False, True, False, True]
    assert list(read_some([])) == []


def test_what_changes_while_it_is_read_with_others_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read once more in the hope that it is quiet by then."""
    monkeypatch.setattr("batch_classify.decode.read_small", lambda *_: (b"", [[CHANGED, 0, 0, 0, 0]]))
    (contents,) = read_some(["x"])
    assert contents.problem is not None
    assert (contents.problem.reason, contents.sha256) == (Reason.BEING_WRITTEN, "")


def test_read_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal by the system is `permission_denied`; root is refused nothing, so it is staged."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    problem = read("x").problem
    monkeypatch.undo()
    assert problem is not None
    assert problem.reason is Reason.PERMISSION_DENIED


def test_quiet_silences_the_libraries_and_not_python(tmp_path: Path) -> None:
    """A JPEG cut and closed makes libjpeg complain; only what Python writes gets through."""
    data = saved(SHADES, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) - 200] + b"\xff\xd9")
    script = """if True:
        import sys
        from batch_classify.decode import decode, quiet, read
        data = read(sys.argv[1]).data
        list(decode(data))
        print("before", file=sys.stderr)
        with quiet():
            list(decode(data))
            print("within", file=sys.stderr)
        print("after", file=sys.stderr)
    """
    command = [sys.executable, "-c", script, str(tmp_path / "cut.jpg")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    assert "Corrupt JPEG data" in printed[0]
    assert printed[-3:] == ["before", "within", "after"]
    assert len(printed) == 4


def test_colour_becomes_luminance_alike_in_every_decoder() -> None:
    """A colour picture has the luminance of ITU-R 601, whichever library reads it."""
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    expected = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY).astype(int)
    for name in ("PNG", "BMP", "PPM", "TIFF"):
        assert np.abs(grey(saved(colours, name)) - expected).max() <= 1

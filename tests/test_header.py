"""Formats, sizes and pages told from the bytes alone."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image

from batch_classify import header


def saved(mode: str, name: str, **options: Any) -> bytes:
    """Save a flat picture 24 wide and 40 high."""
    stream = io.BytesIO()
    Image.new(mode, (24, 40)).save(stream, name, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (saved("L", "PNG"), "Png"),
        (saved("L", "JPEG"), "Jpeg"),
        (saved("L", "BMP"), "Bmp"),
        (saved("L", "GIF"), "Gif"),
        (saved("L", "TIFF"), "Tiff"),
        (saved("L", "TIFF", big_tiff=True), "Tiff"),
        (saved("L", "PPM"), "Ppm"),
        (saved("RGB", "WEBP"), "WebP"),
        (b"P1#c\n1 1\n0", "Ppm"),
        (b"P7\nWIDTH 1", None),
        (b"BM as text", None),
        (b"RIFF....WAVE", None),
        (b" " + saved("L", "PNG"), None),
        (b"", None),
    ],
)
def test_the_format_is_told_by_content(data: bytes, expected: str | None) -> None:
    """The first bytes decide, and text that starts alike does not pass."""
    assert header.format_of(data) == expected


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (header.png(saved("L", "PNG")), True),
        (header.png(saved("RGB", "PNG")), True),
        (header.png(saved("P", "PNG")), True),
        (header.png(saved("P", "PNG", transparency=0)), False),
        (header.png(saved("LA", "PNG")), False),
        (header.png(saved("RGBA", "PNG")), False),
        (header.jpeg(saved("L", "JPEG")), True),
        (header.jpeg(saved("RGB", "JPEG", progressive=True, comment=b"\xff\xc0 no frame")), True),
        (header.jpeg(saved("CMYK", "JPEG")), False),
        (header.jpeg(saved("L", "JPEG").replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1)), True),
        (header.webp(saved("RGB", "WEBP")), False),
        (header.webp(saved("RGB", "WEBP", lossless=True)), False),
        (header.webp(saved("RGBA", "WEBP", exif=b"Exif\0\0II*\0")), False),
    ],
)
def test_size_and_plainness(data: header.Header, plain: bool) -> None:
    """Every layout gives the same 24 x 40, and whether there is alpha or CMYK."""
    assert data == header.Header(24, 40, plain)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P5 2 3 255\n", header.PnmHeader(5, 2, 3, 255, 11)),
        (b"P4\n#a\n# b\n2\t3\n", header.PnmHeader(4, 2, 3, 1, 14)),
    ],
)
def test_pnm_headers(data: bytes, expected: header.PnmHeader) -> None:
    """Comments and any space are passed over, and the pixels begin after a single space."""
    assert header.pnm(data) == expected


@pytest.mark.parametrize("big", [False, True])
def test_tiff_pages_are_found(big: bool) -> None:
    """The chain is followed to its end, or to the most pages asked for."""
    others = [Image.new("L", (24, 40)) for _ in range(3)]
    data = saved("L", "TIFF", save_all=True, append_images=others, big_tiff=big)
    pages = header.tiff_pages(data, 9)
    assert len(pages) == 4
    assert header.tiff_pages(data, 2) == pages[:2]
    assert header.tiff_pages(header.tiff_from(data, pages[2]), 9) == pages[2:]


@pytest.mark.parametrize("chunk", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("length", [b"\x7f\xff\xff\xff", b"\0\1\0\0"])
def test_a_png_chunk_that_leads_out_of_the_file_is_refused(length: bytes, chunk: bytes) -> None:
    """A chunk's length is checked against the file before anyone reserves memory for it."""
    data = saved("L", "PNG")
    header.png_check(data)
    at = data.index(chunk) - 4
    with pytest.raises((struct.error, ValueError)):
        header.png_check(data[:at] + length + data[at + 4 :])


def test_half_a_directory_is_refused() -> None:
    """A directory must lie in the file whole, or its lost tags would be guessed at."""
    data = saved("L", "TIFF", compression="tiff_lzw")
    (page,) = header.tiff_pages(data, 9)
    header.tiff_check(data)
    with pytest.raises(ValueError, match="cut short"):
        header.tiff_check(data[: page + 20])


@pytest.mark.parametrize("reader", [header.png, header.jpeg, header.webp, header.pnm])
@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xda", bytes(40), b"P9 1"])
def test_rubbish_raises_what_is_promised(reader: Any, data: bytes) -> None:
    """Readers raise one of three exceptions on what is not theirs."""
    with pytest.raises((ValueError, IndexError, struct.error)):
        reader(data)

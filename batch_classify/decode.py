"""Bytes to grey pixels, safely.

Reads a file from disk and turns its bytes into grey pages, by content and never by name. Bad
content is a `Page` with a reason, never an exception, and no picture is allocated before its
header has passed the limits. Does not know folders or tables, nor what is on a page.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import chain
from math import inf
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify import header
from batch_classify.compiled import CHANGED, LEFT_OUT, read_small
from batch_classify.row import Reason
from batch_classify.stamp import Stamp

if TYPE_CHECKING:
    from PIL import Image, ImageFile

Grey = NDArray[np.uint8]

# Without a handler of its own, Pillow's log of bad files goes to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_HEADERS = {"Png": header.png, "Jpeg": header.jpeg, "WebP": header.webp}
DECODING = 2
"""Rises whenever the pixels of some file come out otherwise, so that stored answers are not taken for it."""
_STEP = 1 << 20  # bytes that are read at a time, at most
_ROOM = 1 << 19  # bytes of small files together
_CHANGED = "the file changed while it was read"
_ENOUGH = 320  # px of the longer side, which `preprocess` halves again: a larger JPEG is decoded reduced
_FULL = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
_REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}
_ORIENTATION, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 0x0106, 0


class Page(NamedTuple):
    """One picture of a file, or why it could not be read.

    `grey` is the luminance, uint8 [h, w], black 0, upright; of a large JPEG it is reduced. `width` and
    `height` are the file's pixels, upright too, or what the header says where it could not be read. `number`
    counts from 1 in a file of several pages. `reason` is set exactly where `grey` is `None`, and `detail`
    tells a person why.
    """

    number: int | None
    width: int | None
    height: int | None
    grey: Grey | None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most bytes of a file, pixels of a page, and pages of a file that are read."""

    bytes: int = 256 * 2**20
    pixels: int = 100_000_000
    pages: int = 1000


class Contents(NamedTuple):
    """A file's bytes, or the problem that kept them from being read; and where possible their hash.

    `stamp` is the file's while it was read, and is there where the hash is.
    """

    data: bytes | None
    sha256: str = ""  # hex
    problem: Page | None = None
    stamp: Stamp | None = None


DEFAULT_LIMITS = Limits()


def read(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Contents:
    """Read a regular file whole, or only hash one over the limit; never wait for a pipe.

    One that changes meanwhile is being written, and comes without a hash.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return _read(file, limits)
        finally:
            os.close(file)
    except PermissionError:
        return _problem(Reason.PERMISSION_DENIED, "no permission to read the file")
    except (FileNotFoundError, NotADirectoryError):
        return _problem(Reason.VANISHED, "the file is no longer there")
    except OSError as error:
        if error.errno == errno.ENXIO:  # what a socket answers to being opened
            return _problem(Reason.UNSUPPORTED, "not a regular file")
        return _problem(Reason.UNREADABLE, f"the file could not be read ({error.strerror})")


def read_some(paths: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[Contents]:
    """Read files as `read` does; small ones all at once by C, which takes two thirds of the time."""
    data, found = read_small(paths, min(_ROOM, limits.bytes))
    for path, (start, *stamp) in zip(paths, found, strict=True):
        if start == CHANGED:
            yield _problem(Reason.BEING_WRITTEN, _CHANGED)
        elif start == LEFT_OUT:
            yield read(path, limits)
        else:
            whole = data[start : start + stamp[0]].tobytes()
            yield Contents(whole, hashlib.sha256(whole).hexdigest(), stamp=Stamp._make(stamp))


def _read(file: int, limits: Limits) -> Contents:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        return _problem(Reason.UNSUPPORTED, "not a regular file")
    # The size only sets the step: a file may grow or shrink while it is read.
    step = min(status.st_size + 1, _STEP)
    first = os.read(file, step)
    if len(first) == status.st_size:  # that is all of it, if it stays so
        parts, size, sha256 = [first], len(first), hashlib.sha256(first).hexdigest()
    else:
        # It may grow for as long as it is read, so there is an end to that.
        most = max(limits.bytes, status.st_size)
        rest = iter(partial(os.read, file, step), b"")
        parts, size, sha256 = _gathered(chain([first], rest), limits, most)
    stamp = Stamp.of(os.fstat(file))
    if (stamp.size, stamp.mtime_ns) != (status.st_size, status.st_mtime_ns):
        return _problem(Reason.BEING_WRITTEN, _CHANGED)
    return _whole(parts, size, sha256, limits, stamp)


def take(stream: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> Contents:
    """Read a stream to its end as `read` reads a file; it has no stamp. Raises what the stream raises."""
    return _whole(*_gathered(iter(partial(stream.read, _STEP), b""), limits), limits)


def _gathered(stream: Iterable[bytes], limits: Limits, most: float = inf) -> tuple[list[bytes], int, str]:
    """Read to the end, or over `most` bytes; return the parts, their bytes together, and their hash.

    Over the limit there are no parts, so that memory stays small.
    """
    digest, size, parts = hashlib.sha256(), 0, list[bytes]()
    for part in stream:
        digest.update(part)
        size += len(part)
        parts.append(part)
        if size > limits.bytes:
            parts.clear()
        if size > most:
            break
    return parts, size, digest.hexdigest()


def _whole(
    parts: list[bytes], size: int, sha256: str, limits: Limits, stamp: Stamp | None = None
) -> Contents:
    if size == 0:
        return _problem(Reason.EMPTY_FILE, "the file is empty", sha256, stamp)
    if size > limits.bytes:
        return _problem(Reason.TOO_LARGE, f"the file has more than {limits.bytes:,} bytes", sha256, stamp)
    return Contents(b"".join(parts), sha256, stamp=stamp)


def _problem(reason: Reason, detail: str, sha256: str = "", stamp: Stamp | None = None) -> Contents:
    return Contents(None, sha256, Page(None, None, None, None, reason, detail), stamp)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Iterator[Page]:
    """Yield the pages of a file one by one, holding one at a time; never raises for its content.

    Every page of a TIFF counts; of an animation only the first picture does.
    """
    name = header.format_of(data)
    if not data:
        yield Page(None, None, None, None, Reason.EMPTY_FILE, "the file is empty")
    elif len(data) > limits.bytes:
        yield Page(None, None, None, None, Reason.TOO_LARGE, f"the file has more than {limits.bytes:,} bytes")
    elif name is None:
        yield Page(None, None, None, None, Reason.UNSUPPORTED, "not an image in a format this tool reads")
    elif name == "Tiff":
        yield from _tiff(data, limits)
    else:
        yield _page(None, name, data, limits)


def _tiff(data: bytes, limits: Limits) -> Iterator[Page]:
    pages = header.tiff_pages(data, limits.pages + 1)
    if len(pages) <= 1:
        yield _page(None, "Tiff", data, limits)
        return
    for number, page in enumerate(pages[: limits.pages], start=1):
        yield _page(number, "Tiff", header.tiff_from(data, page), limits)
    if len(pages) > limits.pages:
        detail = f"the file has more than {limits.pages} pages; the others are left out"
        yield Page(limits.pages + 1, None, None, None, Reason.TOO_LARGE, detail)


def _page(number: int | None, name: str, data: bytes, limits: Limits) -> Page:
    width = height = None
    try:
        width, height, pixels = _opened(name, data)
        if width < 1 or height < 1:
            raise ValueError("it has no pixels")
        if width * height > limits.pixels:
            detail = f"the picture is {width} x {height} pixels and the limit is {limits.pixels:,}"
            return Page(number, width, height, None, Reason.TOO_LARGE, detail)
        grey = np.ascontiguousarray(pixels())
    except Exception as error:  # a decoder given rubbish may raise anything
        cause = (str(error) or type(error).__name__).splitlines()[0]
        detail = f"the picture is damaged or cut short ({cause})"
        return Page(number, width, height, None, Reason.UNREADABLE, detail)
    return Page(number, *_size(width, height, grey), grey)


def _size(width: int, height: int, grey: Grey) -> tuple[int, int]:
    """Return the width and height of an upright picture in the pixels of its file, which has it as it lay."""
    if max(grey.shape) >= max(width, height):  # not reduced
        return grey.shape[1], grey.shape[0]
    turned = (grey.shape[1] < grey.shape[0]) != (width < height)
    return (height, width) if turned else (width, height)


def _opened(name: str, data: bytes) -> tuple[int, int, Callable[[], Grey]]:
    """Read a header: the width, the height, and what to call for the pixels.

    OpenCV takes the common cases, three times as fast on a small picture as Pillow, which takes
    the rest. Neither reads PNM well: OpenCV not the plain kinds, Pillow one pixel at a time.
    """
    if name == "Ppm":
        pnm = header.pnm(data)
        return pnm.width, pnm.height, lambda: _pnm(pnm, data)
    if name in _HEADERS:
        head = _HEADERS[name](data)
        mode = _jpeg_mode(head) if name == "Jpeg" else _FULL
        return (
            head.width,
            head.height,
            lambda: _opencv(data, mode) if head.plain else _pillow(_image(name, data)),
        )
    if name == "Tiff":
        header.tiff_check(data)
    image = _image(name, data)
    if name == "Tiff" and sorted((image.tile[-1].extents or ())[2:]) != sorted(image.size):
        raise ValueError("its strips do not cover it")
    return *image.size, lambda: _pillow(image)


def _jpeg_mode(head: header.Header) -> int:
    """Return how OpenCV is to decode a JPEG: reduced, if that leaves more than `preprocess` works at."""
    for by, mode in _REDUCED.items():
        width, height = -(-head.width // by), -(-head.height // by)
        # If only the reduced picture were square, it would not show whether it was turned upright.
        if max(width, height) >= _ENOUGH and (width != height or head.width == head.height):
            return mode
    return _FULL


def _opencv(data: bytes, mode: int) -> Grey:
    if data[0] == 0x89:
        header.png_check(data)
    # In these modes, unlike IMREAD_UNCHANGED, OpenCV heeds the EXIF orientation.
    grey: Any = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    if grey is None:
        raise ValueError("its pixels do not decode")
    return grey if grey.dtype == np.uint8 else eight_bits(grey)


def _image(name: str, data: bytes) -> ImageFile.ImageFile:
    """Open with Pillow, past Image.open: that would warn or raise at sizes of its own choosing."""
    plugin = import_module(f"PIL.{name}ImagePlugin")
    image: ImageFile.ImageFile = getattr(plugin, f"{name}ImageFile")(io.BytesIO(data))
    return image


def _pillow(image: Image.Image) -> Grey:
    image.load()  # this turns a TIFF upright already, and drops its orientation tag
    try:
        tags = dict(image.getexif())
    except Exception:  # a broken EXIF block is no reason to lose the picture
        tags = {}
    grey = _luminance(image)
    if image.mode.startswith("I") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey  # Pillow inverts such a TIFF for all depths but this
    return _upright(grey, tags.get(_ORIENTATION, 1))


def _upright(grey: Grey, orientation: int) -> Grey:
    if orientation in (5, 6, 7, 8):
        grey = grey.T
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    return grey[::-1] if orientation in (3, 4, 7, 8) else grey


def _luminance(image: Image.Image) -> Grey:
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.mode.startswith("I"):
        return eight_bits(np.clip(np.asarray(image), 0, 0xFFFF))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return on_background(np.array(image.convert("L")), np.asarray(image.getchannel("A")))
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = image.point(lambda ink: 255 - ink)  # Pillow takes all for inverted; only Adobe's are
    return np.array(image.convert("L"))  # a copy, which unlike Pillow's own memory can be written to


def _pnm(head: header.PnmHeader, data: bytes) -> Grey:
    values = header.pnm_values(head, data)
    if head.peak == 0xFFFF:  # the file's depth, which need not be the scan's
        grey = eight_bits(values)
    else:
        grey = ((values.astype(np.uint32) * 255 + head.peak // 2) // head.peak).astype(np.uint8)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY), np.uint8) if grey.ndim == 3 else grey


def eight_bits(values: NDArray[np.integer]) -> Grey:
    """Bring whole numbers 0 to 65535 to 8 bits, by the least depth of 8, 12 and 16 that holds them all.

    Scanners store 12 bits in 16-bit files, and programs 8; a scan's paper or its digit is bright
    enough to tell.
    """
    brightest = values.max()
    shift = 0 if brightest <= 0xFF else 4 if brightest <= 0xFFF else 8
    return (values >> shift).astype(np.uint8)


def on_background(grey: Grey, alpha: Grey) -> Grey:
    """Lay a partly transparent picture [height, width] on the background that shows its ink.

    Where two thirds or more of it are opaque, it is paper with corners or holes: the background is
    the median of the opaque part. Else what is opaque is the ink: the background is white under
    dark ink, and black under light. With nothing opaque, the result is all white.
    """
    if alpha.min() == 255:
        return grey
    weight = alpha.astype(np.uint16)
    ink = grey * weight
    opaque = alpha >= 128
    if 3 * np.count_nonzero(opaque) >= 2 * opaque.size:
        background = int(np.median(grey[opaque]))
    else:
        background = 255 if ink.sum() <= 127 * weight.sum() else 0
    return ((ink + background * (255 - weight) + 127) // 255).astype(np.uint8)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the decoding libraries off the terminal; for a process to hold while it decodes.

    libpng, libjpeg and libtiff print their complaints straight to file descriptor 2, and Pillow
    warns, of files that `decode` reports anyway. Python's own stderr still goes where it went,
    but for log handlers made before. It changes the whole process, so enter it once, before threads.
    """
    with (
        os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace") as terminal,
        os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") as nowhere,
        redirect_stderr(terminal if sys.stderr is sys.__stderr__ else sys.stderr),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal.fileno(), 2)

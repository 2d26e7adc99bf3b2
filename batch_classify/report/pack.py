"""The data of the page within a budget: rows as JSON, scans as JPEG, what the model saw in sheets of many.

Yields blocks of text that are safe inside a `<script>` that no browser runs; `app/rows.js` and
`app/pictures.js` read them. Knows nothing of how the page shows them.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from math import ceil
from operator import attrgetter
from typing import NamedTuple

import cv2
import numpy as np
from markupsafe import Markup

from batch_classify.decode import Grey
from batch_classify.pool import cpu_count
from batch_classify.preprocess import SIDE
from batch_classify.report.spool import Entry, Place, Spool, by_urgency

PAGE_BYTES = 40_000_000
SHEET_COLUMNS = 16
_SHEET = SHEET_COLUMNS**2  # pictures
_MARGIN = 1.05  # times what a sample takes: others may take more
_SETTLED_SCANS = 13_500_000  # bytes in the page; more scans of rows that need nobody stay out
_SCANS = 64  # in a block
_ROWS = 1000  # in a block
_TEMPLATE = 250_000  # bytes of the page besides its data, at the very most
# Half of the time that OpenCV's choice of a filter takes, and 3 % smaller.
_PNG = [
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_RLE,
    cv2.IMWRITE_PNG_FILTER,
    cv2.IMWRITE_PNG_FILTER_NONE,
]


class Block(NamedTuple):
    """A piece of the data: `kind` is rows, scans or sheet, `text` what stands in the page."""

    kind: str
    text: Markup


def json_text(value: object) -> Markup:
    r"""Return JSON in which nothing can end a script: `<`, `>` and `&` stand as escapes like `\u003c`."""
    return Markup(_harmless(json.dumps(value, separators=(",", ":"))))


def _harmless(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def blocks(spool: Spool, page_bytes: int = PAGE_BYTES) -> Iterator[Block]:
    """Yield the blocks of all rows and of as many pictures as the page has room for.

    First come the scans of the rows that need a human and what the model saw of them, then what it saw of
    the others, if need be of a fair sample of them, and last the others' scans, all or none. Rows of one
    content share their pictures.
    """
    entries = spool.entries()
    left = page_bytes - _TEMPLATE - sum(len(entry.row) + 12 for entry in entries)
    first_settled = bisect_left(entries, True, key=attrgetter("settled"))
    urgent, settled = _distinct(entries[:first_settled]), _distinct(entries[first_settled:])
    scans, left = _scans_that_fit([entry for entry in urgent if entry.pictures.scan], left)
    room = left + sum(_cost(entry.pictures.scan) for entry in scans)
    seen, left = _seen_that_fit(spool, [entry for entry in urgent if entry.pictures.seen], left)
    by_chance = sorted(
        (entry for entry in settled if entry.pictures.seen), key=attrgetter("lot"), reverse=True
    )
    sample, left = _seen_that_fit(spool, by_chance, left)
    # As the contact sheet shows them, so that a screen of it needs few sheets.
    seen += sorted(by_urgency(sample), key=attrgetter("label"))
    if spool.has_settled_scans():
        others = [entry for entry in settled if entry.pictures.scan]
        if _estimated(spool, others) <= min(left, _SETTLED_SCANS):
            scans += others
    for text in _albums(spool, scans):
        room -= len(text)
        yield Block("scans", text)
    drawn = 0
    for text in _sheets(spool, seen):
        room -= len(text)
        if room < 0:
            break
        yield Block("sheet", text)
        drawn += _SHEET
    seen = seen[:drawn]
    scan_of = {entry.pictures: place for place, entry in enumerate(scans)}
    seen_of = {entry.pictures: place for place, entry in enumerate(seen)}
    for chunk in _chunks(entries, _ROWS):
        rows = b",".join([entry.row for entry in chunk]).decode("ascii")
        pictures = {
            "scan": [scan_of.get(entry.pictures, -1) for entry in chunk],
            "seen": [seen_of.get(entry.pictures, -1) for entry in chunk],
        }
        yield Block("rows", Markup(f'{{"rows":[{_harmless(rows)}],{json_text(pictures)[1:]}'))


def _distinct(entries: Iterable[Entry]) -> list[Entry]:
    """Return the first entry of all that share their pictures."""
    firsts: dict[Place, Entry] = {}
    for entry in entries:
        firsts.setdefault(entry.pictures, entry)
    return list(firsts.values())


def _chunks(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    return (entries[at : at + size] for at in range(0, len(entries), size))


def _scans_that_fit(entries: Sequence[Entry], left: int) -> tuple[list[Entry], int]:
    """Return as many of the entries, from the first on, as have room for their scans, and the room left."""
    ends = np.cumsum([_cost(entry.pictures.scan) for entry in entries], dtype=np.int64).tolist()
    count = sum(1 for _ in takewhile(lambda end: end <= left, ends))
    return list(entries[:count]), left - (ends[count - 1] if count else 0)


def _seen_that_fit(spool: Spool, entries: Sequence[Entry], left: int) -> tuple[list[Entry], int]:
    """Return as many of the entries as have room for what the model saw of them, and the room left.

    A sheet of some from all over them tells what one takes.
    """
    some = entries[:: max(1, len(entries) // _SHEET)][:_SHEET]
    if not some:
        return [], left
    each = _MARGIN * sum(len(text) for text in _sheets(spool, some)) / len(some)
    count = min(len(entries), max(0, int(left / each)))
    return list(entries[:count]), left - ceil(count * each)


def _sheets(spool: Spool, entries: Sequence[Entry]) -> Iterator[Markup]:
    """Yield sheets of what the model saw, 256 to each, as base64 of a PNG."""

    def drawn(chunk: Sequence[Entry]) -> Markup:
        return Markup(base64.b64encode(sheet([spool.seen(entry) for entry in chunk])).decode())

    with ThreadPoolExecutor(cpu_count()) as pool:  # OpenCV compresses without holding the others up
        yield from pool.map(drawn, _chunks(entries, _SHEET))


def _estimated(spool: Spool, entries: Sequence[Entry]) -> float:
    """Return the bytes in the page of the scans of some entries, by a sample from all over them."""
    some = entries[:: max(1, len(entries) // _SCANS)]
    return _MARGIN * len(entries) * sum(len(text) for text in _albums(spool, some)) / max(1, len(some))


def _albums(spool: Spool, entries: Sequence[Entry]) -> Iterator[Markup]:
    """Yield scans, 64 to each, as a list of base64 of JPEGs, in which nothing needs an escape."""

    def bound(chunk: Sequence[Entry]) -> Markup:
        scans = '","'.join(base64.b64encode(spool.scan(entry)).decode() for entry in chunk)
        return Markup(f'["{scans}"]')

    with ThreadPoolExecutor(cpu_count()) as pool:
        yield from pool.map(bound, _chunks(entries, _SCANS))


def _cost(length: int) -> int:
    """Return the bytes in the page of so many bytes as base64, with quotes and a comma."""
    return (length + 2) // 3 * 4 + 3


def sheet(pictures: Sequence[Grey]) -> bytes:
    """Return pictures, uint8 [28, 28] each, in lines of 16, as one PNG."""
    lines = -(-len(pictures) // SHEET_COLUMNS)
    cells = np.zeros((lines * SHEET_COLUMNS, SIDE, SIDE), np.uint8)
    cells[: len(pictures)] = pictures
    whole = cells.reshape(lines, SHEET_COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3)
    image = np.ascontiguousarray(whole.reshape(lines * SIDE, SHEET_COLUMNS * SIDE))
    return cv2.imencode(".png", image, _PNG)[1].tobytes()

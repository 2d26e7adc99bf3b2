"""The data of the page within a budget: rows as JSON, scans as JPEG, what the model saw in sheets of many.

Yields blocks of text that are safe inside a `<script>` that no browser runs; `app/rows.js` and
`app/pictures.js` read them. Knows nothing of how the page shows them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from batch_classify.decode import Grey
from batch_classify.pool import cpu_count
from batch_classify.preprocess import SIDE
from batch_classify.report.spool import Entries, Spool, by_urgency, places

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
    for sign in "<>&":
        if sign in text:  # as hardly ever; to look for it takes a tenth of the time
            text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def blocks(spool: Spool, page_bytes: int = PAGE_BYTES) -> Iterator[Block]:
    """Yield the blocks of all rows and of as many pictures as the page has room for.

    First come the scans of the rows that need a human and what the model saw of them, then what it saw of
    the others, if need be of a fair sample of them, and last the others' scans, all or none. Rows of one
    content share their pictures.
    """
    entries = spool.entries()
    left = page_bytes - _TEMPLATE - int((entries["length"] + 12).sum())
    urgent, settled = map(_distinct, np.split(entries, [np.count_nonzero(~entries["settled"])]))
    scans, left = _scans_that_fit(urgent[urgent["scan"] > 0], left)
    room = left + int(_cost(scans["scan"]).sum())
    seen, left = _seen_that_fit(spool, urgent[urgent["seen"] > 0], left)
    by_chance = settled[settled["seen"] > 0]
    by_chance = by_chance[np.argsort(-by_chance["lot"])]
    sample, left = _seen_that_fit(spool, by_chance, left)
    # As the contact sheet shows them, so that a screen of it needs few sheets.
    sample = by_urgency(sample)
    seen = np.concatenate([seen, sample[np.argsort(sample["label"], kind="stable")]])
    if spool.has_settled_scans():
        others = settled[settled["scan"] > 0]
        if _estimated(spool, others) <= min(left, _SETTLED_SCANS):
            scans = np.concatenate([scans, others])
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
    pictures = {"scan": _found_in(scans, entries), "seen": _found_in(seen[:drawn], entries)}
    for at in range(0, len(entries), _ROWS):
        rows = b",".join(spool.rows(entries[at : at + _ROWS])).decode("ascii")
        part = {kind: found[at : at + _ROWS].tolist() for kind, found in pictures.items()}
        yield Block("rows", Markup(f'{{"rows":[{_harmless(rows)}],{json_text(part)[1:]}'))


def _distinct(entries: Entries) -> Entries:
    """Return the first entry of all that share their pictures, where they have any."""
    pictured = np.flatnonzero(_pictured(entries))
    firsts = np.unique(entries["start"][pictured], return_index=True)[1]
    return entries.take(pictured[np.sort(firsts)])


def _pictured(entries: Entries) -> NDArray[np.bool_]:
    """Tell which entries have pictures; one without has the start of the next that has."""
    return np.asarray((entries["scan"] > 0) | (entries["seen"] > 0))


def _found_in(chosen: Entries, entries: Entries) -> NDArray[np.int64]:
    """Return for each entry, [n], which of the chosen ones shares its pictures, or -1."""
    if not len(chosen):
        return np.full(len(entries), -1)
    order = np.argsort(chosen["start"])
    starts = chosen["start"][order]
    place = np.minimum(np.searchsorted(starts, entries["start"]), len(starts) - 1)
    shared = (starts[place] == entries["start"]) & _pictured(entries)
    return np.where(shared, order[place], -1)


def _chunks(entries: Entries, size: int) -> Iterator[Entries]:
    return (entries[at : at + size] for at in range(0, len(entries), size))


def _scans_that_fit(entries: Entries, left: int) -> tuple[Entries, int]:
    """Return as many of the entries, from the first on, as have room for their scans, and the room left."""
    ends = np.cumsum(_cost(entries["scan"]))
    count = int(np.count_nonzero(ends <= left))
    return entries[:count], left - (int(ends[count - 1]) if count else 0)


def _seen_that_fit(spool: Spool, entries: Entries, left: int) -> tuple[Entries, int]:
    """Return as many of the entries as have room for what the model saw of them, and the room left.

    A sheet of some from all over them tells what one takes.
    """
    some = entries[:: max(1, len(entries) // _SHEET)][:_SHEET]
    if not len(some):
        return some, left
    each = _MARGIN * sum(len(text) for text in _sheets(spool, some)) / len(some)
    count = min(len(entries), max(0, int(left / each)))
    return entries[:count], left - ceil(count * each)


def _sheets(spool: Spool, entries: Entries) -> Iterator[Markup]:
    """Yield sheets of what the model saw, 256 to each, as base64 of a PNG."""

    def drawn(chunk: Entries) -> Markup:
        return Markup(base64.b64encode(sheet(spool.seen(chunk))).decode())

    with ThreadPoolExecutor(cpu_count()) as pool:  # OpenCV compresses without holding the others up
        yield from pool.map(drawn, _chunks(entries, _SHEET))


def _estimated(spool: Spool, entries: Entries) -> float:
    """Return the bytes in the page of the scans of some entries, by a sample from all over them."""
    some = entries[:: max(1, len(entries) // _SCANS)]
    return _MARGIN * len(entries) * sum(len(text) for text in _albums(spool, some)) / max(1, len(some))


def _albums(spool: Spool, entries: Entries) -> Iterator[Markup]:
    """Yield scans, 64 to each, as a list of base64 of JPEGs, in which nothing needs an escape."""

    def bound(chunk: Entries) -> Markup:
        scans = '","'.join(base64.b64encode(spool.scan(place)).decode() for place in places(chunk))
        return Markup(f'["{scans}"]')

    with ThreadPoolExecutor(cpu_count()) as pool:
        yield from pool.map(bound, _chunks(entries, _SCANS))


def _cost(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the bytes in the page of so many bytes as base64, with quotes and a comma."""
    return (lengths.astype(np.int64) + 2) // 3 * 4 + 3


def sheet(pictures: Grey) -> bytes:
    """Return pictures, uint8 [n, 28, 28], in lines of 16, as one PNG."""
    lines = -(-len(pictures) // SHEET_COLUMNS)
    cells = np.zeros((lines * SHEET_COLUMNS, SIDE, SIDE), np.uint8)
    cells[: len(pictures)] = pictures
    whole = cells.reshape(lines, SHEET_COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3)
    image = np.ascontiguousarray(whole.reshape(lines * SIDE, SHEET_COLUMNS * SIDE))
    return cv2.imencode(".png", image, _PNG)[1].tobytes()

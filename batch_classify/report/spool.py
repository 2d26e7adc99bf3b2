"""The cards of a run until the page is written: rows and pictures on disk, and little of each in memory.

Knows which row is more urgent than another, and which rows stay out of a page that would get too large; not
what a page looks like.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from batch_classify.compiled import gather
from batch_classify.corrections import is_suspect
from batch_classify.decode import Grey
from batch_classify.filename import to_cell
from batch_classify.preprocess import SIDE
from batch_classify.report.card import Card, jpeg_of, thumbnail_of, width_of
from batch_classify.row import Row, Status

MOST_ROWS = 100_000
"""Above so many rows, the page holds those that need a human and a random sample of the rest."""
_MOST_SETTLED_SCANS = 64_000_000  # bytes; more scans of rows that need nobody stay out
_SLACK = 1.25  # times so many rows are in the sample before it is cut down to them
_BUFFER = 2**20  # bytes; a call to the system for each picture would cost more than the picture
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_MOST_SHARED = 2**15  # pages whose copies are told; begun anew when full, for memory's sake
_URGENT = [Status.REVIEW, Status.REJECTED, Status.REVIEWED, Status.ERROR]  # reviewed: if suspect
_SETTLED = [Status.DEFERRED, Status.OK, Status.REVIEWED]


# With the codes that struct and NumPy have in common:
_OWN = {"lot": "q", "row": "q", "length": "i"}
_COMMON = {
    "settled": "?",
    "rank": "b",
    "label": "b",
    "confidence": "d",
    "start": "q",
    "scan": "i",
    "seen": "i",
    "width": "h",
}
_pack_own, _pack_common = (struct.Struct("<" + "".join(fields.values())).pack for fields in (_OWN, _COMMON))
ENTRY = np.dtype([(name, f"<{code}") for name, code in (_OWN | _COMMON).items()])
"""What is known of a card in the spool.

`lot` is a random number, but the same for the same scan; the highest ones are a fair sample. `row` and
`length` tell where its row lies, a later one's further on. The rest is the same for all copies: `settled` is
whether the row needs no human, `rank` the place of its status among the others, `label` its digit or -1, and
the others are its `Place`.
"""
Entries = NDArray[np.void]
"""Some of them, ENTRY [n]."""


class Place(NamedTuple):
    """Where pictures lie: the lengths of the scan and of what the model saw, 0 where there is none.

    The scan is a JPEG, or pixels if it has a `width`.
    """

    start: int
    scan: int
    seen: int
    width: int


class _Common(NamedTuple):
    """What cards of one content have in common.

    `begun` is the checksum of which a file's name makes a lot. Once a card was kept there is its row as JSON
    but for its file, and as `fields` what is the same in the ENTRY of all.
    """

    settled: bool
    begun: int
    text: str = ""
    fields: bytes = b""


def places(entries: Entries) -> list[Place]:
    """Return where the pictures of entries lie."""
    return [Place(*place) for place in entries[[*Place._fields]].tolist()]


def by_urgency(entries: Entries) -> Entries:
    """Return entries, the most urgent first; of equals the first that came."""
    # Not entries[...], which takes as long as the sorting.
    return entries.take(np.lexsort([entries[key] for key in ("row", "confidence", "rank", "settled")]))


def _highest(entries: Entries, count: int) -> Entries:
    """Return so many of the entries, those with the highest lots, in their order."""
    return entries[np.sort(np.argpartition(-entries["lot"], count - 1)[:count])] if count else entries[:0]


class Spool:
    """The cards offered, up to `most_rows` of them and every one that needs a human.

    Cards of one content have their pictures together. The files in `folder` have no names, and go when the
    spool is closed.
    """

    def __init__(
        self, folder: Path, most_rows: int = MOST_ROWS, most_settled_scans: int = _MOST_SETTLED_SCANS
    ) -> None:
        self._pictures = TemporaryFile(buffering=_BUFFER, dir=folder)  # noqa: SIM115 - closed with the spool
        self._rows = TemporaryFile(buffering=_BUFFER, dir=folder)  # noqa: SIM115 - likewise
        self._text = b""  # all rows, when it comes to the page
        self._urgent, self._settled = bytearray(), bytearray()  # ENTRY each
        self._shared: dict[tuple[str, int | None, Status], _Common] = {}
        self._most_rows = most_rows
        self._least_lot = -inf if most_rows else inf  # a settled row has more, or the sample goes without
        self._room = most_settled_scans
        self._rows_end = self._pictures_end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pictures.close()
        self._rows.close()

    def __len__(self) -> int:
        urgent, settled = (len(kept) // ENTRY.itemsize for kept in (self._urgent, self._settled))
        return max(urgent, min(self._most_rows, urgent + settled))

    def offer(self, card: Card) -> None:
        """Keep the card, unless it needs no human and the sample goes without it."""
        row = card.row
        # What shows a picture says the same of its copies, under other names.
        page = row.sha256, row.page, row.status
        common = self._shared.get(page) or _of(row)
        lot = -crc32(row.file.encode("utf-8", "surrogateescape"), common.begun)
        if common.settled and lot <= self._least_lot:
            return
        if not common.text:
            before = self._pictures_end
            common = self._written(card, common)
            if row.sha256 and self._pictures_end > before:
                if len(self._shared) == _MOST_SHARED:
                    self._shared.clear()
                self._shared[page] = common
        text = f"[{_COMPACT.encode(to_cell(row.file))},{common.text}".encode("ascii")
        self._rows.write(text)
        entry = _pack_own(lot, self._rows_end, len(text)) + common.fields
        self._rows_end += len(text)
        if not common.settled:
            self._urgent += entry
            return
        self._settled += entry
        if len(self._settled) > _SLACK * self._most_rows * ENTRY.itemsize:
            sample = _highest(np.frombuffer(self._settled, ENTRY), self._most_rows)
            self._least_lot = int(sample["lot"].min())
            self._settled = bytearray(sample.view(np.uint8))

    def entries(self) -> Entries:
        """Return what is kept, the most urgent first; its parts can then be read, by several threads too.

        Those that need a human: answers to check, the least sure first; rejected ones; a human's answers that
        the model contradicts; what could not be read. Then the rest, the least sure first.
        """
        self._pictures.flush()
        self._rows.seek(0)
        self._text = self._rows.read()
        urgent, settled = np.frombuffer(self._urgent, ENTRY), np.frombuffer(self._settled, ENTRY)
        room = max(0, self._most_rows - len(urgent))
        if len(settled) > room:
            settled = _highest(settled, room)
        return by_urgency(np.concatenate([urgent, settled]))

    def rows(self, entries: Entries) -> list[bytes]:
        """Return the rows of entries as JSON, see `row_values`."""
        starts, lengths = entries["row"].tolist(), entries["length"].tolist()
        return [self._text[start : start + length] for start, length in zip(starts, lengths, strict=True)]

    def has_settled_scans(self) -> bool:
        """Whether the scans of the rows that need no human were few enough to be kept."""
        return self._room >= 0

    def scan(self, place: Place) -> bytes:
        """Return the scan as JPEG."""
        data = os.pread(self._pictures.fileno(), place.scan, place.start)
        return jpeg_of(thumbnail_of(data, place.width))

    def seen(self, entries: Entries) -> Grey:
        """Return what the model saw of entries that have it, uint8 [n, 28, 28]."""
        starts = entries["start"] + entries["scan"]
        return gather(self._pictures.fileno(), starts, SIDE * SIDE).reshape(-1, SIDE, SIDE)

    def _written(self, card: Card, common: _Common) -> _Common:
        """Write a card's pictures, and return all that it has in common with its copies."""
        row = card.row
        scan, seen = card.pictures()
        data, width = b"", 0
        if scan is not None and not common.settled:
            data = jpeg_of(scan)
        elif scan is not None and self._room >= 0:  # for most pages in vain, so pixels are not compressed yet
            data, width = scan.tobytes(), width_of(scan) or 0
            self._room -= len(data)
        shown = b"" if seen is None else seen.tobytes()
        self._pictures.writelines((data, shown))
        rank = (_SETTLED if common.settled else _URGENT).index(row.status)
        label = -1 if row.label is None else row.label
        place = Place(self._pictures_end, len(data), len(shown), width)
        self._pictures_end += len(data) + len(shown)
        text = _COMPACT.encode(row_values(row)[1:])[1:]
        fields = _pack_common(common.settled, rank, label, row.confidence or 0.0, *place)
        return _Common(common.settled, common.begun, text, fields)


def _of(row: Row) -> _Common:
    settled = row.status in _SETTLED and not is_suspect(row)
    return _Common(settled, crc32(f"{row.sha256} {row.page} ".encode("ascii")))


def row_values(row: Row) -> Sequence[str | int | float | None]:
    """Return a row as the page's script reads it, in the order that `app/rows.js` names.

    The file is as in the table. The last three: what the model said under a human's answer, how sure it was,
    and whether that makes the answer suspect.
    """
    values = [
        to_cell(row.file),
        row.page,
        row.status,
        row.reason,
        row.label,
        _rounded(row.confidence),
        row.second_label,
        _rounded(row.second_confidence),
        row.width,
        row.height,
        row.sha256,
        row.detail,
    ]
    if row.status is Status.REVIEWED and row.probabilities:
        best = max(row.probabilities)
        values += [row.probabilities.index(best), _rounded(best), int(is_suspect(row))]
    return values


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)

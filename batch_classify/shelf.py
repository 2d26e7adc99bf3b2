"""What the shards of a run were answered, in objects beside the reports.

So workers hand on their rows, and a run that was cut off, or the next one, need not read again what is there.
Knows rows and which of them need a human, whose pictures are kept with them. Does not know how a shard comes
to its name, only that the same name means the same answer. Needs the extra `ray`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_classify.objects import opened
from batch_classify.preprocess import SIDE
from batch_classify.report.card import Card, thumbnail_of, width_of
from batch_classify.report.parquet import to_rows, to_table
from batch_classify.rewrite import rewrite
from batch_classify.row import Status
from batch_classify.uri import Uri

SHELF = ".shards"
_SHOWN = (Status.REVIEW, Status.REJECTED, Status.ERROR)
_NAME = re.compile(r"(\w+)-(\d+)(-last)?(-again)?\.parquet")


class Part(NamedTuple):
    """A part of a shard: the shard's name, which part it is, and whether it is the last.

    Of one that is to be read `again`, something could not be read, which may pass.
    """

    shard: str
    number: int
    last: bool
    again: bool

    @property
    def file(self) -> str:
        """What its object is called."""
        flags = "-last" * self.last + "-again" * self.again
        return f"{self.shard}-{self.number}{flags}.parquet"


@dataclass(frozen=True, slots=True)
class Answers:
    """The cards of a part, how many files in it were no candidates, and which way its pictures went."""

    cards: Sequence[Card]
    ignored: int = 0
    ways: Counter[str] = field(default_factory=Counter)


class Shelf:
    """The parts in a folder, or below an address; every worker reaches them."""

    def __init__(self, results: Path | Uri) -> None:
        self._place = results / SHELF
        self._fs, self._base = opened(self._place)
        if isinstance(self._place, Path):
            self._place.mkdir(exist_ok=True)

    def parts(self) -> list[Part]:
        """List what is there."""
        found = map(_NAME.fullmatch, self._names())
        return [Part(name[1], int(name[2]), bool(name[3]), bool(name[4])) for name in found if name]

    def put(self, part: Part, answers: Answers) -> None:
        """Keep a part, whole or not at all."""
        data = packed(answers)
        if isinstance(self._place, Path):
            rewrite(self._place / part.file, data)
        else:
            self._fs.pipe_file(f"{self._base}/{part.file}", data)

    def get(self, part: Part) -> Answers:
        """Return a part."""
        return unpacked(self._fs.cat_file(f"{self._base}/{part.file}"))

    def remove(self, parts: Iterable[Part]) -> None:
        """Delete parts that are to be made anew."""
        self._delete([part.file for part in parts])

    def first_try(self, shard: str) -> bool:
        """Note that a shard is begun; return whether nobody did before."""
        try:
            self._fs.pipe_file(f"{self._base}/{shard}.try", b"", mode="create")
        except FileExistsError:
            return False
        return True

    def keep_only(self, shards: Iterable[str]) -> None:
        """Delete what belongs to no shard of these, and the notes of those that were begun."""
        kept = set(shards)
        spare = [name for name in self._names() if name.endswith(".try") or name.split("-")[0] not in kept]
        self._delete(spare)

    def _delete(self, names: Sequence[str]) -> None:
        if names:
            self._fs.rm([f"{self._base}/{name}" for name in names])

    def _names(self) -> list[str]:
        try:
            return [name.rpartition("/")[2] for name in self._fs.ls(self._base, detail=False)]
        except FileNotFoundError:  # a store has no empty folders
            return []


def packed(answers: Answers) -> bytes:
    """Return answers as Parquet: the table's columns and what the page shows of rows that need a human."""
    cards = [card if card.row.status in _SHOWN else Card(card.row, None, None) for card in answers.cards]
    table = to_table([card.row for card in cards], probabilities=True)
    scans, seens = [card.scan for card in cards], [card.seen for card in cards]
    extra = {
        "detail": [card.row.detail.encode("utf-8", "backslashreplace").decode() for card in cards],
        "scan": [None if scan is None else scan.tobytes() for scan in scans],
        "scan_width": [None if scan is None else width_of(scan) for scan in scans],
        "seen": [None if seen is None else seen.tobytes() for seen in seens],
    }
    types = (pa.string(), pa.binary(), pa.int32(), pa.binary())
    for (name, cells), kind in zip(extra.items(), types, strict=True):
        table = table.append_column(name, pa.array(cells, kind))
    counts = {"ignored": answers.ignored, **answers.ways}
    table = table.replace_schema_metadata({name: str(count) for name, count in counts.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types


def unpacked(data: bytes) -> Answers:
    """Return the answers that `packed` made bytes of."""
    table = pq.read_table(pa.BufferReader(data))
    counts = {name.decode(): int(count) for name, count in table.schema.metadata.items() if count.isdigit()}
    *_, details, scans, widths, seens = (column.to_pylist() for column in table.columns)
    rows = to_rows(table.select(table.column_names[:-4]))
    cards = [
        Card(
            row._replace(detail=detail),
            None if scan is None else thumbnail_of(scan, width),
            None if seen is None else np.frombuffer(seen, np.uint8).reshape(SIDE, SIDE),
        )
        for row, detail, scan, width, seen in zip(rows, details, scans, widths, seens, strict=True)
    ]
    return Answers(cards, counts.pop("ignored"), Counter(counts))

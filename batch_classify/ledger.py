"""What earlier runs already answered: an SQLite file beside the reports, of which nothing depends but time.

Finds a file's pages by its path and stamp, without reading it, or by its content, without decoding it. Knows
pages and logits; does not know thresholds, statuses or folders of results. It keeps what it learns as the run
goes, so a run that is killed loses only what it did last: a few batches, or half a second's.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from batch_classify.prepare import Known, Knows, Prepared
from batch_classify.preprocess import SIDE
from batch_classify.report.card import thumbnail_of, width_of
from batch_classify.results import cannot_write
from batch_classify.row import Reason
from batch_classify.stamp import Stamp

_PAGE = 2**14  # bytes; of SQLite's 4 KiB a content's pictures take half, and a new one 4 µs more
_WAL = 2**25  # bytes before they go into the file itself; an eighth of that took 1.4 times as long
_TOGETHER = 512  # rows a statement; other threads run during one, and after each it waits for them
_MOST = 2**15  # contents that a worker remembers, of 150 bytes each
_PATIENCE = 30.0  # seconds, for somebody who looks into the file
_OF_THE_PLACE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_PERM,
    }
)  # errors for which another ledger would be no better
_OF_THE_FILE = frozenset(
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)  # and, among those, errors for which it would
LEDGER, DAMAGED = "ledger.sqlite", "ledger.damaged.sqlite"
_BLOBS = (bytes, bytearray)
_SCHEMA = 1  # rises whenever a table changes
_TABLES = """
CREATE TABLE files (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    content BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE pages (
    content BLOB NOT NULL, place INTEGER NOT NULL, made_by BLOB NOT NULL,
    number INTEGER, width INTEGER, height INTEGER, reason TEXT, detail TEXT NOT NULL,
    image BLOB, thumbnail BLOB, thumbnail_width INTEGER, checksum INTEGER NOT NULL,
    PRIMARY KEY (content, place)
);
CREATE TABLE answers (
    content BLOB NOT NULL, place INTEGER NOT NULL, made_by BLOB NOT NULL, read_by BLOB NOT NULL,
    logits BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (content, place, read_by)
) WITHOUT ROWID;
"""
_PATH = "SELECT content FROM files WHERE (path, size, mtime_ns, ctime_ns, inode) = (?, ?, ?, ?, ?)"
_ANSWERED = "SELECT content FROM answers WHERE read_by = ? AND content IN"
_MADE = "SELECT content FROM pages WHERE made_by = ? AND content IN"
_NEWER = "SELECT rowid, content FROM pages WHERE rowid > ? AND made_by = ? ORDER BY rowid"
_PAGES = """
SELECT number, width, height, reason, detail, image, thumbnail, thumbnail_width, pages.checksum,
    logits, answers.checksum
FROM pages LEFT JOIN answers
    ON answers.content = pages.content AND answers.place = pages.place AND read_by = :read_by
WHERE pages.content = :content AND pages.made_by = :made_by ORDER BY pages.place
"""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a stored page and a stored answer hang on beside the content, each as a digest.

    `made_by` stands for the code and libraries that turned a file into its pages, `read_by` for those and the
    model, its device and its runtime.
    """

    made_by: bytes
    read_by: bytes

    @classmethod
    def of(cls, made_by: str, read_by: str) -> Edition:
        """Take the edition from descriptions of both."""
        return cls(
            sha256(made_by.encode()).digest()[:16], sha256(f"{made_by}\n{read_by}".encode()).digest()[:16]
        )


class DamagedError(Exception):
    """The ledger holds what no run has written."""


_BROKEN = (sqlite3.DatabaseError, DamagedError, UnicodeDecodeError)
"""What a damaged file raises; the last where SQLite's own words quote what is in it."""


class Ledger:
    """The ledger of a results folder, for one run over the files below `root`.

    A damaged one is set aside and begun anew, whenever that shows; `warn` hears of it. With `fresh` nothing
    is found in it. A second process may only read it, through what `reader` gives. All raise JobError
    (OUTPUT) where the place is at fault, such as a full disk.
    """

    def __init__(
        self, results: Path, root: Path, edition: Edition, *, fresh: bool, warn: Callable[[str], None]
    ) -> None:
        self._path = results / LEDGER
        self._root = os.fsencode(os.path.realpath(root)) + b"/"
        self._edition = edition
        self.fresh = fresh
        self._warn = warn
        self._alone = Lock()
        self._was_empty: bool | None = None  # when this run first kept something
        try:
            self._connection = _opened(self._path)
        except _BROKEN as error:
            self._begin_anew(error)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def holds_files(self) -> bool:
        """Whether `unchanged` may find any by now."""
        if self.fresh:
            return False
        with self._guarded():
            return self._holds("files")
        return False

    def _holds(self, table: str) -> bool:
        return bool(self._connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0])

    def unchanged(self, file: str, stamp: Stamp) -> list[Prepared]:
        """Give the pages of a file whose stamp is still the one it was read with; none for any other."""
        if self.fresh:
            return []
        with self._guarded():
            found = self._connection.execute(_PATH, (self._root + os.fsencode(file), *stamp)).fetchone()
            if found:
                return _pages(self._connection, self._edition, file, found[0])
        return []

    def recall(self, file: str, sha256: str) -> list[Prepared]:
        """Give the pages of a content, as those of `file`; none where it is new."""
        if self.fresh:
            return []
        with self._guarded():
            return _pages(self._connection, self._edition, file, bytes.fromhex(sha256))
        return []

    def knows(self, contents: Sequence[str]) -> Container[str]:
        """Give those of some contents that can be recalled."""
        if self.fresh:
            return ()
        with self._guarded():
            return _known(self._connection, self._edition, contents)
        return ()

    def reader(self) -> Knows:
        """Return what knows the same in another process, and can be sent there."""
        if self.fresh:
            return _Reader(None, self._edition)
        with self._guarded():
            (last,) = self._connection.execute("SELECT IFNULL(MAX(rowid), 0) FROM pages").fetchone()
        return _Reader(self._path.absolute(), self._edition, last)

    def keep(self, pages: Sequence[Prepared], copies: Sequence[Known] = ()) -> None:
        """Store all pages of some files, with the logits of those that have an image, before it returns.

        Of `copies` the content is here already. What has no hash was not read, so there is nothing to keep.
        """
        news = [page for page in pages if page.sha256 and (page.stamp or not page.stored)]
        read = [copy for copy in copies if copy.stamp]
        if not news and not read:
            return
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._keep(news, read)
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def _files(self, read: Sequence[Prepared | Known]) -> list[tuple[Any, ...]]:
        """Return the rows of files, whose names are encoded in one go: that takes a fifth of the time."""
        names = os.fsencode("\0".join([one.file for one in read])).split(b"\0") if read else []
        return [
            (bytearray(self._root + name), *(one.stamp or ()), bytearray.fromhex(one.sha256))
            for name, one in zip(names, read, strict=True)
        ]

    def _keep(self, news: Sequence[Prepared], copies: Sequence[Known]) -> None:
        """Write a batch table by table.

        As bytearrays: of bytes the sqlite3 module finds out each time that nobody adapts them, which takes
        longer than to bind them.
        """
        made_by, read_by = bytearray(self._edition.made_by), bytearray(self._edition.read_by)
        read: list[Prepared | Known] = [*copies]
        contents, pages, answers = [], [], []
        for (_, hexadecimal), group in groupby(news, key=lambda page: (page.file, page.sha256)):
            content, first = bytearray.fromhex(hexadecimal), next(group)
            if first.stamp:
                read.append(first)
            if first.stored:
                continue
            contents.append((content, made_by))
            for place, page in enumerate((first, *group)):
                values = _values(page)
                pages.append((content, place, made_by, *values, _checksum(content, *values)))
                if page.logits is not None:
                    logits = bytearray(page.logits)
                    answers.append((content, place, made_by, read_by, logits, _checksum(content, logits)))
        if self._was_empty is None:
            self._was_empty = not self._holds("pages")
        if not self._was_empty:
            delete = self._connection.executemany
            delete("DELETE FROM pages WHERE content = ?", [(content,) for content, _ in contents])
            delete("DELETE FROM answers WHERE content = ? AND made_by <> ?", contents)
        # In the order of the index, so that neighbours go where the last one went: 24 to 20 µs a new content.
        for rows in (pages, answers):
            rows.sort(key=itemgetter(0))
        for table, rows in (("files", self._files(read)), ("pages", pages), ("answers", answers)):
            self._put(table, rows)

    def _put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows, of which a later one takes an earlier one's place: a content may come twice."""
        while rows:
            # Powers of two: Python keeps each statement, with the values that it had last.
            many = min(_TOGETHER, 1 << (len(rows).bit_length() - 1))
            row = f"({', '.join('?' * len(rows[0]))})"
            insert = f"INSERT OR REPLACE INTO {table} VALUES {', '.join([row] * many)}"
            self._connection.execute(insert, [value for some in rows[:many] for value in some])
            rows = rows[many:]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Let one thread in at a time, and begin anew if the ledger proves damaged meanwhile."""
        with self._alone:
            try:
                yield
            except _BROKEN as error:
                self._connection.close()
                self._begin_anew(error)

    def _begin_anew(self, error: Exception) -> None:
        """Set the file aside and open a new one, unless that would help as little."""
        if isinstance(error, sqlite3.DatabaseError) and _lies_in_the_place(error.sqlite_errorcode):
            raise cannot_write(self._path.parent, f"{LEDGER}: {error}") from error
        self._warn(f"{self._path} is damaged ({error}); it is set aside as {DAMAGED} and begun anew")
        for ending in ("", "-wal", "-shm"):
            part = self._path.with_name(LEDGER + ending)
            if part.exists():
                part.rename(part.with_name(DAMAGED + ending))
        self._connection = _opened(self._path)
        self._was_empty = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Knows contents in a process of its own; nothing without a path, or if the ledger there is damaged.

    `begun` is the last page that was there when the run began.
    """

    path: Path | None
    edition: Edition
    begun: int = 0

    def __call__(self, contents: Sequence[str]) -> Container[str]:
        if self.path is None:
            return ()
        try:
            return _seen_by(self).of(contents)
        except (sqlite3.Error, *_BROKEN):
            return ()


class _Seen:
    """What a reader knows: what was kept since the run began, in memory, and the rest where it lies.

    To look for each content in the ledger takes 2 µs, and in memory a tenth of that.
    """

    def __init__(self, reader: _Reader) -> None:
        assert reader.path is not None
        self._connection = sqlite3.connect(f"{reader.path.as_uri()}?mode=ro", uri=True)
        self._edition = reader.edition
        self._older = self._last = reader.begun  # pages up to which are looked for, and that were seen at all
        self._newer: set[str] = set()

    def of(self, contents: Sequence[str]) -> Container[str]:
        """Give those of some contents that are known."""
        for row, content in self._connection.execute(_NEWER, (self._last, self._edition.made_by)):
            self._newer.add(content.hex())
            self._last = row
        if len(self._newer) > _MOST:
            self._newer.clear()
            self._older = self._last
        known = self._newer.intersection(contents)
        if self._older and len(known) < len(contents):
            known |= _known(self._connection, self._edition, set(contents) - known)
        return known


@lru_cache(maxsize=1)
def _seen_by(reader: _Reader) -> _Seen:
    return _Seen(reader)


def _lies_in_the_place(code: int) -> bool:
    return code & 0xFF in _OF_THE_PLACE and code not in _OF_THE_FILE


def _opened(path: Path) -> sqlite3.Connection:
    """Open the ledger, or make it. Raises one of `_BROKEN` if it is none."""
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        # WAL: a reader never waits, and a commit is one short append, safe against the death of the process;
        # NORMAL: a power cut may take the last commits back, but leaves the file sound.
        connection.execute(f"PRAGMA page_size = {_PAGE}")  # of a new file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (page,) = connection.execute("PRAGMA page_size").fetchone()  # an older file keeps its own
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL // page}")
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        if schema == 0:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_SCHEMA}; COMMIT;")
        elif schema != _SCHEMA:
            raise DamagedError(f"its version is {schema}, and this program knows {_SCHEMA}")
    except BaseException:
        connection.close()
        raise
    return connection


def _known(connection: sqlite3.Connection, edition: Edition, contents: Iterable[str]) -> set[str]:
    # A statement for all, since each begins with a look at what others have written meanwhile. Answers take a
    # tenth of the pages' room, so most are looked up there.
    known = set[bytes]()
    asked = {bytes.fromhex(content) for content in contents}
    for edition_, select in ((edition.read_by, _ANSWERED), (edition.made_by, _MADE)):
        left = asked - known
        marks = ",".join("?" * len(left))
        known.update(content for (content,) in connection.execute(f"{select} ({marks})", (edition_, *left)))
    return {content.hex() for content in known}


def _pages(connection: sqlite3.Connection, edition: Edition, file: str, content: bytes) -> list[Prepared]:
    terms = {"content": content, "made_by": edition.made_by, "read_by": edition.read_by}
    rows = connection.execute(_PAGES, terms).fetchall()
    return [_page(file, content, row) for row in rows]


def _page(file: str, content: bytes, row: tuple[Any, ...]) -> Prepared:
    *values, checksum, logits, logits_checksum = row
    number, width, height, reason, detail, image, thumbnail, thumbnail_width = values
    if checksum != _checksum(content, *values) or (
        logits is not None and logits_checksum != _checksum(content, logits)
    ):
        raise DamagedError("a checksum does not fit")
    return Prepared(
        file,
        content.hex(),
        number,
        width,
        height,
        None if reason is None else Reason(reason),
        detail,
        None if image is None else np.frombuffer(image, np.uint8).reshape(SIDE, SIDE),
        None if thumbnail is None else thumbnail_of(thumbnail, thumbnail_width),
        None if logits is None else np.frombuffer(logits, np.float32),
        stored=image is None or logits is not None,
    )


def _values(page: Prepared) -> tuple[Any, ...]:
    """Return a page as its columns from `number` to `thumbnail_width`."""
    image = None if page.image is None else bytearray(page.image)
    thumbnail, width = (
        (None, None) if page.thumbnail is None else (bytearray(page.thumbnail), width_of(page.thumbnail))
    )
    reason = None if page.reason is None else str(page.reason)
    # A decoder's message may hold a lone surrogate, which UTF-8 cannot.
    detail = page.detail.encode("utf-8", "backslashreplace").decode("utf-8")
    return (page.page, page.width, page.height, reason, detail, image, thumbnail, width)


def _checksum(*values: Any) -> int:
    """Return the CRC-32 of values; SQLite itself would not notice a flipped bit in one."""
    parts = [value if isinstance(value, _BLOBS) else repr(value).encode() for value in values]
    return zlib.crc32(b"".join(parts))

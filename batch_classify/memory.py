"""The rows that this run has answered already, by content, so that a copy costs no more than a look.

Knows no pictures: a copy's are those of the first, wherever they are by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from batch_classify.row import Row

_MOST = 2**14  # contents, of 0.9 KB each, and as many that were not asked for since these began


class Memory:
    """What is in it is asked for by SHA-256.

    In two generations, of which the older one goes when the newer is full. Who has asked whether something is
    there finds it for as long as no two generations' contents come meanwhile.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._older: dict[str, list[Row]] = {}

    def __contains__(self, sha256: object) -> bool:
        if sha256 in self._rows:
            return True
        if isinstance(sha256, str) and (rows := self._older.pop(sha256, None)):
            self._rows[sha256] = rows
            return True
        return False

    def rows(self, sha256: str) -> Sequence[Row]:
        """Return the rows of a content that is in it; they name the first file that had it."""
        return self._rows.get(sha256) or self._older[sha256]

    def keep(self, rows: Sequence[Row]) -> None:
        """Keep all rows of some files; of what has no hash, nothing is known."""
        for (_, sha256), pages in groupby(rows, key=lambda row: (row.file, row.sha256)):
            if sha256:
                if len(self._rows) >= _MOST:
                    self._older, self._rows = self._rows, {}
                self._rows[sha256] = list(pages)

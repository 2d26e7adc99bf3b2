"""What the file system says of a file: enough to tell, without reading it, that it is as it was.

Knows sizes and times; never opens a file.
"""

from __future__ import annotations

import os
from typing import NamedTuple

COARSE_NS = 2 * 10**9
"""After a touch another might not show for so long: the times of some file systems are no finer."""


class Stamp(NamedTuple):
    """A file's size in bytes, its times in nanoseconds since 1970, and its inode number.

    A write moves `mtime_ns`, which a program can set back; whatever sets it back moves `ctime_ns`.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp from what `os.stat` or `os.fstat` gives."""
        stamp = cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        fits = (
            min(stamp) >= -(2**63) and max(stamp) < 2**63
        )  # as nearly all do; to fold takes half as long again
        return stamp if fits else cls(*map(_signed, stamp))

    def touched_within(self, seconds: float, now_ns: int) -> bool:
        """Whether the file was touched less than `seconds` before `now_ns`.

        Or as much after it, since a server's clock may run ahead; a time far in the future means nothing.
        """
        return min(abs(now_ns - self.mtime_ns), abs(now_ns - self.ctime_ns)) < seconds * 1e9

    def touched_between(self, first_ns: int, last_ns: int) -> bool:
        """Whether the file was touched after the first of two moments and before the last."""
        return first_ns < self.mtime_ns < last_ns or first_ns < self.ctime_ns < last_ns


def _signed(number: int) -> int:
    """Fold a number into 64 bits with a sign, as the ledger and C have it; some inodes need the last one."""
    return (number + 2**63) % 2**64 - 2**63

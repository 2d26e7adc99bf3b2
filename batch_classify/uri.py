"""An address in an object store, where otherwise a path stands.

Knows how it is written; opens nothing, and does not know which kinds of store there are.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


class Uri(str):
    """An address such as s3://bucket/scans, which does what a Path does as far as a run asks it to."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What follows the last `/`."""
        return self.rstrip("/").rpartition("/")[2]

    def absolute(self) -> Uri:
        """Return the address, which is one wherever the program runs."""
        return self

    def __truediv__(self, name: str) -> Uri:
        """Return the address of `name` below this one."""
        return Uri(f"{self.rstrip('/')}/{name}")


def is_uri(text: str) -> bool:
    """Whether a text is an address and not the path of a file."""
    return _SCHEME.match(text) is not None

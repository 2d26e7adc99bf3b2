r"""A file's name as the CSV writes it, and back.

The cell is valid UTF-8 whatever the name's bytes and the locale are, and no two names share a cell.
Knows nothing of CSV quoting, which is the writer's, nor whether the file exists.
"""

from __future__ import annotations

import os
import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LOOKS_ESCAPED = re.compile(rb"\\(?=x[0-9a-fA-F]{2})")
_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")


def to_cell(file: str) -> str:
    r"""Write `file`, a path below INPUT as the system gives it (surrogate escapes), as a cell.

    A byte that is not UTF-8 stands as `\xe9`; a backslash that already looks like the start of such an
    escape stands as `\x5c`; a name that a spreadsheet would take for a formula gets `./` in front.
    Everything else is unchanged. Raises UnicodeEncodeError if no file can be named `file`.
    """
    if file.isascii() and "\\" not in file:  # as most are
        cell = file
    else:
        # Through the bytes, because what `file` itself looks like depends on the locale.
        name = _LOOKS_ESCAPED.sub(rb"\\x5c", os.fsencode(file))
        cell = name.decode("utf-8", "backslashreplace")
    return f"./{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def from_cell(cell: str) -> str:
    """Give back the path that `to_cell` wrote as `cell`; only one that begins with `./` comes back changed.

    Raises UnicodeEncodeError if `cell` holds a lone surrogate, which `to_cell` never writes.
    """
    name = cell.removeprefix("./").encode("utf-8")
    return os.fsdecode(_ESCAPED.sub(lambda escape: bytes([int(escape[1], 16)]), name))

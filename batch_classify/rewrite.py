"""A file replaced whole or not at all, so that neither a reader nor a power cut sees half of it.

Knows bytes and names; does not know what the file is for, nor how to tell a user that it cannot be written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def rewrite(file: Path, contents: bytes, by: str = "") -> None:
    """Put `contents` into `file`, which is as it was until all of them are on the disk.

    They are written beside it first, as `.{name}{by}.partial`; where several processes may write the file at
    a time, `by` tells their partials apart. Raises OSError, and then leaves no partial of its own.
    """
    partial = file.with_name(f".{file.name}{by}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(contents)
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the new name on an empty file
        partial.replace(file)
    except BaseException:
        with suppress(OSError):  # what went wrong first is what the caller should hear
            partial.unlink()
        raise

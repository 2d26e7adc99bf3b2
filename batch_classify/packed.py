"""Scans packed into one file: tar shards in the layout of WebDataset, and Parquet with a column of bytes.

To a store, a million small objects cost a million requests, and a thousand of these a thousand. A packed file
counts as a folder, and what it holds stands below its name in the table. Does not know what is in a picture.
Needs the extra `ray`, so it is imported only where there is one to read.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from batch_classify.decode import Contents, take
from batch_classify.objects import opened, unread
from batch_classify.scan import Selection
from batch_classify.uri import Uri

PACKED = (".tar", ".parquet")
_READ_AHEAD = 8 * 2**20  # bytes
_ROWS = 64  # of Parquet at a time
_NAMES = ("file", "path", "name", "file_name", "filename", "__key__", "key")

Member = tuple[str, Contents] | None
"""A scan's name and contents; None for what is none."""


def members(root: Path | Uri, packed: str, selection: Selection) -> Iterator[Member]:
    """Yield the scans in a packed file below `root`, in its order; None for each other file in it.

    Where it is damaged or cut short, what came before is there, and the last one stands for the rest: it has
    the name of the packed file with a `/`.
    """
    fs, base = opened(root)
    try:
        with fs.open(f"{base}/{packed}", "rb", block_size=_READ_AHEAD) as stream:
            read = _of_tar if packed.lower().endswith(".tar") else _of_parquet
            yield from read(stream, packed, selection)
    except Exception as error:  # a store's library, tarfile and pyarrow have errors of their own
        yield f"{packed}/", unread(error, "archive, or the rest of it,")


class _Header(tarfile.TarInfo):
    """A header in a tar; where there should be one and is none, tarfile by itself takes that for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header. Raises EOFHeaderError at the end mark, ReadError for damage."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _of_tar(stream: IO[bytes], packed: str, selection: Selection) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar:
        for member in tar:
            name = PurePosixPath(member.name.lstrip("/"))
            data = tar.extractfile(member) if member.isreg() else None
            if data is None or any(part.startswith(".") for part in name.parts):
                continue
            above = [f"{packed}/{folder}" for folder in name.parents if folder.name]
            taken = selection.takes(f"{packed}/{name}") and all(map(selection.enters, above))
            yield (f"{packed}/{name}", take(data)) if taken else None


def _of_parquet(stream: IO[bytes], packed: str, selection: Selection) -> Iterator[Member]:
    """Yield the rows; they need no image's name, but `--exclude` holds for the name that they have."""
    every_row = replace(selection, include=("*",))
    with pq.ParquetFile(stream) as file:
        column, inside, names = _columns(file.schema_arrow)
        wanted = [column, *([names] if names else [])]
        number = 0
        for batch in file.iter_batches(_ROWS, columns=wanted):
            for row in batch.to_pylist():
                value: Any = row[column] or {}
                name = row[names] if names else value.get("path") if inside else None
                path = f"{packed}/{number:08}" if name is None else f"{packed}/{str(name).lstrip('/')}"
                data = (value.get(inside) if inside else value) or b""
                number += 1
                yield (path, take(pa.BufferReader(data))) if every_row.takes(path) else None


def _columns(schema: pa.Schema) -> tuple[str, str | None, str | None]:
    """Find the column of bytes, the field in it if it is a struct (as Hugging Face has it), and the names."""
    names = next((name for name in _NAMES if name in schema.names), None)
    for field in schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            return field.name, None, names
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return field.name, "bytes", names
    raise ValueError("it has no column of bytes")

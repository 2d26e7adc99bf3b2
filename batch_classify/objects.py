"""Scans in an object store: which of them belong to a run, and their bytes, through fsspec.

Does for an address what `scan` and `decode.read` do for a folder of this machine. Does not know what is in an
object. Needs the extra `ray`, so it is imported only where an address is given.
"""

from __future__ import annotations

import errno
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from fsspec.core import url_to_fs

from batch_classify.decode import DEFAULT_LIMITS, Contents, Page, take
from batch_classify.row import Reason
from batch_classify.scan import ALL_IMAGES, Scan, Selection
from batch_classify.uri import Uri

_AT_ONCE = 32  # objects on their way: a request takes some ten milliseconds, most of them waiting
_HELD = 64 * 2**20  # bytes of them, at most and but for one object
# What the stores call that by which an object is known to be as it was.
_MARKS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "created")


class Mark(NamedTuple):
    """What a listing says of a file: its size, and whatever else tells whether it changed."""

    size: int
    text: str


class ObjectScan(Scan):
    """The candidates below an address, in the order in which `Scan` has them below a folder.

    A prefix up to a `/` counts as a folder. There are no links, and the listing tells whether an object
    changed, see `mark`. `skip` is an address that is not looked into.
    """

    def __init__(self, root: Uri, selection: Selection = ALL_IMAGES, skip: Uri | None = None) -> None:
        super().__init__(Path(), selection)
        self._address = root
        self.path = self.root = root  # type: ignore[assignment]  # as far as a run is concerned, a folder
        self._fs, self._base = opened(root)
        self._skip = opened(skip)[1] if skip else None
        self._marks: dict[str, Mark] = {}

    def count(self) -> int:
        """Count the candidates, by listing them once more than needed."""
        return sum(1 for _ in ObjectScan(self._address, self.selection))

    def mark(self, file: str) -> Mark:
        """Return what the listing said of an object; once only, right after its name."""
        return self._marks.pop(file)

    def _list(self, folder: str, closed: set[tuple[int, int]]) -> list[str]:
        place = f"{self._base}/{folder}".rstrip("/")
        if place == self._skip:
            return []
        try:
            entries = self._fs.ls(place, detail=True)
        except FileNotFoundError as error:
            raise OSError(errno.ENOENT, "there is nothing at this address") from error
        except Exception as error:  # whatever a store's library raises where it cannot be reached
            raise OSError(errno.EIO, str(error)) from error
        found = []
        for entry in entries:
            name = entry["name"].rstrip("/").rpartition("/")[2]
            path = folder + name
            if name.startswith(".") or entry["name"].rstrip("/") == place:  # some stores list the folder too
                continue
            if entry["type"] == "directory":
                found += [f"{path}/"] if self.selection.enters(path) else []
            elif self.selection.takes(path):
                found.append(path)
                said = " ".join(str(entry[key]) for key in _MARKS if key in entry)
                self._marks[path] = Mark(entry["size"] or 0, said)
            else:
                self.ignored += 1
        return sorted(found, key=lambda path: path.removesuffix("/").encode(), reverse=True)


def opened(place: Path | Uri) -> tuple[Any, str]:
    """Return the file system of a place, which remembers no listing, and the path in it."""
    fs, path = url_to_fs(str(place), use_listings_cache=False)
    return fs, str(path).rstrip("/")


def read_objects(root: Path | Uri, files: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Contents]]:
    """Read objects below `root`, given with their sizes, as `decode.read` reads files, some ahead."""
    fs, base = opened(root)
    # s3fs would ask for each object's size first, to read a large one in several requests.
    options = {"max_concurrency": 1} if "s3" in fs.protocol else {}
    coming: deque[tuple[str, int, Future[Contents]]] = deque()
    held = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file, size in files:
            coming.append((file, size, pool.submit(_read, fs, f"{base}/{file}", size, options)))
            held += size
            while len(coming) > 1 and (len(coming) > _AT_ONCE or held > _HELD):
                first, freed, contents = coming.popleft()
                held -= freed
                yield first, contents.result()
        for file, _, contents in coming:
            yield file, contents.result()


def _read(fs: Any, path: str, size: int, options: dict[str, int]) -> Contents:
    try:
        if size > DEFAULT_LIMITS.bytes:
            with fs.open(path, "rb") as stream:
                return take(stream)
        return take(io.BytesIO(fs.cat_file(path, **options)))
    except Exception as error:  # a store's library has errors of its own
        return unread(error, "object")


def unread(error: Exception, what: str) -> Contents:
    """Return what stands for an object, or something else, that could not be read."""
    if isinstance(error, FileNotFoundError):
        reason, detail = Reason.VANISHED, f"the {what} is no longer there"
    elif isinstance(error, PermissionError):
        reason, detail = Reason.PERMISSION_DENIED, f"no permission to read the {what}"
    else:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        reason, detail = Reason.UNREADABLE, f"the {what} could not be read ({cause})"
    return Contents(None, "", Page(None, None, None, None, reason, detail))

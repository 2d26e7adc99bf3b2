"""Hostile input: no crash of the run, no hang, no memory beyond the bound, no name that leads astray."""

from __future__ import annotations

import csv
import itertools
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hostile import Fate, crashed, fates, sound

from batch_classify import decode as decode_module
from batch_classify.classifier import Classifier
from batch_classify.decode import DEFAULT_LIMITS
from batch_classify.job import IN_THIS_PROCESS, Effort, run
from batch_classify.pool import MEMORY, Beat, each, in_order
from batch_classify.prepare import Known, Knows, Prepared, prepare_all, prepare_new
from batch_classify.prepare import crashed as crashed_file
from batch_classify.row import Reason, Status
from batch_classify.scan import Scan

MILLION = 10**6


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """Return a chunk of a PNG, with its right checksum, and a length that may lie."""
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, colour: int = 0) -> bytes:
    """Return a PNG of 8 bits with these chunks after its header."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def packed(length: int) -> bytes:
    """Return so many zeros, deflated: a thousandth of that."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(MILLION)) for _ in range(length // MILLION)]
    return b"".join([*parts, packer.compress(bytes(length % MILLION)), packer.flush()])


def tiff(tags: dict[int, tuple[int, int, int]], rest: bytes = b"", following: int = 0) -> bytes:
    """Return a TIFF of one directory: tag to type, count and value; `following` points to the next."""
    entries = b"".join(struct.pack("<HHII", tag, *values) for tag, values in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + rest


SIZE = {256: (4, 1, 24), 257: (4, 1, 40), 258: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1), 278: (4, 1, 40)}
CRAFTED = {
    "a header of 65,535 squared, and little else": png(65_535, 65_535, chunk(b"IDAT", zlib.compress(b"\0"))),
    "a header of 2^31 - 1 squared": png(2**31 - 1, 2**31 - 1),
    "a bomb within the limit on pixels": png(10_000, 10_000, chunk(b"IDAT", packed(10_000 * 10_001))),
    "pixels that go on for a gigabyte after the last": png(24, 40, chunk(b"IDAT", packed(10**9))),
    "a text of a gigabyte, packed": png(
        24, 40, chunk(b"zTXt", b"a\0\0" + packed(10**9)), chunk(b"IDAT", b"")
    ),
    "a colour profile of a gigabyte": png(
        24, 40, chunk(b"iCCP", b"a\0\0" + packed(10**9)), chunk(b"IDAT", b"")
    ),
    "a chunk that claims 2 GiB": png(24, 40, chunk(b"IDAT", b"", length=2**31 - 1)),
    "a chunk of a negative length": png(24, 40, chunk(b"tEXt", b"", length=2**32 - 12)),
    "a hundred thousand empty chunks": png(24, 40, chunk(b"IDAT", b"") * 100_000),
    "a palette of the wrong size": png(24, 40, chunk(b"PLTE", bytes(5)), chunk(b"IDAT", b""), colour=3),
    "two headers": png(24, 40, png(9_999, 9_999)[8:33], chunk(b"IDAT", packed(25 * 40))),
    "a directory that follows itself": tiff(SIZE | {273: (4, 1, 8), 279: (4, 1, 960)}, following=8),
    "a directory within itself": tiff(SIZE | {273: (4, 1, 8), 330: (4, 1, 8)}, bytes(960)),
    "a tag of four billion values": tiff(SIZE | {273: (4, 2**32 - 1, 8), 279: (4, 2**32 - 1, 8)}, bytes(960)),
    "a strip of four gigabytes": tiff(SIZE | {273: (4, 1, 8), 279: (4, 1, 2**32 - 1)}, bytes(960)),
    "a tile of 65,520 squared": tiff(
        SIZE | {322: (4, 1, 65_520), 323: (4, 1, 65_520), 324: (4, 1, 8)}, bytes(960)
    ),
    "a TIFF of 65,535 squared": tiff(SIZE | {256: (4, 1, 65_535), 257: (4, 1, 65_535)}, bytes(960)),
    "a GIF of 65,535 squared": b"GIF89a"
    + b"\xff" * 4
    + b"\0" * 3
    + b","
    + bytes(4)
    + b"\xff" * 4
    + b"\0\x08",
    "a BMP of a negative height": b"BM"
    + bytes(12)
    + struct.pack("<IiiHHI", 40, 24, -(2**31), 1, 8, 1)
    + bytes(99),
    "a PGM with a number of a million digits": b"P5 " + b"9" * MILLION + b" 1 255\n",
    "a PGM of comments": b"P2\n" + b"#\n" * MILLION + b"2 1 255 0 255",
}


def fate_of(data: bytes) -> Fate:
    """Say what becomes of one file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hostile.hostile", lambda number: data)
        return fates([0])[0]


def fates_of_crafted(names: Sequence[str], beat: Beat) -> list[Fate]:
    """Do a worker's steps on crafted files."""
    return [fate_of(CRAFTED[name]) for name in each(names, beat)]


@pytest.fixture(scope="module")
def crafted() -> dict[str, Fate]:
    """What became of each crafted file, in a worker."""
    results = in_order(fates_of_crafted, [[name] for name in CRAFTED], 1, lambda name: crashed(0))
    return dict(zip(CRAFTED, itertools.chain.from_iterable(results), strict=True))


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_do_no_harm(crafted: dict[str, Fate], name: str) -> None:
    """Each gets its reason, or is read for what it is, within the memory of a worker."""
    assert crafted[name].word in {"read", *Reason}
    assert crafted[name].megabytes * 2**20 < MEMORY


def test_damaged_files_of_every_format_do_no_harm() -> None:
    """Six hundred of the inputs of `hostile.py`, which says how to run more."""
    chunks = [range(at, at + 50) for at in range(0, 600, 50)]
    found = list(itertools.chain.from_iterable(in_order(fates, chunks, 2, crashed)))
    assert [fate.number for fate in found] == list(range(600))
    assert {fate.word for fate in found} <= {"read", *Reason}
    assert max(fate.megabytes for fate in found) * 2**20 < MEMORY


def test_the_sound_files_are_sound() -> None:
    """The damage is done to files that can be read, each of them."""
    assert {fate_of(data).word for data in sound()} == {"read"}


def test_names_lead_nobody_astray(tmp_path: Path, classifier: Classifier) -> None:
    """Line breaks, quotes, commas, controls and other bytes in names: a row each, and the columns hold."""
    names = [
        "two\nlines.png",
        'a "b", c.png',
        "tab\t.png",
        "\x1b[2J.png",
        "caf\udce9.png",
        "\u202egnp.png",
        "%s.png",
    ]
    names += [
        "-rf.png",
        "'; DROP TABLE files; --.png",
        "<script>alert(1).png",
        "\\xe9.png",
        "x" * 251 + ".png",
    ]
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in names:
        (scans / name).write_bytes(sound()[3])
    for _ in range(2):
        folder = run(Scan(scans), classifier, tmp_path / "out", effort=IN_THIS_PROCESS).folder
        with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(names) == len({row["file"] for row in rows})
        assert all(row["status"] in set(Status) and len(row["sha256"]) == 64 for row in rows)
        assert "<script>alert" not in (folder / "report.html").read_text(encoding="utf-8")


def endless(
    root: Path, files: Iterable[str], knows: Knows, begin: Beat
) -> tuple[list[Prepared], list[Known]]:
    """Stand in for a decoder that never comes back from one file."""
    chunk = list(files)
    begin()
    while "5.png" in chunk:
        pass
    return prepare_new(root, chunk, knows, begin)


def test_a_file_that_hangs_costs_itself(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time it is unreadable, all others are answered, and the next run does not try it again."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(8):
        (scans / f"{number}.png").write_bytes(sound()[3] + bytes(number))
    monkeypatch.setattr("batch_classify.intake.prepare_new", endless)
    monkeypatch.setattr("batch_classify.intake.in_order", partial(in_order, seconds=3))
    outcome = run(Scan(scans), classifier, tmp_path / "out", effort=Effort(batch_size=4, workers=2))
    assert outcome.summary.reasons[Reason.UNREADABLE] == 1
    assert outcome.summary.statuses[Status.ERROR] == 1
    again = run(Scan(scans), classifier, tmp_path / "out", effort=Effort(batch_size=4, workers=2))
    assert again.remembered == 8


@pytest.mark.usefixtures("nothing_is_small")
def test_a_file_that_grows_for_ever_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ends at the limit, however fast somebody writes, in the main process too."""
    monkeypatch.setattr(
        decode_module.os,
        "read",
        lambda file, size: (tmp_path / "a.png").write_bytes(b"x" * size) and b"x" * size,
    )
    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr("batch_classify.prepare.DEFAULT_LIMITS", type(DEFAULT_LIMITS)(bytes=1000))
    (page,) = prepare_all(tmp_path, ["a.png"])
    assert page.reason is Reason.BEING_WRITTEN
    assert crashed_file(tmp_path, "a.png").sha256 == ""

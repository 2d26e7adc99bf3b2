"""A name goes into a cell of the CSV and comes back as it was, whatever its bytes are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify.filename import from_cell, to_cell

LOOK_LIKE_ESCAPES = st.lists(st.sampled_from(list(b"\\x5ce9E=./\xc3\xa9\xed\xa0\x80"))).map(bytes)
NAMES = (
    (st.binary() | LOOK_LIKE_ESCAPES)
    .filter(lambda name: b"\0" not in name and not name.startswith((b"/", b"./")))
    .map(os.fsdecode)
)

PLAIN = ["seven.png", "2024/März/七 🙂.tif", "a=b.png", "1/=2", r"\\server\x.png", r"\xg0", "'quo\"te',\n"]
ESCAPED = [
    (b"caf\xe9.png", r"caf\xe9.png"),
    (b"\xe9\xe8", r"\xe9\xe8"),
    (b"\xc3", r"\xc3"),
    (b"\xed\xa0\x80", r"\xed\xa0\x80"),
    (rb"caf\xe9.png", r"caf\x5cxe9.png"),
    (rb"caf\xE9.png", r"caf\x5cxE9.png"),
    (rb"\\x5c", r"\\x5cx5c"),
    (b"\\\xe9", r"\\xe9"),
    (b"\\x\xab", r"\x\xab"),
]
FORMULAS = ["=1+1.png", "+1.png", "-1.png", "@sum.png", "\tx.png", "\rx.png"]


@pytest.mark.parametrize("name", PLAIN)
def test_an_ordinary_name_is_unchanged(name: str) -> None:
    """Nothing is escaped that need not be, nor is a formula sign beyond the first character."""
    assert to_cell(name) == name


@pytest.mark.parametrize(("name", "cell"), ESCAPED)
def test_bytes_that_are_not_utf8_are_escaped(name: bytes, cell: str) -> None:
    """An undecodable byte is written in hex, and a name that already looks so is told apart from it."""
    assert to_cell(os.fsdecode(name)) == cell


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_is_a_formula(name: str) -> None:
    """A name that a spreadsheet would compute is written as a path."""
    assert to_cell(name) == f"./{name}"


@pytest.mark.parametrize("name", [*PLAIN, *FORMULAS, *(os.fsdecode(name) for name, _ in ESCAPED)])
def test_the_tables_come_back(name: str) -> None:
    """Each name of the tables above is read back from its cell."""
    assert from_cell(to_cell(name)) == name


@given(NAMES)
def test_every_name_comes_back(name: str) -> None:
    """Any name that the system can hold survives the way through UTF-8."""
    assert from_cell(to_cell(name).encode("utf-8").decode("utf-8")) == name


@given(NAMES, NAMES)
def test_no_two_names_share_a_cell(one: str, other: str) -> None:
    """Cells are equal only where names are."""
    assert (to_cell(one) == to_cell(other)) == (one == other)


def test_a_path_that_no_system_gives_is_refused() -> None:
    """A lone surrogate that stands for no byte cannot be in a name, and is not written."""
    with pytest.raises(UnicodeEncodeError):
        to_cell("\ud800.png")


def test_the_locale_does_not_matter() -> None:
    """Under an ASCII locale, where the system gives every byte of é on its own, the cell is the same."""
    program = (
        "import os, sys; from batch_classify.filename import from_cell, to_cell;"
        r"name = os.fsdecode(b'caf\xc3\xa9 \xe9'); cell = to_cell(name);"
        "print(sys.getfilesystemencoding(), ascii(cell), from_cell(cell) == name)"
    )
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **ascii_locale},
        capture_output=True,
        text=True,
        check=True,
    )
    encoding, *said = answer.stdout.split(maxsplit=1)
    assert encoding != "utf-8"
    assert said == [ascii("café \\xe9") + " True\n"]


def test_a_latin_1_locale_does_not_matter_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system reads every byte as a character, the cell is still that of the bytes."""
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode("latin-1"))
    name = b"caf\xc3\xa9 \xe9".decode("latin-1")
    assert to_cell(name) == r"café \xe9"
    assert from_cell(r"café \xe9") == name

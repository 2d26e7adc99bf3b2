"""predictions.csv: what a row looks like in it, and that anything comes back as it was."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify.filename import to_cell
from batch_classify.report.table import COLUMNS, Table, columns, read_table, to_line
from batch_classify.row import Reason, Row, Status

SHA = "ab" * 32
SURE = Row("7.png", None, Status.OK, None, "", 7, 0.98765432, 1, 0.01, 96, 80, SHA)
BLANK = Row("a/b.tif", 3, Status.REJECTED, Reason.BLANK, "no ink", width=20, height=30, sha256=SHA)
GONE = Row("x.png", None, Status.ERROR, Reason.VANISHED)
TENTHS = (0.1,) * 10

LINES = [
    (SURE, f"7.png,,7,0.987654,ok,,1,0.010000,96,80,{SHA}\n"),
    (BLANK, f"a/b.tif,3,,,rejected,blank,,,20,30,{SHA}\n"),
    (GONE, "x.png,,,,error,vanished,,,,,\n"),
]
FILES = [
    ("plain name.png", "plain name.png"),
    ("it's.png", "it's.png"),
    ("a,b.png", '"a,b.png"'),
    ('"', '""""'),
    ("a\nb.png", '"a\nb.png"'),
    ("a\rb.png", '"a\rb.png"'),
    ("=1+1.png", "./=1+1.png"),
    (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
]

NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name).map(os.fsdecode)
AWKWARD = st.text(st.sampled_from(list(",\" \t\r\n';=\\#\ufeff\u2028é7")), min_size=1)
WHOLE = st.none() | st.integers(0, 2**40)
DIGIT = st.none() | st.integers(0, 9)
SHARE = st.none() | st.floats(0, 1)
ROWS = st.builds(
    Row,
    file=NAMES | AWKWARD | st.sampled_from(["NA", "null", "nan", "None", "1", "true"]),
    page=WHOLE,
    status=st.sampled_from(Status),
    reason=st.none() | st.sampled_from(Reason),
    label=DIGIT,
    confidence=SHARE,
    second_label=DIGIT,
    second_confidence=SHARE,
    width=WHOLE,
    height=WHOLE,
    sha256=st.sampled_from(["", SHA, "0" * 64]),
    probabilities=st.none() | st.tuples(*[st.floats(0, 1)] * 10),
    reject_score=SHARE,
)


def write(path: Path, rows: Iterable[Row], probabilities: bool = False) -> Path:
    """Write the rows to `path`, and give it back."""
    with Table(path, probabilities=probabilities) as table:
        for row in rows:
            table.write(row)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a file that examples may overwrite."""
    return tmp_path_factory.mktemp("table") / "predictions.csv"


@pytest.mark.parametrize(("row", "line"), LINES)
def test_a_row_is_one_line(row: Row, line: str) -> None:
    """Absent values are empty, probabilities have six decimals, and the detail is not a column."""
    assert to_line(row, probabilities=False) == line


@pytest.mark.parametrize("probabilities", [False, True])
def test_a_row_like_another_is_spelt_like_it(path: Path, probabilities: bool) -> None:
    """But for its file, and only where all else is the same."""
    rows = [row._replace(file=f"{number}, {row.file}") for row, _ in LINES for number in range(3)]
    with Table(path, probabilities=probabilities) as table:
        for row in rows:
            table.write(row, again=True)
    again = path.read_bytes()
    write(path, rows, probabilities)
    assert again == path.read_bytes()


@pytest.mark.parametrize(("file", "cell"), FILES)
def test_only_what_must_be_quoted_is(file: str, cell: str) -> None:
    """A file name is quoted for a comma, a quote or a line break, and for nothing else."""
    assert to_line(Row(file, None, Status.OK), probabilities=False) == f"{cell},,,,ok,,,,,,\n"


@pytest.mark.parametrize(
    ("probabilities", "score", "tail"),
    [(TENTHS, 0.25, ",0.100000" * 10 + ",0.250000\n"), (None, None, "," * 11 + "\n")],
)
def test_probabilities_come_last(
    probabilities: tuple[float, ...] | None, score: float | None, tail: str
) -> None:
    """Eleven more columns hold the probabilities and the reject score, empty where a row has none."""
    row = Row("7.png", None, Status.OK, sha256=SHA, probabilities=probabilities, reject_score=score)
    assert to_line(row, probabilities=True) == f"7.png,,,,ok,,,,,,{SHA}{tail}"
    assert columns(True) == (*COLUMNS, *(f"p{digit}" for digit in range(10)), "reject_score")


def test_the_file_is_plain_utf8(path: Path) -> None:
    r"""There is no byte order mark, one header line, and `\n` ends every line."""
    write(path, [Row("七.png", None, Status.OK)])
    assert path.read_bytes() == (",".join(COLUMNS) + "\n七.png,,,,ok,,,,,,\n").encode()


def test_a_row_is_on_disk_when_the_table_is_closed(path: Path) -> None:
    """An error in the caller loses no row written before it."""
    with pytest.raises(KeyError), Table(path) as table:
        table.write(GONE)
        raise KeyError
    assert len(path.read_text().splitlines()) == 2


def test_a_table_without_rows_can_be_read(path: Path) -> None:
    """Columns and types are there before there is a row."""
    table = read_table(write(path, []))
    assert tuple(table.columns) == COLUMNS
    assert table.dtypes["label"] == "Int64"


@pytest.mark.parametrize("probabilities", [False, True])
def test_types_of_columns(path: Path, probabilities: bool) -> None:
    """Whole numbers stay whole although some are missing; texts are texts."""
    table = read_table(write(path, [SURE, GONE], probabilities))
    assert tuple(table.columns) == columns(probabilities)
    assert {name: str(table.dtypes[name]) for name in COLUMNS} == {
        **dict.fromkeys(("file", "status", "reason", "sha256"), "string"),
        **dict.fromkeys(("page", "label", "second_label", "width", "height"), "Int64"),
        **dict.fromkeys(("confidence", "second_confidence"), "float64"),
    }
    assert table["label"].tolist() == [7, pd.NA]
    assert table["reason"].tolist() == ["", "vanished"]


@given(st.lists(ROWS, max_size=5), st.booleans())
def test_the_csv_module_reads_what_was_written(path: Path, rows: list[Row], probabilities: bool) -> None:
    """Whatever the values are, there is one row for each `Row`, with as many cells as the header."""
    text = write(path, rows, probabilities).read_bytes().decode("utf-8")
    header, *cells = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == columns(probabilities)
    assert [line[0] for line in cells] == [to_cell(row.file) for row in rows]
    assert {len(line) for line in cells} <= {len(header)}


@given(st.lists(ROWS, min_size=1, max_size=5), st.booleans())
def test_pandas_reads_what_was_written(path: Path, rows: list[Row], probabilities: bool) -> None:
    """`read_table` gives back every value, to six decimals."""
    table = read_table(write(path, rows, probabilities))
    for name in COLUMNS:
        values = [getattr(row, name) for row in rows]
        if name == "file":
            values = [to_cell(value) for value in values]
        elif name == "reason":
            values = [value or "" for value in values]
        elif name.endswith("confidence"):
            values = [value if value is None else pytest.approx(value, abs=6e-7) for value in values]
        assert [None if pd.isna(value) else value for value in table[name]] == values
    if probabilities:
        empty = [row.probabilities is None for row in rows]
        assert table["p9"].isna().tolist() == empty


def test_writing_needs_neither_pandas_nor_torch() -> None:
    """A run that writes its table pays for neither import."""
    program = "import sys, batch_classify.report.table; print({'pandas', 'torch', 'cv2'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"

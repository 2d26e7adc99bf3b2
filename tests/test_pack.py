"""The data of the page: complete, within its budget, and safe inside a script."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_classify.report.card import Card
from batch_classify.report.pack import SHEET_COLUMNS, Block, blocks, json_text, sheet
from batch_classify.report.spool import Spool
from batch_classify.row import Row, Status

TEMPLATE = 250_000
RNG = np.random.default_rng(0)
SCANS = RNG.integers(0, 255, (700, 40, 40), np.uint8)
SEEN = RNG.integers(0, 255, (700, 28, 28), np.uint8)


def row(number: int) -> Row:
    """Return a row to review for each tenth number, and one that is fine for the others."""
    status = Status.OK if number % 10 else Status.REVIEW
    return Row(
        f"{number:03}.png", None, status, label=number % 7, confidence=number / 1000, sha256=f"{number}"
    )


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    """Spool seven hundred cards of noise."""
    with Spool(tmp_path_factory.mktemp("spool")) as spool:
        for number in range(700):
            spool.offer(Card(row(number), SCANS[number], SEEN[number]))
        yield spool


def unpacked(found: list[Block]) -> dict[str, tuple[int, int]]:
    """Return the place of its scan and of what the model saw by file, -1 where there is none."""
    places = {}
    for block in found:
        if block.kind == "rows":
            data = json.loads(block.text)
            for values, scan, seen in zip(data["rows"], data["scan"], data["seen"], strict=True):
                places[values[0]] = (scan, seen)
    return places


def pictures(found: list[Block]) -> list[np.ndarray]:
    """Return the cells of all sheets, in order."""
    cells: list[np.ndarray] = []
    for block in found:
        if block.kind == "sheet":
            data = np.frombuffer(base64.b64decode(block.text), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            cells += [
                cell
                for line in np.split(image, len(image) // 28)
                for cell in np.split(line, SHEET_COLUMNS, axis=1)
            ]
    return cells


def test_every_picture_is_where_its_row_says(spool: Spool) -> None:
    """With room enough each row has its scan, and the cell of the sheet that it names is what was seen."""
    found = list(blocks(spool))
    places, cells = unpacked(found), pictures(found)
    scans = [text for block in found if block.kind == "scans" for text in json.loads(block.text)]
    assert len(places) == len(scans) == 700
    for number in range(700):
        scan, seen = places[row(number).file]
        assert (cells[seen] == SEEN[number]).all()
        data = np.frombuffer(base64.b64decode(scans[scan]), np.uint8)
        assert cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).shape == (40, 40)


def test_copies_are_drawn_once(tmp_path: Path) -> None:
    """A sheet and the scans hold what rows share once, and each row names it."""
    with Spool(tmp_path) as spool:
        for number in range(40):
            copy = row(number)._replace(sha256=f"{number % 20}", status=Status.REVIEW)
            spool.offer(Card(copy, SCANS[number % 20], SEEN[number % 20]))
        found = list(blocks(spool))
    places, cells = unpacked(found), pictures(found)
    scans = [text for block in found if block.kind == "scans" for text in json.loads(block.text)]
    assert len(scans) == 20
    for number in range(40):
        scan, seen = places[row(number).file]
        assert (scan, seen) == places[row((number + 20) % 40).file]
        assert (cells[seen] == SEEN[number % 20]).all()


@pytest.mark.parametrize("room", [0, 60_000, 150_000, 400_000, 900_000])
def test_the_budget_holds(spool: Spool, room: int) -> None:
    """The rows are all there; the pictures take no more than there is room for, the urgent ones first."""
    found = list(blocks(spool, TEMPLATE + room + 60_000))
    assert sum(len(block.text) for block in found) <= room + 75_000
    places = unpacked(found)
    assert len(places) == 700
    urgent = [places[row(number).file] for number in range(0, 700, 10)]
    others = [places[row(number).file] for number in range(700) if number % 10]
    if any(seen >= 0 for _, seen in others):
        assert min(min(both) for both in urgent) >= 0
    assert len({scan >= 0 for scan, _ in others}) == 1


def test_a_part_is_a_fair_sample(spool: Spool) -> None:
    """Which of the settled rows keep their picture depends neither on their label nor on their place."""
    places = unpacked(list(blocks(spool, TEMPLATE + 600_000)))
    kept = [number for number in range(700) if number % 10 and places[row(number).file][1] >= 0]
    assert 100 < len(kept) < 530
    assert len({number % 7 for number in kept}) == 7
    assert abs(np.mean(kept) - 350) < 60


def test_nothing_ends_the_script() -> None:
    """JSON has no character that HTML takes for its own, and still says the same."""
    text = json_text({"<!--": "</script>&amp;"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"<!--": "</script>&amp;"}


def test_a_sheet_that_is_not_full() -> None:
    """It has only the lines that it needs, and black cells at its end."""
    image = cv2.imdecode(np.frombuffer(sheet(SEEN[:17]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image.shape == (56, 448)
    assert not image[28:, 28:].any()

"""report.html: what it says, and that nothing in a file's name can change that."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from batch_classify.report.page import (
    REASON_WORDS,
    STATUS_WORDS,
    percent,
    reason_in_words,
    visible,
    write_page,
)
from batch_classify.report.shortlist import Card, Shortlist
from batch_classify.report.summary import Run, Summary
from batch_classify.row import Reason, Row, Status

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
RUN = Run(NOW, NOW, "/scans/box 7", 0, {}, {}, {}, "default", "ab" * 32)
SCAN = np.full((60, 40), 200, np.uint8)
SEEN = np.eye(28, dtype=np.uint8) * 255
CARDS = [
    Card(Row("5.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE, "", 5, 0.613, 6, 0.3), SCAN, SEEN),
    Card(Row("pages.tif", 2, Status.REJECTED, Reason.BLANK, "no ink anywhere"), SCAN, None),
    Card(Row("cut.jpg", None, Status.ERROR, Reason.UNREADABLE, "cut short (broken <data>)"), None, None),
    Card(Row("7.png", None, Status.OK, None, "", 7, 0.99999, 1, 0.00001), SCAN, SEEN),
]
HOSTILE = [
    "<script>window.hacked = 1</script>.png",
    "'\"><img src=x onerror=window.hacked=1>.png",
    "</style></script><!--.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "two\nlines\r.png",
    "\u202egnp.exe",
    os.fsdecode(b"caf\xe9\x1b[2J.png"),
    "=cmd|' /C calc'!A0",
]


class Outline(HTMLParser):
    """The start tags of a page with their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of each tag of that name."""
        return [attributes for tag, attributes in self.tags if tag == name]


def page_of(path: Path, cards: list[Card], run: Run = RUN, capacity: int = 2000) -> str:
    """Write the page of these cards, and return it."""
    shortlist, summary = Shortlist(capacity), Summary()
    for card in cards:
        summary.add(card.row)
        shortlist.offer(card)
    write_page(path, shortlist, summary, run)
    return path.read_text("utf-8")


def words(page: str) -> str:
    """Return what there is to read, with single spaces."""
    return " ".join(" ".join(Outline(page).texts).split())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the page."""
    return tmp_path / "report.html"


@pytest.mark.parametrize(
    "said",
    [
        "4 scans in 4 files. 3 need a look.",
        "This page shows all rows",
        "/scans/box 7 2026-11-21 02:00 UTC",
        "5 61.3% or 6: 30.0% review Not sure enough 5.png",
        "no digit rejected Nothing written on it no ink anywhere pages.tif page 2",
        "error Damaged picture cut short (broken <data>) cut.jpg",
        "7 >99.9% or 1: <0.1% ok 7.png",
        "Model default (abababababab), batch-classify",
    ],
)
def test_what_the_page_says(path: Path, said: str) -> None:
    """The counts, the answers, the reasons in plain words and where all comes from are there to read."""
    assert said in words(page_of(path, CARDS))


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        (CARDS[:1], "1 scan in 1 file. 1 needs a look."),
        (CARDS[3:], "1 scan in 1 file. None needs a look."),
        ([], "0 scans in 0 files."),
    ],
)
def test_few_cards(path: Path, cards: list[Card], said: str) -> None:
    """One is not many, and none is no reason to fail."""
    assert said in words(page_of(path, cards))


def test_a_part_says_that_it_is_one(path: Path) -> None:
    """A page that holds only the most urgent rows says of how many, and where the others are."""
    page = page_of(path, CARDS, capacity=2)
    assert "This page shows the 2 of 4 rows that need a human most; all rows are in predictions.csv" in words(
        page
    )
    assert len(re.findall('<li class="card', page)) == 2


def test_links_are_relative(path: Path) -> None:
    """The run's folder can move: the page points only to its neighbours."""
    links = [link["href"] for link in Outline(page_of(path, CARDS)).all("a")]
    assert links == ["predictions.csv", "run.json"]


def test_pictures_are_in_the_page(path: Path) -> None:
    """Each picture is part of the file and has an alternative text; a missing one is said to be missing."""
    page = page_of(path, CARDS)
    pictures = Outline(page).all("img")
    assert len(pictures) == 5
    assert all((picture["src"] or "").startswith("data:image/") and picture["alt"] for picture in pictures)
    assert words(page).count("no picture") == 3


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_text(path: Path, name: str) -> None:
    """Whatever a file, a folder, a model or a decoder's message is called, the page's tags stay the same."""
    harmless = Outline(page_of(path, [CARDS[0]]))
    card = replace(CARDS[0], row=replace(CARDS[0].row, file=name))
    run = replace(RUN, input=name, model=name)
    tags = [tag for tag, _ in Outline(page_of(path, [card], run)).tags]
    assert tags == [tag for tag, _ in harmless.tags]
    detailed = replace(card, row=replace(card.row, detail=name + "\ud800"))
    assert sorted({*(tag for tag, _ in Outline(page_of(path, [detailed])).tags)} - set(tags)) == []


def test_a_name_reads_as_in_the_table(path: Path) -> None:
    """A name is shown as predictions.csv has it, and characters that cannot be seen are written out."""
    cards = [replace(CARDS[0], row=replace(CARDS[0].row, file=name)) for name in HOSTILE]
    texts = Outline(page_of(path, cards)).texts
    assert {HOSTILE[0], "two\\nlines\\r.png", "\\u202egnp.exe", "caf\\xe9\\x1b[2J.png"} <= set(texts)
    assert "./=cmd|' /C calc'!A0" in texts


def test_only_our_own_style_and_script_run(path: Path) -> None:
    """The policy allows nothing from outside, and of what is inside only what has the right hash."""
    page = page_of(path, CARDS)
    policy = Outline(page).all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'<[^>]+\s(style|on\w+)="', page)


def test_the_same_run_gives_the_same_page(path: Path) -> None:
    """The order in which the cards arrive does not show."""
    assert page_of(path, CARDS) == page_of(path, CARDS[::-1])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "<0.1%"), (0.613, "61.3%"), (0.999, "99.9%"), (0.99951, ">99.9%"), (1.0, ">99.9%")],
)
def test_percent(share: float, text: str) -> None:
    """A probability is read with one decimal, and never as certainty."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("März 七 🙂 שבע", "März 七 🙂 שבע"), ("a\tb\n", "a\\tb\\n"), ("\u2066x\u200f", "\\u2066x\\u200f")],
)
def test_visible(text: str, shown: str) -> None:
    """Only characters that nobody can see are written out."""
    assert visible(text) == shown


def test_everything_has_words() -> None:
    """Each status and reason is said in plain words, and a reason to come is at least readable."""
    assert set(STATUS_WORDS) == set(Status)
    assert set(Reason) <= set(REASON_WORDS)
    assert reason_in_words("upside_down") == "Upside down"

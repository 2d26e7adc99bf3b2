"""report.html: what it says, and that nothing in a file's name can change that."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from batch_classify.filename import to_cell
from batch_classify.report.card import Card
from batch_classify.report.page import (
    REASON_WORDS,
    STATUS_WORDS,
    percent,
    reason_in_words,
    visible,
    write_page,
)
from batch_classify.report.spool import Spool
from batch_classify.report.summary import Run, Summary
from batch_classify.row import Reason, Row, Status

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
VALIDATION = {
    "count": 100,
    "accuracy": 0.99,
    "accepted_error": 0.001,
    "accuracy_by_confidence": {"0.5": [2, 0.5], "0.999": [90, 1.0]},
}
SETTINGS = {"review_below": 0.84, "batch_size": 64}
RUN = Run(NOW, NOW, "/scans/box 7", 0, {}, SETTINGS, {}, "default", "ab" * 32, {"held_out": VALIDATION})
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


def page_of(path: Path, cards: list[Card], run: Run = RUN, most_rows: int = 2000) -> str:
    """Write the page of these cards, and return it."""
    summary = Summary()
    with Spool(path.parent, most_rows) as spool:
        for card in cards:
            summary.add(card.row)
            spool.offer(card)
        write_page(path, spool, summary, run)
    return path.read_text("utf-8")


def rows_of(page: str) -> list[list[object]]:
    """Return the values of the rows that the page holds."""
    found = re.findall(r'<script type="application/json" data-kind="rows">(.*?)</script>', page, re.DOTALL)
    return [values for text in found for values in json.loads(text)["rows"]]


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
        "/scans/box 7 2026-11-21 02:00 UTC Model default (abababababab)",
        "1 review an answer to check 1 rejected no single digit there 1 error could not be read 1 ok",
        "1 Nothing written on it 1 Not sure enough 1 Damaged picture",
        "scans 0 0 0 0 0 1 0 1 0 0",
        "below 84.0 (dashed) they go to review",
        "sure <50 50–70 70–80 80–90 90–95 95–99 99–99.9 >99.9 scans 0 1 0 0 0 0 0 1",
        "right when measured – 50.0% of 2 – – – – – >99.9% of 90",
        "on 100 digits that it was not trained on, 99.00% of its answers were right; of those that it would "
        "have let pass, 0.10% were wrong",
        "Settings batch_size 64 review_below 0.84",
        "batch-classify",
    ],
)
def test_what_the_page_says(path: Path, said: str) -> None:
    """When, on what, by which model; the counts, the reasons, and what a confidence was worth."""
    assert said in words(page_of(path, CARDS))


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"held_out": 3},
        {"held_out": {"count": "many"}},
        {"held_out": VALIDATION | {"accuracy_by_confidence": {"0.3": [1, 1.0]}}},
        {"held_out": VALIDATION | {"accuracy_by_confidence": [1, 2]}},
    ],
)
def test_a_card_without_figures(path: Path, metrics: dict[str, object]) -> None:
    """A model whose card says nothing of use, or something else, is no reason to fail."""
    assert "measured" not in words(page_of(path, CARDS, replace(RUN, metrics=metrics)))


def test_suspect_answers_are_announced(path: Path) -> None:
    """An answer that the model strongly contradicts is said to be suspect, and its row is marked."""
    shares = (0.0, 0.99, 0.01, *[0.0] * 7)
    card = Card(Row("a.png", None, Status.REVIEWED, label=2, probabilities=shares), SCAN, SEEN)
    page = page_of(path, [card])
    assert "1 answer of a human is suspect" in words(page)
    assert rows_of(page)[0][-3:] == [1, 0.99, 1]


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
    """A page that does not hold all rows says how many it holds, which, and where the others are."""
    page = page_of(path, [*CARDS, CARDS[3]], most_rows=4)
    said = "This page holds 4 of 5 rows: every row that needs a human, and a random sample of the rest."
    assert said in words(page)
    assert len(rows_of(page)) == 4
    assert "This page holds" not in words(page_of(path, CARDS))


def test_links_are_relative(path: Path) -> None:
    """The run's folder can move: the page points only to its neighbours."""
    links = {link["href"] for link in Outline(page_of(path, CARDS)).all("a")}
    assert links == {"predictions.csv", "run.json"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_text(path: Path, name: str) -> None:
    """Whatever a file, a folder, a model or a decoder's message is called, the page's tags stay the same."""
    harmless = Outline(page_of(path, [CARDS[0]]))
    card = CARDS[0]._replace(row=CARDS[0].row._replace(file=name))
    run = replace(RUN, input=name, model=name)
    tags = [tag for tag, _ in Outline(page_of(path, [card], run)).tags]
    assert tags == [tag for tag, _ in harmless.tags]
    detailed = card._replace(row=card.row._replace(detail=name + "\ud800"))
    assert sorted({*(tag for tag, _ in Outline(page_of(path, [detailed])).tags)} - set(tags)) == []


def test_a_name_reads_as_in_the_table(path: Path) -> None:
    """A row's file is spelt as predictions.csv has it; of the folder, what cannot be seen is written out."""
    cards = [CARDS[0]._replace(row=CARDS[0].row._replace(file=name)) for name in HOSTILE]
    assert [values[0] for values in rows_of(page_of(path, cards))] == [to_cell(name) for name in HOSTILE]
    texts = Outline(page_of(path, CARDS, replace(RUN, input="a/\u202egnp.exe"))).texts
    assert "\\u202egnp.exe" in texts


def test_only_our_own_style_and_script_run(path: Path) -> None:
    """The policy allows nothing from outside, and of what is inside only what has the right hash."""
    page = page_of(path, CARDS)
    policy = Outline(page).all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag, start in {"style": "<style>", "script": '<script type="module">'}.items():
        [inside] = re.findall(f"{start}(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'<[^>]+\s(style|on\w+)="', page)


def test_the_same_run_gives_the_same_page(path: Path) -> None:
    """Nothing in the page depends on when or where it is written."""
    assert page_of(path, CARDS) == page_of(path, CARDS)


def test_only_data_is_no_module(path: Path) -> None:
    """Whatever else is a script is data that no browser runs."""
    kinds = [script["type"] for script in Outline(page_of(path, CARDS)).all("script")]
    assert kinds.count("module") == 1
    assert set(kinds) == {"module", "application/json"}


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

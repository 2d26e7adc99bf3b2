"""The pages of a training and of an evaluation: what they say, and how they stand in a browser."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.report.card import Card
from batch_classify.report.page import csp_hash
from batch_classify.row import Reason, Row, Status
from train.data import Digits
from train.evaluation import Answer, figures, measure
from train.page import (
    HEIGHT,
    MOST_MISTAKES,
    MOST_SUSPECTS,
    SURE,
    WIDTH,
    Case,
    chart,
    curves,
    epoch_ticks,
    evaluation_page,
    log_ticks,
    shades,
    split_suspects,
    training_page,
)
from train.trainer import Epoch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEEN = np.eye(28, dtype=np.uint8) * 255
SCAN = np.full((60, 40), 200, np.uint8)
HOSTILE = ["<script>window.hacked = 1</script>", "'\"><img src=//x.test>", os.fsdecode(b"caf\xe9\x1b[2J")]


def epoch(number: int, loss: float, accuracy: float) -> Epoch:
    """Return an epoch that went so."""
    return Epoch(number, loss, accuracy, 1e-3, 1000.0, 1.0)


EPOCHS = [epoch(1, 0.5, 0.9), epoch(2, 0.05, 0.99), epoch(3, 0.02, 0.995)]


def answer(truth: int, file: str, label: int, confidence: float) -> Answer:
    """Return an answer with a digit, all else of the probability being the true digit's."""
    shares = [0.0] * 10
    shares[truth] += 1 - confidence
    shares[label] += confidence
    row = Row(file, None, Status.OK, label=label, confidence=confidence, probabilities=tuple(shares))
    return Answer(truth, Card(row, SCAN, SEEN))


ANSWERS = [
    answer(3, "3/right.png", 3, 0.9),
    answer(4, "4/unsure.png", 9, 0.6),
    answer(4, "4/sure.png", 9, 0.98),
    Answer(5, Card(Row("5/blank.png", 2, Status.REJECTED, Reason.BLANK), SCAN, SEEN)),
    Answer(6, Card(Row("6/cut.png", None, Status.ERROR, Reason.UNREADABLE, "cut short"), None, None)),
]


def evaluated(answers: Sequence[Answer] = ANSWERS, data: str = "scans", model: str = "mine") -> str:
    """Return the page of answers."""
    return evaluation_page(data, model, 0.9, figures(answers, 0.9), answers)


def validation(cases: Sequence[tuple[int, int, float]]) -> tuple[Digits, NDArray[np.float64]]:
    """Return a digit for each (label, answer, its probability), the label having the rest."""
    shares = np.zeros((len(cases), 10))
    for row, (label, said, confidence) in zip(shares, cases, strict=True):
        row[label] += 1 - confidence
        row[said] += confidence
    labels = np.array([label for label, _, _ in cases], np.int64)
    return Digits(np.tile(SEEN, (len(cases), 1, 1)), labels), shares


CASES = [(1, 1, 0.99)] * 6 + [(4, 9, 0.6), (7, 1, 0.97), (3, 8, 0.999), (5, 6, 0.8)]


def trained(cases: Sequence[tuple[int, int, float]] = CASES, epochs: Sequence[Epoch] = EPOCHS) -> str:
    """Return the page of a training."""
    digits, shares = validation(cases)
    trial = measure(shares, digits.labels, 0.9, operating_points={"0.003": 0.9})
    return training_page(epochs, digits, shares, trial, title="mine")


class Words(HTMLParser):
    """The texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(page[page.index("<body>") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def words(page: str) -> str:
    """Return what there is to read, with single spaces."""
    return " ".join(" ".join(Words(page).texts).split())


@pytest.mark.parametrize(
    "said",
    [
        "Evaluation scans",
        "5 digits, read by the model mine . 4 are wrong.",
        "20.00% accuracy 95% interval 3.62% to 62.45%",
        "40.00% accepted from 0.9 on; 50.00% of these are wrong",
        "99% of all digits 20.00%",
        "Mistakes Those of which the model is most sure come first.",
        "9 98.0% labelled 4: 2.0% 4/sure.png 9 60.0% labelled 4: 40.0% 4/unsure.png",
        "no digit labelled 5 Nothing written on it 5/blank.png, page 2",
        "no digit labelled 6 Damaged picture: cut short 6/cut.png",
    ],
)
def test_what_an_evaluation_says(said: str) -> None:
    """The figures and each mistake, the surest first, are there to read."""
    assert said in words(evaluated())


def test_right_answers_are_not_mistakes() -> None:
    """What was read rightly has no picture, and where all was, it says so."""
    assert "3/right.png" not in evaluated()
    page = words(evaluated(ANSWERS[:1]))
    assert "1 digit, read by the model mine . 0 are wrong." in page
    assert page.count("None.") == 1


@pytest.mark.parametrize(
    "said",
    [
        "Training mine",
        "3 epochs, then validated on 10 digits that it was not trained on. 4 are read wrongly.",
        "60.00% accuracy",
        "Loss on training digits by epoch",
        "epoch 3: 0.0200",
        "epoch 2: 99.00%",
        "at least 95% sure of another digit",
        "8 99.9% labelled 3: 0.1% validation digit 8 1 97.0% labelled 7: 3.0% validation digit 7 Other",
        "6 80.0% labelled 5: 20.0% validation digit 9 9 60.0% labelled 4: 40.0% validation digit 6",
    ],
)
def test_what_a_training_says(said: str) -> None:
    """The epochs, the figures, the suspect labels and after them the other mistakes are there to read."""
    assert said in words(trained())


def test_a_training_without_mistakes() -> None:
    """Both lists say that there is nothing in them, and one epoch is enough for a curve."""
    page = trained([(1, 1, 0.99)] * 3, EPOCHS[:1])
    assert words(page).count("None.") == 2
    assert "1 epoch," in words(page)
    assert Words(page).tags.count("circle") == 2 + 3


def test_there_is_room_for_so_many() -> None:
    """A hopeless model makes no endless page, and the page says how much is left out."""
    page = trained([(1, 2, 0.99)] * 60 + [(3, 4, 0.6)] * 300)
    assert Words(page).tags.count("img") == MOST_SUSPECTS + MOST_MISTAKES
    assert "These are 200 of 310." in words(page)
    page = evaluated([ANSWERS[1]] * 250)
    assert words(page).count("4/unsure.png") == MOST_MISTAKES
    assert "These are 200 of 250." in words(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_stay_texts(text: str) -> None:
    """Whatever data, model and files are called, no tag comes of it, and nothing that cannot be seen."""
    page = evaluated([answer(4, text, 9, 0.6)], data=text, model=text)
    assert {"script", "a"}.isdisjoint(Words(page).tags)
    assert Words(page).tags.count("img") == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", page)


@pytest.mark.parametrize("page", [evaluated(), trained()], ids=["evaluation", "training"])
def test_the_policy_allows_the_style_alone(page: str) -> None:
    """A page loads nothing, runs nothing, and its only style is the one whose hash the policy names."""
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    policy = f"default-src 'none'; img-src data:; style-src '{csp_hash(style)}'; base-uri 'none'"
    assert policy in page
    assert " style=" not in page


case_lists = st.lists(
    st.builds(Case, st.integers(0, 4), st.integers(5, 9), st.floats(0, 1), st.floats(0, 1), st.none()),
    max_size=80,
)


@given(case_lists)
def test_each_mistake_is_shown_once(mistakes: list[Case]) -> None:
    """Suspects are sure ones, by the label's probability; the rest go by confidence; none is in both."""
    suspects, others = split_suspects(mistakes)
    assert sorted(map(id, suspects + others)) == sorted(map(id, mistakes))
    assert all((case.confidence or 0) >= SURE for case in suspects)
    assert len(suspects) == min(MOST_SUSPECTS, sum((case.confidence or 0) >= SURE for case in mistakes))
    assert suspects == sorted(suspects, key=lambda case: case.label_share or 0)
    assert others == sorted(others, key=lambda case: -(case.confidence or 0))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.03, 0.6, [0.02, 0.05, 0.1, 0.2, 0.5, 1]),
        (0.3, 0.4, [0.2, 0.5]),
        (0.5, 0.5, [0.5, 1]),
        (1.0, 2.0, [1, 2]),
        (0.002, 2.3, [0.001, 0.01, 0.1, 1, 10]),
        (40, 300, [20, 50, 100, 200, 500]),
    ],
)
def test_log_ticks(low: float, high: float, ticks: list[float]) -> None:
    """They are round, enclose the values tightly, and are few."""
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(st.floats(1e-8, 1e6), st.floats(1, 1e6))
def test_log_ticks_enclose(low: float, ratio: float) -> None:
    """Whatever the values, the first mark is not above the least nor the last below the greatest."""
    ticks = log_ticks(low, low * ratio)
    assert ticks[0] <= low * (1 + 1e-9)
    assert ticks[-1] >= low * ratio * (1 - 1e-9)
    assert ticks == sorted(set(ticks))
    assert len(ticks) >= 2


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (1, 10, [1, 2, 4, 6, 8, 10]),
        (1, 30, [1, 5, 10, 15, 20, 25, 30]),
        (1, 120, [1, 20, 40, 60, 80, 100, 120]),
        (11, 14, [11, 12, 13, 14]),
    ],
)
def test_epoch_ticks(first: int, last: int, ticks: list[int]) -> None:
    """They begin with the first epoch and go on round."""
    assert epoch_ticks(first, last) == ticks


def test_the_curves() -> None:
    """Loss falls and accuracy rises on the page, equal ratios of loss or error being equal steps."""
    loss, accuracy = curves([epoch(1, 1.0, 0.9), epoch(2, 0.1, 0.99), epoch(3, 0.01, 0.999)], 1000)
    heights = [dot.y for dot in loss.dots]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.11)
    assert [dot.y for dot in accuracy.dots] == sorted((dot.y for dot in accuracy.dots), reverse=True)
    assert [text for _, text in loss.y_ticks] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]
    assert [text for _, text in accuracy.y_ticks][::3] == ["99.9%", "99%", "90%"]
    assert [text for _, text in accuracy.x_ticks] == ["1", "2", "3"]


def test_no_mistake_at_all_can_be_drawn() -> None:
    """An accuracy of 1 stands where half a digit would be wrong, and says what it is."""
    _, accuracy = curves([epoch(1, 1.0, 1.0)], 500)
    assert accuracy.dots[0].words == "epoch 1: 100.00%"
    assert [text for _, text in accuracy.y_ticks] == ["99.9%", "99.8%"]


@given(st.lists(st.one_of(st.floats(1e-9, 1e9), st.sampled_from([0.0, -1.0, nan, inf])), max_size=50))
def test_every_dot_is_inside(values: list[float]) -> None:
    """What can be drawn lies inside the drawing, and what cannot is left out."""
    drawn = chart("loss", [(number, value, "") for number, value in enumerate(values, 1)], str)
    assert len(drawn.dots) == sum(0 < value < inf for value in values)
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in drawn.dots)


def test_shades() -> None:
    """The most frequent confusion is the darkest; nothing is marked where there is nothing."""
    confusion = [[0] * 11 for _ in range(10)]
    confusion[0][0], confusion[1][7], confusion[2][10], confusion[3][2] = 50, 8, 2, 1
    found = shades(confusion)
    assert (found[0][0], found[1][7], found[2][10], found[3][2], found[4][4]) == (
        "right",
        "m4",
        "m1",
        "m1",
        "nothing",
    )


@pytest.mark.parametrize("text", [evaluated(data=HOSTILE[0]), trained()], ids=["evaluation", "training"])
def test_in_a_browser(browser: Browser, tmp_path: Path, text: str) -> None:
    """The page fetches nothing, breaks no rule of its own, shows its pictures, and fits every screen."""
    path = tmp_path / "page.html"
    path.write_text(text, "utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        assert complaints == []
        assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
        widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
        assert set(widths) <= {28, 40}
        assert 28 in widths
        assert page.evaluate("getComputedStyle(document.querySelector('.card')).display") == "grid"
        for width in (320, 390, 768, 1360):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

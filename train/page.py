"""The pages of a training and of an evaluation: each one file that needs nothing else.

Turns figures, epochs and digits into what the templates beside this module show, in the style of the
report; writes no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from batch_classify import __version__
from batch_classify.corrections import SURE
from batch_classify.decode import Grey
from batch_classify.present import name, why
from batch_classify.report.page import templates
from train.data import Digits
from train.evaluation import Answer, Evaluation, measure

if TYPE_CHECKING:
    from train.trainer import Epoch

MOST_MISTAKES = 200
MOST_SUSPECTS = 50

WIDTH, HEIGHT = 520, 220  # of a chart, px
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 10, 24  # margins inside it
_MOST_TICKS = 6
_SHADES = 4  # in page.css.jinja


@dataclass(frozen=True, slots=True)
class Case:
    """A digit that the page shows: its label, the answer (None: no digit) and its probability.

    `label_share` is the probability of the label, `note` what to find it by, `why` why there is no answer.
    """

    label: int
    said: int | None
    confidence: float | None
    label_share: float | None
    seen: Grey | None
    scan: Grey | None = None
    note: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a curve in px from the upper left corner, and what it says."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve: its points, the marks of its axes as px and text, and what it would ideally be."""

    title: str
    dots: Sequence[Dot]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    ideal: Sequence[tuple[float, float]] = ()


def training_page(
    epochs: Sequence[Epoch],
    digits: Digits,
    shares: NDArray[np.float64],
    trial: Evaluation,
    *,
    title: str = "Training",
) -> str:
    """Write training.html: the curves, and what the finished network says of the validation `digits`.

    `shares`, float64 [N, 10], are the probabilities that it gives them; `trial` is what was measured on the
    held-out digits that the thresholds were set on.
    """
    mistakes = [case for case in _cases(digits, shares) if case.said != case.label]
    suspects, others = split_suspects(mistakes)
    found = measure(shares, digits.labels, 0)
    return _render(
        "training.html.jinja",
        title=title,
        epochs=epochs,
        charts=[*curves(epochs, len(digits)), reliability(trial)],
        trial=trial,
        found=found,
        shades=shades(found.confusion),
        wrong=len(mistakes),
        suspects=suspects,
        mistakes=others[:MOST_MISTAKES],
        others=len(others),
        sure=SURE,
        most_suspects=MOST_SUSPECTS,
    )


def evaluation_page(
    data: str, model: str, review_below: float, found: Evaluation, answers: Sequence[Answer]
) -> str:
    """Write the page of what `model` says of the digits of `data`: `found`, and the mistakes as pictures."""
    mistakes = sorted(
        (_case(answer) for answer in answers if not answer.right), key=lambda case: -(case.confidence or 0)
    )
    return _render(
        "evaluation.html.jinja",
        title=data,
        model=model,
        review_below=review_below,
        found=found,
        shades=shades(found.confusion),
        wrong=len(mistakes),
        mistakes=mistakes[:MOST_MISTAKES],
    )


def _render(template: str, **values: object) -> str:
    size = {"width": WIDTH, "height": HEIGHT, "left": _LEFT, "right": WIDTH - _RIGHT}
    environment = templates("train", "batch_classify.report")
    return environment.get_template(template).render(version=__version__, size=size, **values)


def _cases(digits: Digits, shares: NDArray[np.float64]) -> list[Case]:
    said = shares.argmax(axis=1)
    rows = zip(digits.labels.tolist(), said.tolist(), shares.tolist(), digits.images, strict=True)
    return [
        Case(label, found, row[found], row[label], image, note=f"validation digit {number}")
        for number, (label, found, row, image) in enumerate(rows)
    ]


def _case(answer: Answer) -> Case:
    row = answer.card.row
    return Case(
        answer.truth,
        row.label,
        row.confidence,
        row.probabilities[answer.truth] if row.probabilities and row.label is not None else None,
        answer.card.seen,
        answer.card.scan,
        note=name(row),
        why="" if row.label is not None else why(row),
    )


def split_suspects(mistakes: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Part mistakes into suspect labels, the least probable first, and the rest, the most confident first.

    A label is suspect if the network, which was not trained on the digit, is at least `SURE` of another;
    ranked by the probability of the given label (Northcutt et al. 2021). No more than `MOST_SUSPECTS`.
    """
    ranked = sorted(mistakes, key=lambda case: case.label_share or 0)
    suspects = [case for case in ranked if (case.confidence or 0) >= SURE][:MOST_SUSPECTS]
    chosen = {id(case) for case in suspects}
    others = [case for case in mistakes if id(case) not in chosen]
    return suspects, sorted(others, key=lambda case: -(case.confidence or 0))


def shades(confusion: Sequence[Sequence[int]]) -> list[list[str]]:
    """Name how each cell of a confusion matrix looks: the more often two are confused, the stronger."""
    most = max(
        count for digit, row in enumerate(confusion) for said, count in enumerate(row) if said != digit
    )
    return [
        [
            "nothing" if not count else "right" if said == digit else f"m{ceil(_SHADES * count / most)}"
            for said, count in enumerate(row)
        ]
        for digit, row in enumerate(confusion)
    ]


def curves(epochs: Sequence[Epoch], count: int) -> list[Chart]:
    """Draw loss and validation accuracy, on `count` digits, by epoch.

    Both on a logarithmic scale, the accuracy by what is missing from 1: so 99 % and 99.5 % stay apart.
    """
    half = 0.5 / count  # drawn where not one digit was wrong, which a logarithm cannot show
    losses = [(epoch.number, epoch.loss, f"epoch {epoch.number}: {epoch.loss:.4f}") for epoch in epochs]
    errors = [
        (epoch.number, max(1 - epoch.accuracy, half), f"epoch {epoch.number}: {epoch.accuracy:.2%}")
        for epoch in epochs
    ]
    return [
        chart("Loss on training digits by epoch", losses, lambda tick: f"{tick:g}"),
        chart(
            "Accuracy on validation digits by epoch",
            errors,
            lambda tick: f"{100 * (1 - tick):.6g}%",
            down=True,
        ),
    ]


def chart(
    title: str,
    values: Sequence[tuple[int, float, str]],
    tick_text: Callable[[float], str],
    *,
    down: bool = False,
) -> Chart:
    """Lay out (epoch, value, words) on a logarithmic scale, with small values on top if `down`.

    Values that are not above 0 or not finite are left out.
    """
    values = [value for value in values if value[1] > 0 and isfinite(value[1])]
    if not values:
        return Chart(title, [], [], [])
    first, last = values[0][0], values[-1][0]
    ticks = log_ticks(min(value for _, value, _ in values), max(value for _, value, _ in values))
    low, high = log10(ticks[0]), log10(ticks[-1])

    def x(epoch: int) -> float:
        share = (epoch - first) / (last - first) if last > first else 0.5
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        share = (log10(value) - low) / (high - low)
        return round(_TOP + (share if down else 1 - share) * (HEIGHT - _TOP - _BOTTOM), 1)

    return Chart(
        title,
        [Dot(x(epoch), y(value), words) for epoch, value, words in values],
        [(x(epoch), str(epoch)) for epoch in epoch_ticks(first, last)],
        [(y(tick), tick_text(tick)) for tick in ticks],
    )


def reliability(found: Evaluation) -> Chart:
    """Draw the accuracy of answers by their confidence, a point for each of 15 equally large groups.

    Both by what is missing from 1, on the same logarithmic scale (after DeGroot & Fienberg 1983).
    """
    half = 0.5 / found.count
    points = [(max(1 - sure, half), max(1 - right, half), count) for sure, right, count in found.reliability]
    ticks = [10.0**power for power in range(floor(log10(half)), 1)]
    low = log10(ticks[0])

    def at(missing: float, start: float, end: float) -> float:
        return round(start + log10(missing) / low * (end - start), 1)

    def x(missing: float) -> float:
        return at(missing, _LEFT, WIDTH - _RIGHT)

    def y(missing: float) -> float:
        return at(missing, HEIGHT - _BOTTOM, _TOP)

    def words(missing: float) -> str:
        return f"{100 * (1 - missing):.6g}%"

    return Chart(
        "Accuracy on held-out digits by confidence",
        [
            Dot(x(doubt), y(error), f"{count:,} answers {1 - doubt:.2%} sure: {1 - error:.2%} right")
            for doubt, error, count in points
        ],
        [(x(tick), words(tick)) for tick in ticks],
        [(y(tick), words(tick)) for tick in ticks],
        [(x(ticks[0]), y(ticks[0])), (x(1), y(1))],
    )


def log_ticks(low: float, high: float) -> list[float]:
    """Return the marks 1, 2 and 5 times powers of ten, or powers alone, that just enclose both values."""
    for mantissas in ((1, 2, 5), (1,)):
        marks = [
            mantissa * 10.0**power
            for power in range(floor(log10(low)) - 1, floor(log10(high)) + 2)
            for mantissa in mantissas
        ]
        start = max(mark for mark in marks if mark <= low)
        end = min(mark for mark in marks if mark >= high and mark > start)
        ticks = [float(f"{mark:.1g}") for mark in marks if start <= mark <= end]
        if len(ticks) <= _MOST_TICKS + 1:
            break
    return ticks


def epoch_ticks(first: int, last: int) -> list[int]:
    """Return the first epoch and the round ones after it, a few in all."""
    step = next(
        mantissa * 10**power
        for power in range(20)
        for mantissa in (1, 2, 5)
        if (last - first) // (mantissa * 10**power) < _MOST_TICKS
    )
    rounded = range(first - first % step + step, last + 1, step)
    return [first, *(epoch for epoch in rounded if epoch - first >= step / 2)]

"""How well a model reads labelled digits: accuracy, and what its confidence is worth.

Asks the job itself, from the scan to the decision; chooses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from batch_classify.classifier import Classifier
from batch_classify.filename import to_cell
from batch_classify.job import classify
from batch_classify.preprocess import preprocess
from batch_classify.present import name
from batch_classify.report.card import Card
from batch_classify.report.summary import CONFIDENCES
from batch_classify.row import Row, Status
from batch_classify.scan import Scan
from train.data import Digits, load, no_digits

DATA_SETS = ("mnist", "usps", "semeion", "synthetic")
"""What is no folder."""
COVERAGES = (0.99, 0.95, 0.9)
NO_DIGIT = 10
"""The last column of the confusion matrix."""
_BATCH = 256
_WIDTH = 100  # columns of the terminal; the confusion matrix needs that many where counts are large
_BINS = 15
_LEAST = 1e-300  # of a probability, so that its logarithm is finite
_Z = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Answer:
    """What a picture shows in truth, and the row that the job gives it, with the pictures."""

    truth: int
    card: Card

    @property
    def right(self) -> bool:
        """Whether the job claims just that digit."""
        return self.card.row.label == self.truth


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured on `count` digits; shares from 0 to 1. What claims no digit counts as wrong.

    `accuracy_interval` is the 95 % interval of Wilson (1927). `accepted` is the share at or above the
    review threshold, `accepted_error` the share of those that are wrong. `nll` is the mean negative
    log-likelihood in nats, rejected digits included, and `calibration_error` the expected calibration error
    of the answers over 15 equal bins (both as in Guo et al. 2017). `accuracy_at_coverage` is the accuracy of
    the most confident share, `accuracy_by_digit` the recall of each digit that occurs.
    `accuracy_by_confidence` has, by where a bin of confidences begins, how many answers fall into it and the
    share of them that is right. `confusion` counts true digits (rows) by answer (columns 0 to 9, and one for
    no digit).
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    accepted: float
    accepted_error: float
    nll: float
    calibration_error: float
    accuracy_at_coverage: Mapping[float, float]
    accuracy_by_digit: Mapping[int, float]
    accuracy_by_confidence: Mapping[float, tuple[int, float]]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON, rounded to six decimals; `confusion`, a table, is not among them."""
        figures = {key: _rounded(value) for key, value in asdict(self).items()}
        del figures["confusion"]
        return figures


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 6)
        case tuple():
            return [_rounded(part) for part in value]
        case dict():
            return {str(key): _rounded(part) for key, part in value.items()}
    return value


def ask(classifier: Classifier, data: str, data_dir: Path | None, seed: int) -> list[Answer]:
    """Ask about a data set, of a public one the test part (see `train.data.load`), or about a folder.

    Raises JobError (INPUT).
    """
    if data in DATA_SETS:
        return evaluate(classifier, load(data, data_dir, seed, test=True))
    return evaluate_folder(classifier, Path(data))


def evaluate(classifier: Classifier, digits: Digits) -> list[Answer]:
    """Ask about preprocessed digits; a row's `file` names it by its number, from 0."""
    answers: list[Answer] = []
    for at in range(0, len(digits), _BATCH):
        images = digits.images[at : at + _BATCH]
        # `preprocess` leaves alone what it has made, but only it knows what it would reject.
        findings = [preprocess(image).finding for image in images]
        for image, said in zip(images, classifier.predict_prepared(images, findings), strict=True):
            row = said.on(Row(f"digit {len(answers)}", None, said.status))
            answers.append(Answer(int(digits.labels[len(answers)]), Card(row, None, image)))
    return answers


def evaluate_folder(classifier: Classifier, root: Path) -> list[Answer]:
    """Run the job on the subfolders 0 to 9 of `root`; files that cannot be read have their answers too.

    Raises JobError (INPUT) if there is no image in them.
    """
    answers = [answer for digit in range(10) for answer in _subfolder(classifier, root, digit)]
    if not answers:
        raise no_digits(root)
    return answers


def _subfolder(classifier: Classifier, root: Path, digit: int) -> Iterator[Answer]:
    scan = Scan(root / str(digit))
    if not scan.path.is_dir() or not (any(scan) or scan.unlisted):
        return
    for cards in classify(scan, classifier):
        for card in cards:
            row = replace(card.row, file=f"{digit}/{card.row.file}")
            yield Answer(digit, replace(card, row=row))


def figures(answers: Sequence[Answer], review_below: float) -> Evaluation:
    """Measure answers. A file that could not be read gives each digit a tenth."""
    rows = [answer.card.row for answer in answers]
    return measure(
        np.array([row.probabilities or [0.1] * 10 for row in rows]),
        np.array([answer.truth for answer in answers], np.int64),
        review_below,
        np.array([row.label is not None for row in rows]),
    )


def measure(
    shares: NDArray[np.float64],
    labels: NDArray[np.int64],
    review_below: float,
    claimed: NDArray[np.bool_] | None = None,
) -> Evaluation:
    """Measure probabilities, float64 [N, 10], against the true labels, int64 [N].

    `claimed`, bool [N], is False where the job claims no digit, whatever the probabilities.
    """
    claimed = np.ones(len(labels), bool) if claimed is None else claimed
    said = np.where(claimed, shares.argmax(axis=1), NO_DIGIT)
    right = said == labels
    confidence = np.where(claimed, shares.max(axis=1), 0.0)
    accepted = claimed & (confidence >= review_below)
    confusion = np.zeros((10, NO_DIGIT + 1), int)
    np.add.at(confusion, (labels, said), 1)
    return Evaluation(
        count=len(labels),
        accuracy=float(right.mean()),
        accuracy_interval=wilson(int(right.sum()), len(labels)),
        accepted=float(accepted.mean()),
        accepted_error=float((~right[accepted]).mean()) if accepted.any() else 0.0,
        nll=negative_log_likelihood(shares, labels),
        calibration_error=_calibration_error(confidence[claimed], right[claimed]),
        accuracy_at_coverage={share: accuracy_at(share, confidence, right) for share in COVERAGES},
        accuracy_by_digit={
            digit: float(right[labels == digit].mean()) for digit in np.unique(labels).tolist()
        },
        accuracy_by_confidence=_by_confidence(confidence[claimed], right[claimed]),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _by_confidence(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> dict[float, tuple[int, float]]:
    bins = np.digitize(confidence, CONFIDENCES) - 1
    return {
        CONFIDENCES[place]: (int((bins == place).sum()), float(right[bins == place].mean()))
        for place in np.unique(bins).tolist()
    }


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share, `right` of `count` (Wilson 1927).

    Its ends are the shares from which what was seen lies 1.96 standard deviations away; unlike the share
    plus or minus its own deviation, it has a width even where nothing went wrong.
    """
    share, z2 = right / count, _Z**2
    middle = share + z2 / (2 * count)
    reach = _Z * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    low, high = ((middle + side * reach) / (1 + z2 / count) for side in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # which holds but for rounding


def negative_log_likelihood(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean of -ln of what each true label was given, in nats (Guo et al. 2017)."""
    given = shares[np.arange(len(labels)), labels]
    return -float(np.log(np.maximum(given, _LEAST)).mean())


def accuracy_at(coverage: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the accuracy of the most confident answers, at least `coverage` of all; one at the least."""
    kept = max(1, ceil(coverage * len(right) - 1e-9))
    return float(right[np.argsort(-confidence, kind="stable")[:kept]].mean())


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence and accuracy, each bin weighted by size (Guo et al. 2017)."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((confidence - right)[bins == i].sum())) for i in range(_BINS)]
    return sum(gaps) / max(1, len(confidence))


def unread(answers: Sequence[Answer]) -> list[Row]:
    """Return the rows of what could not be read."""
    return [answer.card.row for answer in answers if answer.card.row.status is Status.ERROR]


def record(data: str, classifier: Classifier, found: Evaluation, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return all there is to know, for JSON: on what, by which model, the figures, and what was not read."""
    return {
        "data": to_cell(f"/{data}")[1:],  # escaped, but never taken for a formula
        "model": classifier.model.card.name,
        "model_sha256": classifier.model.sha256,
        "review_below": classifier.review_below,
        **found.to_dict(),
        "confusion": [list(row) for row in found.confusion],
        "unread": [name(row) for row in unread(answers)],
    }


def in_words(found: Evaluation) -> str:
    """Write the tables that a person reads in the terminal, in colour where stdout is one."""
    paper = Console(width=_WIDTH, highlight=False)
    with paper.capture() as text:
        for table in _tables(found):
            paper.print(table)
            paper.print()
    return "\n".join(line.rstrip() for line in text.get().rstrip().splitlines())


def _tables(found: Evaluation) -> tuple[Table, Table]:
    low, high = found.accuracy_interval
    short = Table(box=None, show_header=False, pad_edge=False)
    short.add_column()
    short.add_column(justify="right", style="bold")
    short.add_column(style="dim")
    short.add_row("digits", f"{found.count:,}")
    short.add_row("accuracy", f"{found.accuracy:.2%}", f"95% interval {low:.2%} to {high:.2%}")
    for coverage, accuracy in found.accuracy_at_coverage.items():
        short.add_row(f"  at {coverage:.0%} coverage", f"{accuracy:.2%}", "of the most confident answers")
    short.add_row("accepted", f"{found.accepted:.2%}", f"{found.accepted_error:.2%} of these are wrong")
    short.add_row("NLL", f"{found.nll:.4f}", "nats a digit")
    short.add_row("ECE", f"{found.calibration_error:.4f}", "gap between confidence and accuracy")
    matrix = Table(
        box=None,
        pad_edge=False,
        title="true digits (rows) by answer (columns)",
        title_justify="left",
        title_style="",
    )
    for heading in ("", *map(str, range(10)), "none", "recall"):
        matrix.add_column(heading, justify="right")
    for digit, row in enumerate(found.confusion):
        cells = [f"{count:,}" if count else "[dim]·[/]" for count in row]
        cells[digit] = f"[green]{cells[digit]}[/]"
        recall = found.accuracy_by_digit.get(digit)
        matrix.add_row(f"[bold]{digit}[/]", *cells, "" if recall is None else f"{recall:.2%}")
    return short, matrix

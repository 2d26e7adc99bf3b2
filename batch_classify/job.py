"""The run, from scan to write: each candidate file becomes its rows, in order, and the report is written.

Ties the steps together; knows nothing of how any of them works, nor of the command line.
"""

from __future__ import annotations

import errno
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from batch_classify.classifier import Classifier
from batch_classify.decide import Prediction
from batch_classify.decode import quiet
from batch_classify.errors import ExitCode, JobError
from batch_classify.explain import explain
from batch_classify.pool import cpu_count, in_order
from batch_classify.prepare import Prepared, crashed, prepare_all
from batch_classify.report.page import write_page
from batch_classify.report.shortlist import Card, Shortlist
from batch_classify.report.summary import Run, Summary, run_record, write_run
from batch_classify.report.table import Table, read_table
from batch_classify.results import publish, writing
from batch_classify.row import Reason, Row, Status
from batch_classify.scan import ALL_IMAGES, OneFile, Scan, Selection, Unlisted

if TYPE_CHECKING:
    import pandas as pd

TABLE, PAGE, RECORD = "predictions.csv", "report.html", "run.json"
EXPLANATIONS = "explain"
_BATCH = {"cpu": 64, "cuda": 512}
_PACKAGES = ("batch-classify", "jinja2", "numpy", "onnxruntime", "opencv-python", "pillow")
_REASONS = {
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.ENOENT: Reason.VANISHED,
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How the work is cut up, which changes no answer; None leaves the choice to the job.

    `batch_size` is how many files a worker prepares, and the network reads, at a time; `workers` how many
    processes prepare, 0 being this one.
    """

    batch_size: int | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What to write beside run.json and the table: the columns p0 to p9 in it, and the page.

    `explain` are the statuses whose rows get a picture of how they were read.
    """

    probabilities: bool = False
    page: bool = True
    explain: tuple[Status, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run leaves behind: its folder and its counts."""

    folder: Path
    summary: Summary
    ignored: int


AUTO = Effort()
IN_THIS_PROCESS = Effort(workers=0)
FULL = Report()

Seconds = defaultdict[str, float]


def run(
    candidates: Scan | OneFile,
    classifier: Classifier,
    results: Path,
    *,
    effort: Effort = AUTO,
    report: Report = FULL,
    watch: Callable[[Sequence[Card]], None] = lambda cards: None,
) -> Outcome:
    """Classify the candidates and write a run's folder into `results`; `watch` sees the rows go by.

    Raises JobError: INPUT if there is no candidate or the input goes away, OUTPUT if nothing can be written.
    Then `latest` and the earlier runs stay as they were.
    """
    started = datetime.now(UTC)
    begun = time.perf_counter()
    seconds: Seconds = defaultdict(float)
    summary, shortlist = Summary(), Shortlist()
    with writing(results) as folder:
        with Table(folder / TABLE, probabilities=report.probabilities) as table:
            for cards in classify(candidates, classifier, effort, seconds):
                with _timed(seconds, "write"):
                    for card in cards:
                        table.write(card.row)
                        summary.add(card.row)
                        shortlist.offer(card)
                if report.explain:
                    with _timed(seconds, "explain"), quiet():
                        for card in cards:
                            if card.scan is not None and card.row.status in report.explain:
                                explain(candidates.root, card.row, folder / EXPLANATIONS)
                watch(cards)
        seconds["total"] = time.perf_counter() - begun
        record = Run(
            started=started,
            finished=datetime.now(UTC),
            input=os.fspath(candidates.path.absolute()),
            ignored=candidates.ignored,
            seconds=seconds,
            settings=_settings(candidates, classifier, effort, report),
            versions=_versions(classifier.model.device),
            model=classifier.model.card.name,
            model_sha256=classifier.model.sha256,
        )
        if report.page:
            write_page(folder / PAGE, shortlist, summary, record)
        write_run(folder / RECORD, run_record(record, summary))
        return Outcome(publish(folder, started), summary, candidates.ignored)


def classify_folder(
    folder: Path | str,
    model: Path | None = None,
    *,
    device: str = "auto",
    selection: Selection = ALL_IMAGES,
    review_below: float | None = None,
    probabilities: bool = False,
    effort: Effort = IN_THIS_PROCESS,
) -> pd.DataFrame:
    """Classify a folder and return the table that predictions.csv would hold; writes no results.

    With workers (`effort=AUTO` takes one a CPU) the caller's script needs the usual
    `if __name__ == "__main__":` of multiprocessing. Raises JobError (INPUT, MODEL, ENVIRONMENT).
    """
    classifier = Classifier.load(model, device, review_below)
    with TemporaryDirectory() as place:
        path = Path(place) / TABLE
        with Table(path, probabilities=probabilities) as table:
            for cards in classify(Scan(Path(folder), selection), classifier, effort):
                for card in cards:
                    table.write(card.row)
        return read_table(path)


def classify(
    candidates: Scan | OneFile,
    classifier: Classifier,
    effort: Effort = AUTO,
    seconds: Seconds | None = None,
) -> Iterator[list[Card]]:
    """Yield each candidate's rows with their pictures, in the order of the scan, some files at a time.

    Adds to `seconds` how long each step kept this process. Raises JobError (INPUT) if there is no candidate
    or if the input folder is no longer what it was at the start.
    """
    seconds = defaultdict(float) if seconds is None else seconds
    identity = _identity(candidates.root)
    batches = _prepared(candidates, effort, classifier.model.device)
    empty = True
    while True:
        with _timed(seconds, "prepare"):
            pages = next(batches, None)
        if pages is None:
            break
        with _timed(seconds, "classify"):
            cards = _cards(pages, classifier)
        empty = False
        yield cards
    if _identity(candidates.root) != identity:
        raise JobError(
            ExitCode.INPUT,
            f"{candidates.path} went away during the run. Nothing was published; run it again.",
        )
    if candidates.unlisted:
        yield [Card(_unlisted_row(folder), None, None) for folder in candidates.unlisted]
    elif empty:
        raise JobError(
            ExitCode.INPUT,
            f"{candidates.path} holds no image ({candidates.ignored:,} other files). "
            "Name a folder with scans, or say with --include which of its files are images.",
        )


def _prepared(candidates: Scan | OneFile, effort: Effort, device: str) -> Iterator[list[Prepared]]:
    work = partial(prepare_all, candidates.root)
    chunks = _chunks(candidates, effort.batch_size or _BATCH[device])
    workers = cpu_count() if effort.workers is None else effort.workers
    if workers > 0:
        yield from in_order(work, chunks, workers, crashed)
    else:
        with quiet():
            yield from map(work, chunks)


def _chunks(files: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    files = iter(files)
    while chunk := tuple(islice(files, size)):
        yield chunk


def _cards(pages: Sequence[Prepared], classifier: Classifier) -> list[Card]:
    shown = [page for page in pages if page.image is not None]
    images = np.array([page.image for page in shown], np.uint8)
    predictions = iter(classifier.predict_prepared(images, [page.reason for page in shown]) if shown else ())
    return [
        Card(_row(page, next(predictions) if page.image is not None else None), page.thumbnail, page.image)
        for page in pages
    ]


def _row(page: Prepared, prediction: Prediction | None) -> Row:
    row = Row(
        page.file,
        page.page,
        Status.ERROR,
        page.reason,
        page.detail,
        width=page.width,
        height=page.height,
        sha256=page.sha256,
    )
    if prediction is None:
        return row
    return prediction.on(row)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _versions(device: str) -> dict[str, str]:
    packages = (*_PACKAGES, "torch") if device == "cuda" else _PACKAGES
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


@contextmanager
def _timed(seconds: Seconds, step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] += time.perf_counter() - start


def _settings(
    candidates: Scan | OneFile, classifier: Classifier, effort: Effort, report: Report
) -> dict[str, object]:
    """Return what run.json says of how the run was asked for."""
    selection = candidates.selection if isinstance(candidates, Scan) else ALL_IMAGES
    return {
        "device": classifier.model.device,
        "review_below": classifier.review_below,
        **asdict(effort),
        **asdict(report),
        **asdict(selection),
    }


def _unlisted_row(unlisted: Unlisted) -> Row:
    reason = _REASONS.get(unlisted.error.errno or 0, Reason.UNREADABLE)
    detail = f"the folder could not be listed ({unlisted.error.strerror}); what is in it is not in this table"
    return Row(f"{unlisted.folder}/", None, Status.ERROR, reason, detail)

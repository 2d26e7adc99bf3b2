"""The run, from scan to write: each candidate file becomes its rows, in order, and the report is written.

Ties the steps together; knows nothing of how any of them works, nor of the command line.
"""

from __future__ import annotations

import errno
import os
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from batch_classify.beside import Aside, Keeper, ahead, timed
from batch_classify.cards import BATCH, cards_of, shown, ways_of, with_copies
from batch_classify.classifier import Classifier
from batch_classify.corrections import Corrections, read_corrections
from batch_classify.decode import DECODING, quiet
from batch_classify.errors import ExitCode, JobError
from batch_classify.explain import explain
from batch_classify.extras import extra
from batch_classify.intake import intake
from batch_classify.ledger import Edition, Ledger
from batch_classify.memory import Memory
from batch_classify.model import PRECISION
from batch_classify.pool import cpu_count
from batch_classify.prepare import Known
from batch_classify.preprocess import VERSION
from batch_classify.report.card import THUMBNAILS, Card
from batch_classify.report.lines import Lines
from batch_classify.report.pack import PAGE_BYTES
from batch_classify.report.page import template, write_page
from batch_classify.report.spool import MOST_ROWS, Spool
from batch_classify.report.summary import Run, Summary, run_record, write_run
from batch_classify.report.table import Table, read_table
from batch_classify.results import RECORD, prune, publish, writing
from batch_classify.row import Reason, Row, Status
from batch_classify.scan import ALL_IMAGES, OneFile, Scan, Selection, Unlisted
from batch_classify.uri import Uri

if TYPE_CHECKING:
    import pandas as pd

    from batch_classify.report.parquet import Shards

TABLE, PAGE = "predictions.csv", "report.html"
LINES, SHARDS = "predictions.jsonl", "predictions.parquet"
EXPLANATIONS = "explain"
MOST = 512
"""Files a batch of a large folder, since a batch costs as much as some small files."""
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

    With `lines` and `shards`, the table is there as JSON lines and as Parquet too. Unless `settled`, the page
    holds rows that need a human, at most MOST_ROWS of them, and no others.
    In `page_bytes` bytes the page holds as many pictures as fit; its rows are there in any case.
    `explain` are the statuses whose rows get a picture of how they were read.
    """

    probabilities: bool = False
    page: bool = True
    page_bytes: int = PAGE_BYTES
    explain: tuple[Status, ...] = ()
    lines: bool = False
    shards: bool = False
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How a run gets on with those before, beside and after it, and with who writes to the input.

    `fresh` ignores stored answers; `settle` is for how many seconds after the last touch a file is left
    alone; `wait` is how many seconds to wait for a run that holds the results folder; `keep` is how many
    runs' folders stay, None being all.
    """

    fresh: bool = False
    settle: float = 0.0
    wait: float = 0.0
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run leaves behind: its folder, its counts, and how many seconds it took.

    `remembered` counts the rows that an earlier run had answered already; `page` is whether there is a page.
    """

    folder: Path | Uri
    summary: Summary
    ignored: int
    remembered: int
    seconds: float
    page: bool = True


AUTO = Effort()
IN_THIS_PROCESS = Effort(workers=0)
FULL = Report()
NO_CORRECTIONS = Corrections()
ALONE = Neighbours()


@dataclass(slots=True)
class Tally:
    """What a run adds up: the seconds that each step kept this process, and the pictures that went each way.

    Of `ways`, `short` is that of clean scans through `preprocess`, and `long` that of all others.
    `remembered` counts the rows that an earlier run had answered already.
    """

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    ways: Counter[str] = field(default_factory=lambda: Counter(short=0, long=0))
    remembered: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What an engine is given: the candidates, what reads them, and the folder in which it may keep answers.

    Answers of another `edition` are not this run's. It adds to the `tally`, and `warn` hears what is wrong.
    What its rows need not wait for goes `aside`, and is done before the report is published.
    """

    candidates: Scan | OneFile
    classifier: Classifier
    results: Path
    edition: Edition
    effort: Effort
    neighbours: Neighbours
    tally: Tally
    warn: Callable[[str], None]
    aside: Aside


Engine = Callable[[Work], Generator[list[Card], None, None]]
"""Brings the candidates through the steps, batch by batch, and yields their rows in the order of the scan."""


def run(
    candidates: Scan | OneFile,
    classifier: Classifier,
    results: Path,
    *,
    effort: Effort = AUTO,
    report: Report = FULL,
    corrections: Corrections = NO_CORRECTIONS,
    neighbours: Neighbours = ALONE,
    engine: Engine | None = None,
    watch: Callable[[Sequence[Card]], None] = lambda cards: None,
    warn: Callable[[str], None] = lambda message: None,
) -> Outcome:
    """Classify the candidates and write a run's folder into `results`; `watch` sees the rows go by.

    The `engine` moves the batches; without one, that is `here`.
    A human's answers go before the model's: `corrections`, and those that `results` keeps from earlier runs.
    `warn` hears what is wrong and yet ends nothing. Raises JobError: INPUT if there is no candidate or the
    input goes away, OUTPUT if nothing can be written, LOCKED if another run holds `results`. Then `latest`
    and the earlier runs stay as they were, and the next run goes on from what this one had answered.
    """
    started = datetime.now(UTC)
    begun = time.perf_counter()
    tally = Tally()
    seconds = tally.seconds
    summary = Summary()
    edition = edition_of(classifier)
    with (
        writing(results, neighbours.wait) as folder,
        Aside() as aside,
        Spool(folder, MOST_ROWS if report.settled else 0) as spool,
    ):
        work = Work(candidates, classifier, results, edition, effort, neighbours, tally, warn, aside)
        answers = corrections.kept_in(results)
        if report.page:
            aside.do(template)
        with (
            Table(folder / TABLE, probabilities=report.probabilities) as table,
            _copies(folder, report) as copies,
            # Closed here, and not when the garbage is collected, so that no worker outlives the run.
            closing((engine or here)(work)) as batches,
        ):
            for found in batches:
                cards = corrected(found, answers)
                with timed(seconds, "write"):
                    for card in cards:
                        table.write(card.row, again=card.first is not None)
                        for copy in copies:
                            copy.write(card.row)
                    summary.add(*(card.row for card in cards))
                    if report.page:
                        for card in cards:
                            if report.settled or len(spool) < MOST_ROWS:
                                spool.offer(card)
                if report.explain:
                    with timed(seconds, "explain"), quiet():
                        for card in cards:
                            if card.row.status in report.explain and card.pictures()[0] is not None:
                                explain(candidates.root, card.row, folder / EXPLANATIONS)
                watch(cards)
        seconds["total"] = time.perf_counter() - begun
        record = Run(
            started=started,
            finished=datetime.now(UTC),
            input=os.fspath(candidates.path.absolute()),
            ignored=candidates.ignored,
            seconds=seconds,
            ways=tally.ways,
            settings=_settings(candidates, classifier, effort, report, neighbours)
            | {"corrections": len(answers)},
            versions=_versions(classifier.model.device),
            model=classifier.model.card.name,
            model_sha256=classifier.model.sha256,
            metrics=classifier.model.card.metrics,
            remembered=tally.remembered,
        )
        if report.page:
            write_page(folder / PAGE, spool, summary, record, report.page_bytes)
        aside.finish()
        write_run(folder / RECORD, run_record(record, summary))
        published = publish(folder, started)
        if neighbours.keep is not None:
            _prune(results, neighbours.keep, warn)
        total = seconds["total"]
        return Outcome(published, summary, candidates.ignored, tally.remembered, total, report.page)


def here(work: Work) -> Generator[list[Card], None, None]:
    """Do the work with worker processes of this machine; what is answered is kept in the ledger."""
    ledger = Ledger(
        work.results, work.candidates.root, work.edition, fresh=work.neighbours.fresh, warn=work.warn
    )
    keeper = Keeper(ledger, work.tally.seconds)
    try:
        yield from classify(
            work.candidates, work.classifier, work.effort, work.tally, keeper, work.neighbours.settle
        )
    finally:
        work.aside.do(keeper.close)


def classify_folder(
    folder: Path | str,
    model: Path | None = None,
    *,
    device: str = "auto",
    selection: Selection = ALL_IMAGES,
    review_below: float | None = None,
    target_error: float | None = None,
    probabilities: bool = False,
    corrections: Path | None = None,
    effort: Effort = IN_THIS_PROCESS,
) -> pd.DataFrame:
    """Classify a folder and return the table that predictions.csv would hold; writes no results.

    With workers (`effort=AUTO` takes one a CPU) the caller's script needs the usual
    `if __name__ == "__main__":` of multiprocessing. `corrections` is a corrections.csv from a review.
    Raises JobError (INPUT, MODEL, ENVIRONMENT, USAGE).
    """
    answers = read_corrections(corrections) if corrections else NO_CORRECTIONS
    classifier = Classifier.load(model, device, review_below, target_error)
    with TemporaryDirectory() as place:
        path = Path(place) / TABLE
        with Table(path, probabilities=probabilities) as table:
            for cards in classify(Scan(Path(folder), selection), classifier, effort):
                for card in corrected(cards, answers):
                    table.write(card.row)
        return read_table(path)


def classify(
    candidates: Scan | OneFile,
    classifier: Classifier,
    effort: Effort = AUTO,
    tally: Tally | None = None,
    keeper: Keeper | None = None,
    settle: float = 0.0,
) -> Generator[list[Card], None, None]:
    """Yield each candidate's rows with their pictures, in the order of the scan, some files at a time.

    What the `keeper`'s ledger knows is not read again, and what is new is kept there soon; files that were
    touched in the last `settle` seconds are deferred. Adds to the `tally`. Raises JobError (INPUT) if there
    is no candidate, or as soon as it shows that the input folder is no longer what it was at the start.
    """
    tally = Tally() if tally is None else tally
    seconds = tally.seconds
    ledger = keeper.ledger if keeper else None
    at_first = identity(candidates.root)
    memory = Memory()
    batches = intake(
        candidates.root,
        candidates,
        size=effort.batch_size or BATCH[classifier.model.device],
        most=effort.batch_size or MOST,
        workers=cpu_count() if effort.workers is None else effort.workers,
        ledger=ledger,
        settle=settle,
        answered=memory,
    )
    empty = True
    show = partial(shown, classifier=classifier)
    with closing(ahead(batches, show, seconds)) as answered:
        for pages, read in answered:
            # What has no hash could not be read: see whether the folder is there before all becomes rows.
            if not all(page.sha256 for page in pages):
                check_still_there(candidates, at_first)
            copies = [page for page in pages if isinstance(page, Known)]
            tally.ways.update(ways_of(read))
            with timed(seconds, "classify"):
                new = cards_of(read, classifier)
                cards = with_copies(pages, new, memory, ledger) if copies else new
                if ledger and not ledger.fresh:
                    memory.keep([card.row for card in new])
            tally.remembered += len(cards) - sum(not page.stored for page in read)
            if keeper:
                keeper.keep(read, copies)
            empty = False
            yield cards
    check_still_there(candidates, at_first)
    yield from ending(candidates, empty)


def check_still_there(candidates: Scan | OneFile, at_first: tuple[int, int] | None) -> None:
    """Raise JobError (INPUT) if the input's `identity` is not what it was at first."""
    if identity(candidates.root) != at_first:
        raise JobError(
            ExitCode.INPUT,
            f"{candidates.path} went away during the run. Nothing was published; run it again.",
        )


def ending(candidates: Scan | OneFile, empty: bool) -> Iterator[list[Card]]:
    """Yield the rows of the folders that could not be listed, which come last.

    Raises JobError (INPUT) if there is none, and the candidates were `empty`.
    """
    if candidates.unlisted:
        yield [Card(_unlisted_row(folder), None, None) for folder in candidates.unlisted]
    elif empty:
        raise JobError(
            ExitCode.INPUT,
            f"{candidates.path} holds no image ({candidates.ignored:,} other files). "
            "Name a folder with scans, or say with --include which of its files are images.",
        )


def corrected(cards: Sequence[Card], answers: Corrections) -> list[Card]:
    """Return the cards with a human's answer on the rows that have one."""
    if not len(answers):
        return list(cards)
    rows = [answers.on(card.row) for card in cards]
    return [
        card if row is card.row else card._replace(row=row) for card, row in zip(cards, rows, strict=True)
    ]


@contextmanager
def _copies(folder: Path, report: Report) -> Iterator[list[Lines | Shards]]:
    """Open the table's other forms. Raises JobError (ENVIRONMENT) if one's library is missing."""
    copies: list[Lines | Shards] = []
    with ExitStack() as stack:
        if report.lines:
            copies.append(Lines(folder / LINES, probabilities=report.probabilities))
            stack.enter_context(closing(copies[-1]))
        if report.shards:
            with extra("parquet", "--format parquet"):
                from batch_classify.report.parquet import Shards
            copies.append(Shards(folder / SHARDS, probabilities=report.probabilities))
            stack.enter_context(closing(copies[-1]))
        yield copies


def identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another at its path, such as one below a mount; None if it is gone."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@cache
def _versions(device: str) -> dict[str, str]:
    packages = (*_PACKAGES, "torch") if device == "cuda" else _PACKAGES
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


def edition_of(classifier: Classifier) -> Edition:
    """Tell stored answers apart by all that could change one, so that they are those of a run without any."""
    device = classifier.model.device
    return Edition.of(
        f"{_versions(device)}, decoding {DECODING}, preprocessing {VERSION}, thumbnails {THUMBNAILS}",
        f"{classifier.model.sha256} on {device} in {PRECISION[device]} precision",
    )


def _prune(results: Path, keep: int, warn: Callable[[str], None]) -> None:
    try:
        prune(results, keep)
    except OSError as error:
        warn(f"an old report cannot be deleted: {error}")


def _settings(
    candidates: Scan | OneFile,
    classifier: Classifier,
    effort: Effort,
    report: Report,
    neighbours: Neighbours,
) -> dict[str, object]:
    """Return what run.json says of how the run was asked for."""
    selection = candidates.selection if isinstance(candidates, Scan) else ALL_IMAGES
    return {
        "device": classifier.model.device,
        **asdict(classifier.thresholds),
        **asdict(effort),
        **asdict(report),
        **asdict(neighbours),
        **asdict(selection),
    }


def _unlisted_row(unlisted: Unlisted) -> Row:
    reason = _REASONS.get(unlisted.error.errno or 0, Reason.UNREADABLE)
    detail = f"the folder could not be listed ({unlisted.error.strerror}); what is in it is not in this table"
    return Row(f"{unlisted.folder}/", None, Status.ERROR, reason, detail)

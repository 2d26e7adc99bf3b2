"""`batch-classify`: turns options into a call and an outcome into an exit code, and nothing else."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from batch_classify import __version__, console
from batch_classify.errors import ExitCode, JobError
from batch_classify.options import TargetError
from batch_classify.uri import Uri, is_uri

if TYPE_CHECKING:
    from batch_classify.classifier import Classifier
    from batch_classify.corrections import Corrections
    from batch_classify.job import Engine, Outcome
    from batch_classify.log import Log
    from batch_classify.report.card import Card
    from batch_classify.report.summary import Summary
    from batch_classify.row import Status
    from batch_classify.scan import Scan, Selection

# Plain help and usage errors: in frames they took more than twice as long to start (experiment 26).
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_SWITCH = 0.0005  # seconds; a worker waits ten times as long for who takes in its parcel, by default
_FORMATS = ("csv", "html", "json", "parquet")
_LOG_FORMATS = ("text", "json")
# Each is a module, so that to add one is to add a file.
_ENGINES = sorted(path.stem for path in (Path(__file__).parent / "engines").glob("[a-z]*.py"))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batch-classify {__version__}")
        raise typer.Exit


def _path(text: str) -> Path | Uri:
    if not text:  # as in a script whose variable is not set; Path("") would be the current folder
        raise typer.BadParameter("it is empty. Name a folder of scans, or one image.")
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return Uri(text) if is_uri(text) else Path(text)


def _engine(text: str) -> str:
    if text not in _ENGINES:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(_ENGINES)}.")
    return text


def _formats(text: str) -> str:
    unknown = set(text.split(",")) - set(_FORMATS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))!r} is not one of {', '.join(_FORMATS)}.")
    return text


def _log_format(text: str) -> str:
    if text not in _LOG_FORMATS:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(_LOG_FORMATS)}.")
    return text


def _allowance(text: str) -> str:
    if not re.fullmatch(r"\d+|\d+(\.\d+)?%", text):
        raise typer.BadParameter(
            f"{text!r} is neither a number of files, such as 10, nor a share, such as 2%."
        )
    return text


@app.command()
def classify(
    input: Annotated[
        Path, typer.Argument(metavar="INPUT", parser=_path, help="A folder of scans, or one image.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            parser=_path,
            help="Where reports go. Default: results; for one image, nowhere.",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Model folder. Default: the one that comes along.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to run the network.")] = "auto",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Files a batch. Changes no answer.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read the files. Default: one a CPU.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Take these files too, image name or not.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave these files or folders out.")
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Look into folders below INPUT.")
    ] = True,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow links that lead out of INPUT.")
    ] = False,
    review_below: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Confidence below which a human should look. Default: the model's."),
    ] = None,
    target_error: TargetError = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add the columns p0 to p9 and reject_score to the table.")
    ] = False,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            callback=_formats,
            metavar=",".join(_FORMATS),
            help="What to write; csv is always written.",
        ),
    ] = "csv,html",
    report_mb: Annotated[
        int, typer.Option(min=1, help="Megabytes that the page may take; fewer pictures go into less.")
    ] = 40,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Answers from a review, which go before the model's and are kept."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Draw how each scan that needs a look, or the one image, was read."),
    ] = False,
    max_errors: Annotated[
        str,
        typer.Option(callback=_allowance, metavar="N|N%", help="Unreadable files to put up with."),
    ] = "0",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read every file again, whatever earlier runs answered.")
    ] = False,
    settle: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Leave files to the next run that were touched so lately."
        ),
    ] = 0,
    wait: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Wait so long for another run into the same folder."),
    ] = 0,
    keep: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Delete all but the N newest reports.")
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write figures for Prometheus there.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            callback=_engine,
            metavar="|".join(_ENGINES),
            help="What moves the work: this machine's processes, or Ray, which reads object stores too.",
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Ray cluster to join. Default: start one on this machine."),
    ] = None,
    log_format: Annotated[
        str,
        typer.Option(callback=_log_format, metavar="text|json", help="How stderr tells what happens."),
    ] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name each file that needs a look.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read every scanned digit in a folder, and write a table and a page of the answers.

    Scans that a human should look at are marked; none is left out.
    """
    with console.exit_codes():
        # What the command line cannot say to typer: both may be an address.
        source, place = cast("Path | Uri", input), cast("Path | Uri | None", out)
        # Imported here, so that --help and --version answer at once.
        from batch_classify import job
        from batch_classify.log import JsonLog, TextLog
        from batch_classify.metrics import Metrics
        from batch_classify.scan import OneFile, Selection

        log = (JsonLog if log_format == "json" else TextLog)(quiet=quiet, verbose=verbose)
        metrics = Metrics(metrics_file, source) if metrics_file else None
        outcome: Outcome | None = None

        def end(code: ExitCode, message: str = "", trace: str = "") -> None:
            if metrics:
                try:
                    metrics.write(code, outcome)
                except OSError as error:
                    log.warn(f"cannot write {metrics_file}: {error.strerror}")
            log.ended(code, message, trace)

        with console.exit_codes(end):
            from batch_classify.classifier import Classifier
            from batch_classify.corrections import Corrections, read_corrections
            from batch_classify.garbage import spare_what_is_loaded

            if engine == "local":
                _check_local(source, place, ray_address)
            else:
                _check_elsewhere(engine, source, place, settle=settle, explain=explain, keep=keep)
            many = _check_input(source)
            if metrics:
                metrics.check()
            answers = read_corrections(corrections) if corrections else Corrections()
            if review_below is not None and target_error is not None:
                raise JobError(
                    ExitCode.USAGE,
                    "--review-below and --target-error both say what goes to a human. Give one of them.",
                )
            # While it is loaded, the first files are read.
            classifier = Classifier.load(model, device, review_below, target_error, wait=False)
            spare_what_is_loaded()
            sys.setswitchinterval(_SWITCH)
            report = job.Report(
                probabilities=probabilities,
                page="html" in formats,
                lines="json" in formats,
                shards="parquet" in formats,
                page_bytes=report_mb * 1_000_000,
                explain=_explained(many) if explain else (),
                settled=engine == "local",
            )
            results = place or Path("results")
            run = partial(
                job.run,
                classifier=classifier,
                effort=job.Effort(batch_size, workers) if many else job.IN_THIS_PROCESS,
                report=report,
                corrections=answers,
                neighbours=job.Neighbours(fresh, settle if many else 0, wait, keep),
                engine=_engine_of(engine, model, results, ray_address),
                warn=log.warn,
            )
            if many:
                packed = () if engine == "local" else _packed()
                selection = Selection((*_globs(include), *packed), _globs(exclude), recursive, follow_links)
                name = classifier.model.card.name
                outcome = _folder(source, results, selection, name, run, log, wait)
                summary = outcome.summary
            elif out or explain:
                outcome = run(OneFile(input), results=Path(results), watch=_answer)
                log.finished(outcome)
                summary = outcome.summary
            else:
                summary = _image(input, classifier, answers)
            if summary.unread > _allowed(max_errors, summary.files):
                raise JobError(
                    ExitCode.UNREADABLE_FILES,
                    f"{summary.unread:,} of {summary.files:,} files could not be read, and {max_errors} may "
                    "be. Their rows say why; --verbose names them here, and --max-errors lets more pass.",
                )
            end(ExitCode.OK)


def _engine_of(name: str, model: Path | None, results: Path | Uri, address: str | None) -> Engine:
    """Return an engine. Raises JobError (ENVIRONMENT) if what it needs is not installed."""
    from batch_classify.engines import Setup
    from batch_classify.extras import extra
    from batch_classify.model import DEFAULT_MODEL

    with extra(name, f"--engine {name}"):
        module = import_module(f"batch_classify.engines.{name}")
    made: Engine = module.engine(Setup(model or DEFAULT_MODEL, results.absolute(), address))
    return made


def _packed() -> list[str]:
    """Return the globs of what holds scans to an engine that reads packed files."""
    from batch_classify.packed import PACKED

    return [f"*{ending}" for ending in PACKED]


def _check_local(source: Path | Uri, out: Path | Uri | None, address: str | None) -> None:
    """Raise JobError (USAGE) if the command asks for what only an engine for clusters has."""
    for place in (source, out):
        if isinstance(place, Uri):
            raise JobError(ExitCode.USAGE, f"{place} is an address. Add --engine ray, or name a folder.")
    if address:
        raise JobError(ExitCode.USAGE, "--ray-address is for --engine ray. Add that, or leave this out.")


def _check_elsewhere(
    engine: str,
    source: Path | Uri,
    out: Path | Uri | None,
    *,
    settle: float,
    explain: bool,
    keep: int | None,
) -> None:
    """Raise JobError (USAGE) if the command asks for what only this machine's engine has."""
    if settle or explain:
        option = "--settle" if settle else "--explain"
        raise JobError(ExitCode.USAGE, f"{option} does not go with --engine {engine}. Leave one of them out.")
    if keep is not None and isinstance(out, Uri):
        raise JobError(ExitCode.USAGE, f"--keep deletes nothing below an address ({out}). Leave it out.")
    if isinstance(source, Path) and source.is_file():
        raise JobError(ExitCode.USAGE, f"--engine {engine} reads folders. For one image, leave it out.")


def _explained(many: bool) -> tuple[Status, ...]:
    """Return the statuses whose rows are drawn: of a folder those that need a look, of one image any."""
    from batch_classify.row import Status

    return (Status.REVIEW, Status.REJECTED) if many else tuple(Status)


def _folder(
    folder: Path | Uri,
    results: Path | Uri,
    selection: Selection,
    model: str,
    run: Callable[..., Outcome],
    log: Log,
    wait: float,
) -> Outcome:
    """Classify a folder into a new report by `run`, and tell how it goes; `model` is the model's name."""
    scan = _scan(folder, results, selection)

    def watch(cards: Sequence[Card]) -> None:
        advance(sum(card.row.page in (None, 1) for card in cards))
        log.rows(cards)

    log.started(folder, results, model)
    with log.advancing(scan.count) as advance:
        if isinstance(results, Uri):
            from batch_classify.store import run_into

            outcome = run_into(results, lambda place: run(scan, results=place, watch=watch), wait)
        else:
            outcome = run(scan, results=results, watch=watch)
    log.finished(outcome)
    return outcome


def _scan(folder: Path | Uri, results: Path | Uri, selection: Selection) -> Scan:
    """Return the candidates. Raises JobError (USAGE) if the results would lie among them."""
    if isinstance(folder, Uri):
        from batch_classify.objects import ObjectScan

        return ObjectScan(folder, selection, skip=results if isinstance(results, Uri) else None)
    from batch_classify.scan import Scan

    if isinstance(results, Path) and results.exists() and results.samefile(folder):
        raise JobError(
            ExitCode.USAGE, f"{results} holds the scans. Name another folder for reports with --out."
        )
    return Scan(folder, selection, skip=results if isinstance(results, Path) else None)


def _image(file: Path, classifier: Classifier, answers: Corrections) -> Summary:
    """Print what one image says, and write nothing."""
    from batch_classify import job
    from batch_classify.report.summary import Summary
    from batch_classify.scan import OneFile

    summary = Summary()
    for found in job.classify(OneFile(file), classifier, job.IN_THIS_PROCESS):
        cards = job.corrected(found, answers)
        _answer(cards)
        summary.add(*(card.row for card in cards))
    return summary


def _answer(cards: Sequence[Card]) -> None:
    from batch_classify import present

    for card in cards:
        console.answer(present.answer(card.row))


def _check_input(path: Path | Uri) -> bool:
    """Return whether this is a folder, or an address. Raises JobError (INPUT) if there is nothing to read."""
    if isinstance(path, Uri):
        return True
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise JobError(
            ExitCode.INPUT, f"cannot find {path}: {error.strerror}. Name a folder of scans, or one image."
        ) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise JobError(
            ExitCode.INPUT, f"{path} is neither a folder nor a file. Name a folder of scans, or one image."
        )
    return stat.S_ISDIR(mode)


def _globs(globs: list[str] | None) -> tuple[str, ...]:
    """Take `drafts/`, as a shell completes it, for the folder."""
    return tuple(glob.rstrip("/") for glob in globs or ())


def _allowed(text: str, files: int) -> float:
    return float(text[:-1]) / 100 * files if text.endswith("%") else int(text)


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    app(prog_name="batch-classify")

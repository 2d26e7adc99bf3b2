"""`batch-classify-train`: turns options into a call, and an outcome into an exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from batch_classify import __version__, console
from batch_classify.errors import ExitCode, JobError
from batch_classify.options import TargetError

app = typer.Typer(
    help="Train the model that batch-classify runs, and measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the files of mnist (idx, also in mnist/; QMNIST's labels in qmnist/), usps (zip or "
        "bz2) and semeion. Default: download them."
    ),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to run the network.")]

_STDOUT = Path("-")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batch-classify-train {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def fit(
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mnist|usps|semeion|synthetic|FOLDER",
            help="What to train on; synthetic is drawn here and needs no download, a folder has the "
            "subfolders 0 to 9. Repeat it to train on several. Default: mnist and synthetic; for the "
            "tutorials' networks mnist.",
        ),
    ] = None,
    data_dir: DataDir = None,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The network: vgg-cascade, vgg-cascade-wide, vgg-cascade-strided, vgg-tiny, or a "
            "tutorial's: mlp-4, mlp-128-64, mlp-128-128, cnn-3, cnn-2. Default: that of --init, vgg-tiny for "
            "--preset quick, or else vgg-cascade. With --init, another quick network may learn alone.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="quick|standard|best|refine",
            help="How long to train: to 99 % on MNIST in seconds, well, or longer still; refine is a few "
            "gentle epochs more for --init. Default: standard. The tutorials' networks have their own.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often each picture is seen. Default: the preset's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Pictures in a step. Default: the preset's.")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Peak of the learning rate. Default: the preset's, and a tenth if --init has learnt it all.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Device = "auto",
    init: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Start from this model folder's weights, to fine-tune it."),
    ] = None,
    redraw: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=100, help="Also put each digit on N sheets of paper, and read it back."
        ),
    ] = 0,
    nondigits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=10_000_000,
            help="Scans without a digit to draw, for the network that tells digits from what is none. "
            "Default: 20000; none for --preset quick, for the tutorials' networks, and where --init has one.",
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Learn also from what this model says (distillation); repeat it for several.",
        ),
    ] = None,
    average: Annotated[
        bool,
        typer.Option("--average", help="Keep the mean weights of before and after, so as to forget less."),
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Train on the digits of this corrections.csv too; needs --images."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder whose scans --corrections is about."),
    ] = None,
    even_if_worse: Annotated[
        bool,
        typer.Option(
            "--even-if-worse", help="Write what came of --init and --corrections even if it got worse."
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a training that was stopped; the other options as before."),
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The model folder to write; until then a checkpoint is in OUT.checkpoint."
        ),
    ] = Path("model"),
) -> None:
    """Train a network and write it as a model folder."""
    with console.exit_codes():
        from train.job import Task, fit_model
        from train.presets import arch_of, data_of, nondigits_of, recipe_of
        from train.start import start_from

        if (corrections is None) is not (images is None):
            raise JobError(
                ExitCode.USAGE,
                "--corrections and --images go together: the answers, and the folder with their scans.",
            )
        if average and init is None:
            raise JobError(ExitCode.USAGE, "--average needs a model to start from: name it with --init.")
        start = start_from(arch or (None if init else arch_of(preset)), init)
        if start.frozen and (average or corrections):
            raise JobError(
                ExitCode.USAGE,
                f"--arch {arch} gives --init {init} a new quick network, which has nothing to keep yet: "
                "leave out --average and --corrections, and fine-tune the model that comes of it.",
            )
        recipe = recipe_of(
            start.arch,
            preset,
            fine_tune=init is not None and not start.frozen,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            seed=seed,
        )
        reviewed = (corrections, images) if corrections and images else None
        teachers = [start_from(None, folder) for folder in teacher or ()]
        task = Task(
            data or data_of(start.arch),
            data_dir,
            start,
            recipe,
            device,
            reviewed,
            redraw,
            teachers,
            nondigits_of(start.arch, preset) if nondigits is None else nondigits,
            average,
        )
        card = fit_model(task, out, console.err(), resume=resume, even_if_worse=even_if_worse)
        console.err().print(
            f"wrote {out}: validation accuracy {card.metrics['validation']['accuracy']:.2%}, temperature "
            f"{card.temperature}, answers below {card.review_below:.6g} go to review",
            markup=False,  # a file name may hold brackets
        )


@app.command()
def evaluate(
    data: Annotated[
        str,
        typer.Argument(
            help="mnist or usps (their test parts), synthetic, or a folder with the subfolders 0 to 9, and "
            "perhaps blank, several_digits and not_a_digit."
        ),
    ],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Model folder. Default: the one that comes along.")
    ] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn digits.")] = 1,
    device: Device = "auto",
    target_error: TargetError = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all figures as JSON; - is stdout, without the table."
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write an HTML page with the figures and pictures of the mistakes."
        ),
    ] = None,
) -> None:
    """Measure what the job says of labelled digits; files that it cannot read count as wrong."""
    with console.exit_codes():
        from batch_classify import present
        from batch_classify.classifier import Classifier
        from train import evaluation
        from train.page import evaluation_page
        from train.rejection import ask_others, rejections
        from train.words import in_words

        for file in (json_file, page):
            _check_file(file)
        classifier = Classifier.load(model, device, target_error=target_error)
        answers = evaluation.ask(classifier, data, data_dir, seed)
        rows = [answer.card.row for answer in answers]
        others = {} if data in evaluation.DATA_SETS else rejections(ask_others(classifier, Path(data)), rows)
        for row in evaluation.unread(answers):
            console.err().print(present.concern(row), markup=False)
        card = classifier.model.card
        found = evaluation.figures(answers, classifier.thresholds.review_below, card.operating_points)
        if page is not None:
            _write(page, evaluation_page(data, card.name, classifier.thresholds.review_below, found, answers))
        if json_file is not None:
            record = evaluation.record(data, classifier, found, answers, others)
            _write(json_file, json.dumps(record, indent=2) + "\n")
        if json_file != _STDOUT:
            console.answer(in_words(found, others))


@app.command()
def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="The folder OUT.checkpoint that fit leaves when it is stopped.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")] = Path("model"),
) -> None:
    """Write a model folder from a checkpoint, as if the training had ended there."""
    with console.exit_codes():
        from train.job import export_model

        card = export_model(checkpoint, out)
        console.err().print(
            f"wrote {out}: validation accuracy {card.metrics['validation']['accuracy']:.2%} "
            f"after {card.training['epochs']} epochs",
            markup=False,
        )


def _check_file(file: Path | None) -> None:
    """Raise JobError (OUTPUT) now, and not after the work, if the file cannot be written."""
    if file is None or file == _STDOUT:
        return
    place = file if file.exists() else file.parent
    if file.is_dir() or not os.access(place, os.W_OK):
        raise _cannot_write(file, "it is a folder" if file.is_dir() else "no such folder, or no permission")


def _write(file: Path, text: str) -> None:
    if file == _STDOUT:
        console.answer(text.removesuffix("\n"))
        return
    try:
        # A decoder's message may hold a lone surrogate, which UTF-8 cannot.
        file.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise _cannot_write(file, str(error.strerror)) from error


def _cannot_write(file: Path, problem: str) -> JobError:
    return JobError(
        ExitCode.OUTPUT, f"cannot write {file}: {problem}. Name a file in a folder that you may write."
    )


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    app(prog_name="batch-classify-train")

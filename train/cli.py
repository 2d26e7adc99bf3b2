"""`batch-classify-train`: turns options into a call, and an outcome into an exit code."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from batch_classify import __version__, console

app = typer.Typer(
    help="Train the model that batch-classify runs, and measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder with MNIST's four idx files, gzipped or not. Default: download them."),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to run the network.")]


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
            help="mnist, synthetic (drawn here, needs no download) or a folder with the subfolders 0 to 9. "
            "Repeat it to train on several. Default: mnist and synthetic."
        ),
    ] = None,
    data_dir: DataDir = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often each picture is seen.")] = 30,
    batch_size: Annotated[int, typer.Option(min=2, help="Pictures in a step.")] = 256,
    lr: Annotated[float, typer.Option(min=0, help="Peak of the learning rate.")] = 4e-3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Device = "auto",
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")] = Path("model"),
) -> None:
    """Train a network and write it as a model folder."""
    with console.exit_codes():
        from train.job import DEFAULT_DATA, fit_model
        from train.trainer import Recipe

        recipe = Recipe(epochs=epochs, batch_size=batch_size, lr=lr, seed=seed)
        say = partial(console.err.print, markup=False)  # a file name may hold brackets
        card = fit_model(data or DEFAULT_DATA, data_dir, recipe, device, out, say)
        say(
            f"wrote {out}: validation accuracy {card.metrics['validation']['accuracy']:.2%}, temperature "
            f"{card.temperature}, answers below {card.review_below:.6g} go to review"
        )


@app.command()
def evaluate(
    data: Annotated[str, typer.Argument(help="mnist (its test part), synthetic, or a folder of digits.")],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Model folder. Default: the one that comes along.")
    ] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn digits.")] = 1,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled digits; prints JSON."""
    with console.exit_codes():
        from batch_classify.model import load
        from batch_classify.preprocess import VERSION
        from train.data import load as load_data
        from train.evaluation import evaluate as measure

        loaded = load(model, device, preprocessing=VERSION)
        digits = load_data(data, data_dir, seed, test=True)
        typer.echo(json.dumps(measure(loaded, digits).to_dict(), indent=2))


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    app(prog_name="batch-classify-train")

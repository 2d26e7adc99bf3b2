"""Options that both commands take, so that they read alike."""

from __future__ import annotations

from typing import Annotated

import typer


def share(text: str) -> float:
    """Read a share such as 0.3% as a number from 0 to 1. Raises BadParameter."""
    try:
        number = float(text.removesuffix("%")) / 100
    except ValueError:
        number = -1.0
    if not text.endswith("%") or not 0 <= number <= 1:
        raise typer.BadParameter(f"{text!r} is no share from 0% to 100%, such as 0.3%.")
    return number


TargetError = Annotated[
    float | None,
    typer.Option(
        metavar="N%",
        parser=share,
        help="How many of the answers that nobody checks may be wrong: 1%, 0.3% or 0.1%; of the rest a human "
        "is asked. Default: the model's, 0.3% for the one that comes along.",
    ),
]

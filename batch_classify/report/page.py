"""report.html: one file that needs nothing else, for the people who review.

Puts counts, rows and pictures into the page so that they are safe to show, whatever the files are called.
How they look is up to the templates beside this module, what they do to the scripts in `app`.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from datetime import UTC
from functools import cache
from pathlib import Path, PurePosixPath

import cv2
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from batch_classify import __version__
from batch_classify.decode import Grey
from batch_classify.filename import to_cell
from batch_classify.report.card import jpeg_of
from batch_classify.report.measured import measured
from batch_classify.report.pack import PAGE_BYTES, SHEET_COLUMNS, blocks, json_text
from batch_classify.report.spool import Spool
from batch_classify.report.summary import CONFIDENCES, Run, Summary
from batch_classify.row import Status

STATUS_WORDS = {
    Status.REVIEW: "an answer to check",
    Status.REJECTED: "no single digit there",
    Status.ERROR: "could not be read",
    Status.DEFERRED: "still being written",
    Status.OK: "a clear answer",
    Status.REVIEWED: "answered by a human",
}
REASON_WORDS = {
    "low_confidence": "Not sure enough",
    "low_quality": "Poor scan",
    "blank": "Nothing written on it",
    "several_digits": "More than one digit",
    "not_a_digit": "Not a digit",
    "unreadable": "Damaged picture",
    "empty_file": "Empty file",
    "too_large": "Too large",
    "unsupported": "Format not supported",
    "permission_denied": "No permission to read it",
    "vanished": "Gone before it was read",
    "being_written": "Still being written",
}
# Control characters and those that turn the direction of writing: shown, never obeyed.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def write_page(path: Path, spool: Spool, summary: Summary, run: Run, page_bytes: int = PAGE_BYTES) -> None:
    """Write the page; its pictures are read from the spool and packed a few at a time."""
    pieces = template().generate(
        summary=summary,
        run=run,
        held=len(spool),
        folder=PurePosixPath(run.input_text).name or run.input_text,
        statuses=STATUS_WORDS,
        started=run.started.astimezone(UTC),
        finished=run.finished.astimezone(UTC),
        measured=measured(run.metrics),
        bins=_bins(run.settings.get("review_below")),
        facts={
            "run": _identity(run),
            "statuses": STATUS_WORDS,
            "reasons": REASON_WORDS,
            "columns": SHEET_COLUMNS,
        },
        blocks=blocks(spool, page_bytes),
        version=__version__,
    )
    # A setting may hold a lone surrogate, which UTF-8 cannot.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(pieces)


@cache
def template() -> Template:
    """Compile the page's template, which takes 25 ms, so that whoever has time can call this beforehand."""
    environment = templates("batch_classify.report")
    environment.get_template("report.css.jinja")  # which the other includes
    return environment.get_template("report.html.jinja")


def _identity(run: Run) -> str:
    """Return what tells a run from others, so that each has its own answers in a browser's store."""
    facts = f"{run.started.isoformat()} {run.model_sha256} {run.input_text}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _bins(review_below: float | None) -> list[tuple[str, float | None]]:
    """Return the bins of confidence: what each is called, and how far in it the threshold lies, 0 to 1."""
    bins: list[tuple[str, float | None]] = []
    for start, end in zip(CONFIDENCES, (*CONFIDENCES[1:], 1.0), strict=True):
        low, high = f"{100 * start:g}", f"{100 * end:g}"
        name = f"<{high}" if start == 0 else f">{low}" if end == 1 else f"{low}–{high}"
        here = review_below is not None and start <= review_below < end
        bins.append((name, (review_below - start) / (end - start) if here and review_below else None))
    return bins


def templates(*packages: str) -> Environment:
    """Return the templates in the folders of these packages, with our filters and all text escaped.

    They may call `verbatim` for a file of code: to compile it as a template takes longer than to write it.
    """
    loader = ChoiceLoader([PackageLoader(package, "") for package in packages])
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": to_cell,
        "visible": visible,
        "percent": percent,
        "reason": reason_in_words,
        "png": png,
        "jpeg": jpeg,
        "csp_hash": csp_hash,
        "json": json_text,
        "logarithm": math.log,
    }
    environment.globals["verbatim"] = lambda file: Markup(
        loader.get_source(environment, file)[0].removesuffix("\n")
    )
    return environment


def visible(text: str) -> str:
    r"""Return the text with characters that cannot be seen written out, a line break as `\n`."""
    return _UNSEEN.sub(lambda unseen: unseen[0].encode("unicode_escape").decode("ascii"), text)


def percent(share: float) -> str:
    """Return a probability as a person reads it; no model is ever 100% sure."""
    if share >= 0.9995:
        return ">99.9%"
    return "<0.1%" if share < 0.0005 else f"{share:.1%}"


def reason_in_words(reason: str) -> str:
    """Return a reason as a person says it."""
    return REASON_WORDS.get(reason, reason.replace("_", " ").capitalize())


def png(grey: Grey) -> str:
    """Return the exact picture as the address of an image that the page itself holds."""
    return _data_uri("png", cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())


def jpeg(scan: Grey) -> str:
    """Return a thumbnail likewise."""
    return _data_uri("jpeg", jpeg_of(scan))


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def csp_hash(text: str) -> str:
    """Return what a Content-Security-Policy says to allow just this style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

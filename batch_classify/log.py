"""What a run says of itself while it goes: words for a person, or one JSON object a line for a program.

Everything goes to stderr. Knows events and how they are told; does not know what leads to them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from batch_classify import console
from batch_classify.errors import ExitCode
from batch_classify.filename import to_cell
from batch_classify.job import Outcome
from batch_classify.present import concern, counts, place, summed_up
from batch_classify.progress import Advance, now_and_then, progress
from batch_classify.report.card import Card
from batch_classify.row import Status
from batch_classify.uri import Uri


class Log(Protocol):
    """Who is told what happens, in this order, `ended` always last and once."""

    def started(self, source: Path | Uri, results: Path | Uri, model: str) -> None:
        """Hear that the run begins."""

    def advancing(self, count: Callable[[], int]) -> AbstractContextManager[Advance]:
        """Give what hears how many files are done; `count` says how many there will be."""

    def rows(self, cards: Sequence[Card]) -> None:
        """Hear which rows are written."""

    def warn(self, message: str) -> None:
        """Hear that something is wrong which ends nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Hear that the report is there."""

    def ended(self, code: ExitCode, message: str = "", trace: str = "") -> None:
        """Hear that the command ends, why if not well, and where a defect came from."""


class TextLog:
    """For people: progress, counts and where to look; only what ends the run if `quiet`.

    `verbose` names each row that is not `ok`.
    """

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose

    def started(self, source: Path | Uri, results: Path | Uri, model: str) -> None:
        """Say nothing: who started it knows."""

    def advancing(self, count: Callable[[], int]) -> AbstractContextManager[Advance]:
        """Show a bar on a terminal, and elsewhere a line now and then."""
        return progress(console.err, count, quiet=self._quiet)

    def rows(self, cards: Sequence[Card]) -> None:
        """Name the rows that need a look, if asked to."""
        for card in cards if self._verbose else ():
            if card.row.status not in (Status.OK, Status.REVIEWED):
                console.err().print(concern(card.row), markup=False)

    def warn(self, message: str) -> None:
        """Print the warning."""
        if not self._quiet:
            from rich.markup import escape

            console.err().print(f"[bold yellow]warning:[/] {escape(message)}")

    def finished(self, outcome: Outcome) -> None:
        """Print the counts and where the report is."""
        if not self._quiet:
            console.err().print(counts(outcome.summary, outcome.ignored, outcome.remembered))
            console.err().print(place(outcome), markup=False)

    def ended(self, code: ExitCode, message: str = "", trace: str = "") -> None:
        """Print why it did not end well."""
        console.tell_end(code, message, trace)


class JsonLog:
    """For programs: the events `start`, `progress`, `warning`, `error` (a file that cannot be read), `end`.

    Each has the `time` in UTC. If `quiet`, only errors and an end that is not well; if `verbose`, also each
    row that needs a look, the event being its status.
    """

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet = quiet
        self._told = set(Status) - {Status.OK} if verbose else {Status.ERROR}
        self._counts: dict[str, Any] = {}

    def started(self, source: Path | Uri, results: Path | Uri, model: str) -> None:
        """Tell what is read, where the results go, and the model's name."""
        self._tell("start", input=_text(source), results=_text(results), model=model)

    @contextmanager
    def advancing(self, count: Callable[[], int]) -> Iterator[Advance]:
        """Tell how far it is now and then; nobody counts the files beforehand."""
        yield now_and_then(
            lambda files, seconds: self._tell("progress", files=files, seconds=round(seconds, 1))
        )

    def rows(self, cards: Sequence[Card]) -> None:
        """Tell each row that could not be read."""
        for row in (card.row for card in cards if card.row.status in self._told):
            event = {"file": to_cell(row.file), "page": row.page, "reason": row.reason, "detail": row.detail}
            self._tell(str(row.status), always=row.status is Status.ERROR, **event)

    def warn(self, message: str) -> None:
        """Tell the warning."""
        self._tell("warning", message=message)

    def finished(self, outcome: Outcome) -> None:
        """Keep the counts for the end."""
        self._counts = summed_up(outcome)

    def ended(self, code: ExitCode, message: str = "", trace: str = "") -> None:
        """Tell the exit code, and the counts if there is a report."""
        said = {"message": message, "trace": trace}
        end = {"code": int(code), "name": code.name} | {name: text for name, text in said.items() if text}
        self._tell("end", always=code is not ExitCode.OK, **end, **self._counts)

    def _tell(self, event: str, *, always: bool = False, **values: object) -> None:
        if always or not self._quiet:
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            print(json.dumps({"time": time, "event": event} | values), file=sys.stderr, flush=True)


def _text(path: Path | Uri) -> str:
    return to_cell(str(path.absolute()))

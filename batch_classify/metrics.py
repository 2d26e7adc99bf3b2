"""Figures of the last run for Prometheus, in the format of node_exporter's textfile collector.

Knows the names of the figures; does not know how the run came by them.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from batch_classify.errors import ExitCode, JobError
from batch_classify.filename import to_cell
from batch_classify.job import Outcome
from batch_classify.rewrite import rewrite
from batch_classify.uri import Uri

_HELP = {
    "last_run_timestamp_seconds": "When the last run ended, in seconds since 1970.",
    "last_run_exit_code": "How the last run ended; 0 is well.",
    "last_success_timestamp_seconds": "When a run last ended with exit code 0.",
    "rows": "Rows of the last report, by status.",
    "unreadable_files": "Files of the last report that could not be read.",
    "remembered_rows": "Rows of the last report that an earlier run had answered.",
    "duration_seconds": "How long the run of the last report took.",
}
_LINE = re.compile(r"batch_classify_(\w+)(\{.*\}) (\S+)")


class Metrics:
    """The file `path`, about runs over `source`; replaced whole, so that no reader sees half of it.

    A run without a report leaves the figures of the last report there, and when a run last ended well.
    """

    def __init__(self, path: Path, source: Path | Uri) -> None:
        self._path = path
        self._source = _escaped(to_cell(str(source.absolute())))

    def check(self) -> None:
        """Raise JobError (OUTPUT) if the file could not be written."""
        try:
            if self._path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            with tempfile.TemporaryFile(dir=self._path.parent):
                pass
        except OSError as error:
            raise JobError(
                ExitCode.OUTPUT,
                f"cannot write {self._path}: {error.strerror}. Name with --metrics-file a file in a folder "
                "that is there and that you may write to.",
            ) from error

    def write(self, code: ExitCode, outcome: Outcome | None) -> None:
        """Write the figures of a run that ends now. Raises OSError."""
        now = f"{time.time():.3f}"
        figures = self._earlier() | {
            ("last_run_timestamp_seconds", ""): now,
            ("last_run_exit_code", ""): str(int(code)),
        }
        if code is ExitCode.OK:
            figures["last_success_timestamp_seconds", ""] = now
        if outcome:
            for status, rows in outcome.summary.by_status().items():
                figures["rows", status] = str(rows)
            figures["unreadable_files", ""] = str(outcome.summary.unread)
            figures["remembered_rows", ""] = str(outcome.remembered)
            figures["duration_seconds", ""] = f"{outcome.seconds:.3f}"
        # The partial does not end in .prom, so the collector leaves it alone; no lock keeps other runs away.
        rewrite(self._path, "".join(self._lines(figures)).encode(), by=f".{os.getpid()}")

    def _lines(self, figures: dict[tuple[str, str], str]) -> Iterator[str]:
        for name, help_ in _HELP.items():
            yield f"# HELP batch_classify_{name} {help_}\n# TYPE batch_classify_{name} gauge\n"
            for (figure, status), value in figures.items():
                if figure == name:
                    by_status = f',status="{status}"' if status else ""
                    yield f'batch_classify_{name}{{input="{self._source}"{by_status}}} {value}\n'

    def _earlier(self) -> dict[tuple[str, str], str]:
        """Read the figures of the file as it is, if it is one of ours."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError):
            return {}
        figures = {}
        for name, labels, value in (match.groups() for line in lines if (match := _LINE.fullmatch(line))):
            status = re.search(r',status="(\w+)"}$', labels)
            if name in _HELP:
                figures[name, status[1] if status else ""] = value
        return figures


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""Words for people, on stderr, and how a command ends. Data goes to stdout and not through here."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.markup import escape

from batch_classify.errors import ExitCode, JobError

# soft_wrap: a log of cron is not cut to the width of a terminal that is not there.
err = Console(stderr=True, soft_wrap=True, highlight=False)


def answer(line: str) -> None:
    """Print a line of data on stdout; if nobody reads it any more (`| head`), end quietly.

    Raises JobError (OUTPUT) if stdout cannot be written.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would try once more
        if isinstance(error, BrokenPipeError):
            sys.exit(ExitCode.OK)
        raise JobError(ExitCode.OUTPUT, f"cannot write the answer to stdout: {error.strerror}") from error


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn whatever ends the command into a message on stderr and one of the promised exit codes."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except JobError as error:
        _end(error.code, f"[bold red]error:[/] {escape(str(error))}")
    except ImportError as error:
        _end(ExitCode.ENVIRONMENT, f"[bold red]error:[/] {escape(_library_remedy(error))}")
    except KeyboardInterrupt:
        _end(ExitCode.INTERRUPTED, "interrupted; earlier results stay as they were")
    except Exception:
        traceback.print_exc()
        _end(
            ExitCode.DEFECT,
            "[bold red]error:[/] this is a defect of batch-classify; please report the lines above",
        )


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    _end(ExitCode.TERMINATED, "terminated; earlier results stay as they were")


def _end(code: ExitCode, message: str) -> None:
    err.print(message)
    sys.exit(code)


def _library_remedy(error: ImportError) -> str:
    """Say how to get a library that does not load."""
    if "libGL" in str(error) or "libgthread" in str(error) or "libglib" in str(error):
        return (
            f"OpenCV lacks a system library ({error}). On Debian or Ubuntu: apt install libgl1 libglib2.0-0. "
            "On Fedora: dnf install mesa-libGL glib2. Without root: pip uninstall opencv-python, then "
            "pip install opencv-python-headless."
        )
    return (
        f"a library cannot be loaded ({error}). Install this program again: pip install --force-reinstall ."
    )

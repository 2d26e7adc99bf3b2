"""Words for people, on stderr, and how a command ends. Data goes to stdout and not through here."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from batch_classify.errors import ExitCode, JobError

if TYPE_CHECKING:
    from rich.console import Console

_ASKED_FOR = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
_KEPT = "earlier results stay as they were, and what was done is kept"


@cache
def err() -> Console:
    """Return the console on stderr, made on first use: not all commands say something."""
    from rich.console import Console

    # soft_wrap: a log of cron is not cut to the width of a terminal that is not there.
    return Console(stderr=True, soft_wrap=True, highlight=False)


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


class Tell(Protocol):
    """Hears how a command ends if not well: the code, why, and where a defect came from."""

    def __call__(self, code: ExitCode, message: str, trace: str = "") -> None:
        """Pass it on."""


def tell_end(code: ExitCode, message: str, trace: str = "") -> None:
    """Print why a command ends; nothing if there is nothing to say."""
    if trace:
        print(trace, file=sys.stderr, end="")
    if message:
        from rich.markup import escape

        mark = "" if code in _ASKED_FOR else "[bold red]error:[/] "
        err().print(mark + escape(message))


@contextmanager
def exit_codes(tell: Tell = tell_end) -> Iterator[None]:
    """Turn whatever ends the command into a message and one of the promised exit codes."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except JobError as error:
        _end(tell, error.code, str(error))
    except ImportError as error:
        _end(tell, ExitCode.ENVIRONMENT, _library_remedy(error))
    except KeyboardInterrupt:
        _end(tell, ExitCode.INTERRUPTED, f"interrupted; {_KEPT}")
    except _Terminated:
        _end(tell, ExitCode.TERMINATED, f"terminated; {_KEPT}")
    except Exception:
        message = "this is a defect of batch-classify; please report the lines above"
        _end(tell, ExitCode.DEFECT, message, traceback.format_exc())
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Terminated(SystemExit):
    """The signal TERM came. Raised like KeyboardInterrupt, since a handler must not print."""


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    raise _Terminated(ExitCode.TERMINATED)


def _end(tell: Tell, code: ExitCode, message: str, trace: str = "") -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    tell(code, message, trace)
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

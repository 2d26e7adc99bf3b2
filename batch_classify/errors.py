"""How a run can end: the exit codes, and the one exception that carries them.

Programs outside rely on these numbers; docs/errors.md gives each its cause and remedy.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell. Stable: numbers are added, never changed."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    INPUT = 3
    UNREADABLE_FILES = 4
    MODEL = 5
    OUTPUT = 6
    LOCKED = 7
    WORSE_MODEL = 8
    ENVIRONMENT = 9
    INTERRUPTED = 130
    TERMINATED = 143


class JobError(Exception):
    """A run that cannot go on, with a message for a person and a code for a program.

    The message names what is wrong, and where there is one, the remedy.
    """

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[JobError], tuple[ExitCode, str]]:
        """Say how another process makes it again; by itself an exception knows its message only."""
        return JobError, (self.code, str(self))

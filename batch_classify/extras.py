"""What comes with an extra of the package only: a library that is missing becomes an error with its remedy.

Knows the extras' names; does not know what the libraries are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_classify.errors import ExitCode, JobError


@contextmanager
def extra(name: str, option: str) -> Iterator[None]:
    """Import in here what the extra `name` brings for `option`. Raises JobError (ENVIRONMENT) without it."""
    try:
        yield
    except ImportError as error:
        raise JobError(
            ExitCode.ENVIRONMENT,
            f"{option} needs a library that is not installed ({error}). "
            f"Install it with pip install 'batch-classify[{name}]'.",
        ) from error

"""Addresses where otherwise paths stand, in `batch_classify.uri`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch_classify.uri import Uri, is_uri


@pytest.mark.parametrize("text", ["s3://bucket/scans", "memory://a", "abfs+x://c@a/b"])
def test_what_has_a_scheme_is_an_address(text: str) -> None:
    """Whichever it is; which of them can be opened is up to fsspec."""
    assert is_uri(text)


@pytest.mark.parametrize("text", ["scans", "/srv/s3://x", "C:/scans", "s3:/bucket", "://x", ""])
def test_anything_else_is_a_path(text: str) -> None:
    """Two slashes after a colon make none by themselves."""
    assert not is_uri(text)


def test_an_address_does_what_a_path_does() -> None:
    """It is the same everywhere, has a name, and grows by parts."""
    address = Uri("s3://bucket/scans/")
    assert address.absolute() is address
    assert address.name == "scans"
    assert address / "a" / "b.png" == "s3://bucket/scans/a/b.png"
    assert isinstance(address / "a", Uri)
    assert os.fspath(address) == "s3://bucket/scans/" != str(Path(address))

"""`--engine` as a shell sees it: what goes with it, what does not, and how that ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from test_cli import call, scans, spoil

from batch_classify.errors import ExitCode

__all__ = ["scans"]  # a fixture


def test_ray_writes_the_same_table_into_the_same_kind_of_folder(
    scans: Path, fake_model: Path, tmp_path: Path
) -> None:
    """It starts a cluster of its own, says no more than the local engine does, and ends with its code."""
    pytest.importorskip("ray", reason="ray is not installed")
    spoil(scans)
    options = (scans, "-m", fake_model, "--quiet")
    local = call(*options, "-o", "local", cwd=tmp_path)
    there = call(*options, "-o", "there", "--engine", "ray", "--workers", 2, cwd=tmp_path)
    assert there.returncode == local.returncode == ExitCode.UNREADABLE_FILES
    assert there.stderr == local.stderr
    table = "latest/predictions.csv"
    assert (tmp_path / "there" / table).read_bytes() == (tmp_path / "local" / table).read_bytes()
    assert (tmp_path / "there" / "latest" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["s3://bucket/scans"], "Add --engine ray"),
        (["scans", "-o", "s3://bucket/results"], "Add --engine ray"),
        (["scans", "--ray-address", "auto"], "--ray-address is for --engine ray"),
        (["scans", "--engine", "spark"], "'spark' is not one of local, ray"),
        (["scans", "--engine", "ray", "--explain"], "--explain does not go with --engine ray"),
        (["scans", "--engine", "ray", "--settle", "5"], "--settle does not go with --engine ray"),
        (["scans/0.png", "--engine", "ray"], "--engine ray reads folders"),
        (["scans", "--engine", "ray", "--keep", "3", "-o", "s3://bucket/results"], "--keep deletes nothing"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    scans: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    """The message says what to change, and nothing is written."""
    done = call(*options, cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert words in " ".join(done.stderr.split())
    assert not (tmp_path / "results").exists()


def test_without_ray_the_message_says_how_to_get_it(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The code is that of a missing library; here one that does not load comes before the real one."""
    (tmp_path / "fsspec.py").write_text("raise ImportError('No module named fsspec')")
    done = call(scans, "-m", fake_model, "--engine", "ray", cwd=tmp_path)
    assert done.returncode == ExitCode.ENVIRONMENT
    assert "pip install 'batch-classify[ray]'" in done.stderr


def test_an_address_where_no_cluster_is_ends_at_once(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The message names it and says how to look; Ray by itself would try for minutes."""
    pytest.importorskip("ray", reason="ray is not installed")
    with socket.socket() as nobody:  # bound, so that nobody else is, but not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = call(scans, "-m", fake_model, "--engine", "ray", "--ray-address", address, cwd=tmp_path)
    assert done.returncode == ExitCode.ENVIRONMENT
    assert f"cannot join the Ray cluster at {address}" in " ".join(done.stderr.split())
    assert not (tmp_path / "results" / "latest").exists()


def test_the_engines_are_the_modules_that_there_are() -> None:
    """To add one is to add a file."""
    from batch_classify.cli import _ENGINES

    assert _ENGINES == ["local", "ray"]

"""What the command loads, and when: it should start at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.generator import draw_digit

ROOT = Path(__file__).parent.parent
HEAVY = {"cv2", "jinja2", "multiprocessing", "numpy", "onnxruntime", "pandas", "PIL", "sqlite3", "torch"}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with one digit."""
    root = tmp_path / "scans"
    root.mkdir()
    cv2.imwrite(str(root / "3.png"), 255 - draw_digit(3, np.random.default_rng(3), 60))
    return root


def run_and_say(statement: str, cwd: Path, *arguments: str) -> str:
    """Run the command in a fresh interpreter and then the statement; return the output."""
    (cwd / "script.py").write_text(
        "import sys\n"
        "from batch_classify.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end.code\n"
        f"    {statement}\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(names: set[str], cwd: Path, *arguments: str) -> list[str]:
    """Run the command and return which of these modules it has imported."""
    return (
        run_and_say(f"print(*sorted({names} & sys.modules.keys()))", cwd, *arguments).splitlines()[-1].split()
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_reads_no_scan_loads_no_library_for_it(option: str, tmp_path: Path) -> None:
    """Who asks for help does not wait for the network."""
    assert loaded(HEAVY, tmp_path, option) == []


def test_the_version_needs_no_console(tmp_path: Path) -> None:
    """Neither do the words of a run that nobody reads."""
    assert loaded({"rich.console"}, tmp_path, "--version") == []


def test_a_run_loads_what_it_uses(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """A run has no use for pandas, torch, an extra or a bar; one that tells JSON not for rich."""
    unused = {"fsspec", "pandas", "pyarrow", "ray", "rich.console", "rich.progress", "torch"}
    options = [str(scans), "--model", str(fake_model), "--device", "cpu"]
    assert loaded(unused | {"cv2"}, tmp_path, *options, "--log-format", "json") == ["cv2"]
    assert loaded(unused, tmp_path, *options) == ["rich.console"]


def test_workers_load_what_they_use(tmp_path: Path) -> None:
    """They have the decoder from the start, but no command line, no network and no templates."""
    unused = {"batch_classify.cli", "jinja2", "onnxruntime", "pandas", "rich", "torch", "typer"}
    names = unused | {"batch_classify.ledger", "cv2"}
    (tmp_path / "probe.py").write_text(
        f"import sys\ndef probe():\n    return sorted({names} & sys.modules.keys())\n"
    )
    statement = (
        "from batch_classify.pool import worker_pool; from probe import probe\n"
        "    with worker_pool(1) as pool: print(*pool.submit(probe).result())"
    )
    assert run_and_say(statement, tmp_path, "--version").splitlines()[-1] == "batch_classify.ledger cv2"


def test_the_server_of_the_workers_starts_where_a_folder_is_named(scans: Path, tmp_path: Path) -> None:
    """It loads its libraries while the command does; for one image there is none."""
    server = {"multiprocessing.forkserver"}
    assert loaded(server, tmp_path, "--version", str(scans)) == [*server]
    assert loaded(server, tmp_path, "--version", str(scans / "3.png")) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux says how many threads there are")
def test_numpy_starts_no_threads(tmp_path: Path) -> None:
    """Those for linear algebra would spin for a while, and there is none."""
    statement = "import numpy, os; print(len(os.listdir('/proc/self/task')))"
    assert run_and_say(statement, tmp_path, "--version").splitlines()[-1] == "1"


def test_garbage_is_looked_for_once_the_work_begins(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """Only the start goes without."""
    options = [str(scans), "--model", str(fake_model), "--device", "cpu", "--quiet"]
    statement = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 1000)"
    assert run_and_say(statement, tmp_path, *options).split() == ["True", "True"]


def test_ctrl_c_does_not_reach_the_server_of_the_workers(tmp_path: Path) -> None:
    """It starts deaf to it, so that its imports end in no traceback; we hear it as before."""
    (tmp_path / "probe.py").write_text(
        "import signal\n\n\ndef deaf():\n"
        "    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
    )
    statement = (
        "from batch_classify.pool import worker_pool; from probe import deaf\n"
        "    with worker_pool(1) as pool: print(deaf(), pool.submit(deaf).result())"
    )
    assert run_and_say(statement, tmp_path, "--version").splitlines()[-1] == "False True"

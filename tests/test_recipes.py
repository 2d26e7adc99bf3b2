"""The recipes for unattended runs: each is run, or read, as cron and systemd would."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer.main

from batch_classify.cli import app
from batch_classify.errors import ExitCode
from batch_classify.lock import locked
from train.generator import draw_digit

RECIPES = Path(__file__).parents[1] / "recipes"
PROGRAM = Path(sys.executable).with_name("batch-classify")
INSTALLED, WRAPPER = "/opt/batch-classify/bin/batch-classify", "/usr/local/bin/mail-on-failure"
NAMES = [b"caf\xe9.png", b"--help.png", b"=1+1.png", b"two\nlines.png", "ümlaut.png".encode()]
BARE: dict[str, str] = {}
# What Python makes of the C locale unless it is told not to is UTF-8; this is ASCII.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

Cron = Callable[..., subprocess.CompletedProcess[bytes]]

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="the package is not installed as a command")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of scans with trying names."""
    root = tmp_path / "scans"
    root.mkdir()
    for digit, name in enumerate(NAMES):
        picture = 255 - draw_digit(digit, np.random.default_rng(digit), 60)
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(
            cv2.imencode(".png", picture)[1].tobytes()
        )
    return root


@pytest.fixture
def cron(tmp_path: Path) -> Cron:
    """Run the crontab's line as cron does, with other folders and a sendmail that keeps the mail."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    sendmail = tmp_path / "bin" / "sendmail"
    sendmail.write_text(f"#!/bin/sh\ncat >> '{tmp_path}/mail'\n")
    sendmail.chmod(0o755)

    def run(locale: dict[str, str] = BARE, **other: str) -> subprocess.CompletedProcess[bytes]:
        lines = [line for line in (RECIPES / "crontab").read_text().splitlines() if not line.startswith("#")]
        variables = dict(line.split("=", 1) for line in lines[:-1])
        minute, hour, *days, command = lines[-1].split(maxsplit=5)
        assert (minute, hour, days) == ("0", "2", ["*", "*", "*"])
        assert "%" not in command  # which cron takes for a line break
        for old, new in {INSTALLED: str(PROGRAM), WRAPPER: str(RECIPES / "mail-on-failure"), **other}.items():
            assert old in command or old in variables
            command = command.replace(old, new)
        environment = {"HOME": str(tmp_path / "home"), "LOGNAME": "scans", "SHELL": "/bin/sh"}
        environment |= {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"} | variables | locale
        environment |= {"SCANS": str(tmp_path / "scans"), "RESULTS": str(tmp_path / "results")}
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path / "home",
            env=environment | {name: value for name, value in other.items() if name in variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            umask=0o077,
            start_new_session=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize("locale", [BARE, ASCII], ids=["bare", "ascii"])
@pytest.mark.usefixtures("scans")
def test_the_crontabs_line_works_as_cron_runs_it(cron: Cron, tmp_path: Path, locale: dict[str, str]) -> None:
    """Bare environment, no terminal, HOME as the folder, strict umask, no UTF-8: every name is right."""
    done = cron(locale)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, b"", b"")
    latest = tmp_path / "results" / "latest"
    assert (latest / "predictions.csv").read_bytes().count(b"deferred,being_written") == len(NAMES)
    done = cron(locale, **{"--settle 60": "--settle 0"})
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, b"", b"")
    table = (latest / "predictions.csv").read_text(encoding="utf-8")
    for cell in ("caf\\xe9.png", "./--help.png", "./=1+1.png", '"two\nlines.png"', "ümlaut.png"):
        assert re.search(rf"^{re.escape(cell)},,\d,[01]\.\d+,(ok|review),", table, re.M), table
    assert "error" not in table
    assert json.dumps("ümlaut.png") in (latest / "report.html").read_text(encoding="utf-8")
    assert stat.S_IMODE(latest.resolve().stat().st_mode) == 0o700
    assert not (tmp_path / "mail").exists()
    assert not list((tmp_path / "home").iterdir())


def test_a_missing_folder_is_mailed(cron: Cron, tmp_path: Path) -> None:
    """The mail goes to the address, says what is wrong in the subject, and has the message."""
    done = cron(ASCII)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INPUT, b"", b"")
    mail = (tmp_path / "mail").read_text()
    assert mail.startswith(
        "To: scans@example.org\nSubject: batch-classify: the scans cannot be reached (3)\n\n"
    )
    assert str(tmp_path / "scans") in mail


@pytest.mark.usefixtures("scans")
def test_a_run_that_does_not_end_is_mailed(cron: Cron, tmp_path: Path) -> None:
    """When the run before is still at work after the wait, somebody should know."""
    (tmp_path / "results").mkdir()
    with locked(tmp_path / "results"):
        assert cron(**{"--wait 3600": "--wait 0"}).returncode == ExitCode.LOCKED
    assert "the run before is still at work (7)" in (tmp_path / "mail").read_text()


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.OK])
def test_each_exit_code_is_mailed_and_passed_on(cron: Cron, tmp_path: Path, code: ExitCode) -> None:
    """The subject has the code, and what the command said is in the mail."""
    failing = tmp_path / "bin" / "failing"
    failing.write_text(f"#!/bin/sh\necho data; echo words >&2; exit {code.value}\n")
    failing.chmod(0o755)
    done = cron(**{INSTALLED: str(failing)})
    assert done.returncode == code
    subject, *body = (tmp_path / "mail").read_text().split("\n", 1)[1].split("\n")
    assert subject.endswith(f"({code.value})")
    assert body[1:3] == ["data", "words"]


def unit(name: str) -> configparser.ConfigParser:
    """Read a unit of systemd; where a key comes twice, its last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd heeds capitals
    parser.read_string((RECIPES / name).read_text())
    return parser


@pytest.mark.parametrize("words", [unit("batch-classify.service")["Service"]["ExecStart"]])
def test_the_service_calls_the_job_with_options_that_there_are(words: str) -> None:
    """Its command line is one that the job takes."""
    program, *arguments = shlex.split(words)
    assert program == INSTALLED
    command = typer.main.get_command(app)
    assert command.make_context("batch-classify", arguments).params["log_format"] == "json"


def test_the_service_is_hardened() -> None:
    """No network, the scans read-only, the results writable, and no way to more rights."""
    service = unit("batch-classify.service")["Service"]
    folder, results = shlex.split(service["ExecStart"])[1], shlex.split(service["ExecStart"])[3]
    assert (service["ReadOnlyPaths"], service["ReadWritePaths"]) == (folder, results)
    assert service["ProtectSystem"] == "strict"
    assert service["PrivateNetwork"] == service["NoNewPrivileges"] == "yes"
    assert service["RestrictAddressFamilies"] == "AF_UNIX"  # the worker processes talk through such
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] != "root"


def test_the_units_belong_together() -> None:
    """A failure starts the mail, and the timer is one that catches up."""
    service, timer = unit("batch-classify.service"), unit("batch-classify.timer")
    assert service["Unit"]["OnFailure"] == "batch-classify-failed@%n.service"
    assert (RECIPES / "batch-classify-failed@.service").exists()
    assert timer["Timer"]["Persistent"] == "yes"


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """Where systemd is installed, its own check has nothing to say, and finds little exposed."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    for path in RECIPES.glob("batch-classify*"):
        text = path.read_text().replace(INSTALLED, "/bin/true").replace("/usr/sbin/sendmail", "/bin/true")
        (tmp_path / path.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "batch-classify" in line]
    assert (done.returncode, ours) == (0, [])
    service = str(tmp_path / "batch-classify.service")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", service], capture_output=True, text=True
    )
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", done.stdout)
    assert exposure
    assert float(exposure[1]) < 1.5


@pytest.mark.usefixtures("scans")
def test_the_services_command_needs_no_network_and_no_writable_input(tmp_path: Path) -> None:
    """In a network without any interface and with the scans mounted read-only it runs as always."""
    words = unit("batch-classify.service")["Service"]["ExecStart"]
    command = words.replace(INSTALLED, str(PROGRAM)).replace("--settle 60", "--settle 0")
    command = command.replace("/srv/", f"{tmp_path}/")
    script = f"mount --bind {tmp_path}/scans {tmp_path}/scans && mount -o remount,ro,bind {tmp_path}/scans"
    probe = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", script], capture_output=True)
    if probe.returncode:
        pytest.skip("no namespaces can be made here")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", f"{script} && ! touch {tmp_path}/scans/x && {command}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert (tmp_path / "results" / "latest" / "predictions.csv").exists()

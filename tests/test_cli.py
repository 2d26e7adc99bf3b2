"""The command as a shell sees it: its words, its exit codes and what it imports."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_classify import __version__
from batch_classify.errors import ExitCode
from batch_classify.ledger import LEDGER
from batch_classify.lock import LOCK, locked
from train.generator import draw_digit

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "batch_classify"]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with three digits, a text file with an image's name, and a list."""
    root = tmp_path / "scans"
    root.mkdir()
    for digit in range(3):
        cv2.imwrite(str(root / f"{digit}.png"), 255 - draw_digit(digit, np.random.default_rng(digit), 60))
    (root / "list.txt").write_text("a list")
    return root


def call(*options: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run batch-classify with the options, in a folder of its own."""
    command = [*COMMAND, *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def spoil(scans: Path, count: int = 1) -> None:
    """Put unreadable files among the scans."""
    for number in range(count):
        (scans / f"bad-{number}.png").write_text("no picture")


def test_a_folder_becomes_a_report(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """Results go to ./results, nothing to stdout, and stderr ends with the counts and where to look."""
    done = call(scans, "-m", fake_model, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.OK, "")
    assert {path.name for path in (tmp_path / "results" / "latest").iterdir()} == {
        "predictions.csv",
        "report.html",
        "run.json",
    }
    *counts, last = done.stderr.strip().splitlines()
    assert any(line.split()[:2] == ["1", "ignored"] for line in counts)
    assert last.startswith("report: results/")
    assert (tmp_path / last.removeprefix("report: ")).is_file()


def test_quiet_says_nothing(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --quiet a run that goes well has no output at all."""
    done = call(scans, "-m", fake_model, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")


def test_the_libraries_of_the_workers_say_nothing_either(
    scans: Path, fake_model: Path, tmp_path: Path
) -> None:
    """What libjpeg and Pillow print of a file that is slightly wrong stays out of cron's mail."""
    picture = 255 - draw_digit(5, np.random.default_rng(5), 60)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    at = data.index(b"\xff\xdb")
    (scans / "noisy.jpg").write_bytes(data[:at] + b"extraneous" + data[at:])
    done = call(scans, "-m", fake_model, "--quiet", "--workers", 1, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")


def test_verbose_names_each_file_that_needs_a_look(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --verbose an unreadable file is named with its reason."""
    spoil(scans)
    done = call(scans, "-m", fake_model, "--verbose", "--review-below", 0, cwd=tmp_path)
    concerns = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(concerns) == 2  # the file, and that there was one
    assert "bad-0.png" in concerns[0]


@pytest.mark.parametrize(
    ("bad", "allowed", "code"),
    [
        (1, "0", ExitCode.UNREADABLE_FILES),
        (1, "1", ExitCode.OK),
        (2, "1", ExitCode.UNREADABLE_FILES),
        (1, "24%", ExitCode.UNREADABLE_FILES),
        (1, "25%", ExitCode.OK),
    ],
)
def test_unreadable_files_beyond_the_allowance_give_a_code(
    scans: Path, fake_model: Path, tmp_path: Path, bad: int, allowed: str, code: ExitCode
) -> None:
    """The report is written either way, and the code is explained even with --quiet."""
    spoil(scans, bad)
    done = call(scans, "-m", fake_model, "--max-errors", allowed, "--quiet", cwd=tmp_path)
    assert done.returncode == code
    assert (f"{bad} of {3 + bad} files could not be read" in done.stderr) == (code is not ExitCode.OK)
    rows = (tmp_path / "results" / "latest" / "predictions.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 + bad


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["missing"], ExitCode.INPUT, "missing"),
        (["/dev/null"], ExitCode.INPUT, "neither a folder nor a file"),
        (["empty"], ExitCode.INPUT, "no image"),
        (["scans", "-m", "nowhere"], ExitCode.MODEL, "nowhere"),
        (["scans", "-o", "file"], ExitCode.OUTPUT, "file"),
        (["scans", "--corrections", "missing.csv"], ExitCode.INPUT, "missing.csv"),
        (["scans", "--corrections", "file"], ExitCode.INPUT, "has no column"),
        (["scans", "-o", "scans"], ExitCode.USAGE, "--out"),
        ([], ExitCode.USAGE, "INPUT"),
        ([""], ExitCode.USAGE, "empty"),
        (["scans", "--surprise"], ExitCode.USAGE, "--surprise"),
        (["scans", "--device", "tpu"], ExitCode.USAGE, "auto, cpu, cuda"),
        (["scans", "--format", "docx"], ExitCode.USAGE, "docx"),
        (["scans", "--max-errors", "few"], ExitCode.USAGE, "few"),
        (["scans", "--max-errors", "-1"], ExitCode.USAGE, "-1"),
        (["scans", "--review-below", "2"], ExitCode.USAGE, "--review-below"),
        (["scans", "--target-error", "half"], ExitCode.USAGE, "no share"),
        (["scans", "--target-error", "0.7%"], ExitCode.USAGE, "was set for"),
        (["scans", "--target-error", "1%", "--review-below", "0.5"], ExitCode.USAGE, "Give one of them"),
        (["scans", "--workers", "0"], ExitCode.USAGE, "--workers"),
        (["scans", "--settle", "-1"], ExitCode.USAGE, "--settle"),
        (["scans", "--wait", "soon"], ExitCode.USAGE, "--wait"),
        (["scans", "--keep", "0"], ExitCode.USAGE, "--keep"),
        (["scans", "--log-format", "xml"], ExitCode.USAGE, "xml"),
        (["scans", "--metrics-file", "nowhere/x.prom"], ExitCode.OUTPUT, "nowhere/x.prom"),
    ],
)
def test_what_cannot_run_says_why(
    scans: Path, tmp_path: Path, options: list[str], code: ExitCode, words: str
) -> None:
    """Each way to go wrong has its code, a message with the cause, and no traceback."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    done = call(*options, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_corrections_reach_the_table(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """A human's answer is in the table and is kept; lines that contradict each other end with code 2."""
    sha256 = hashlib.sha256((scans / "1.png").read_bytes()).hexdigest()
    answers = tmp_path / "answers.csv"
    answers.write_text(f"file,page,sha256,label\n1.png,,{sha256},9\n")
    done = call(scans, "-m", fake_model, "--corrections", answers, cwd=tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    rows = (tmp_path / "results" / "latest" / "predictions.csv").read_text().splitlines()
    assert rows[2].startswith("1.png,,9,,reviewed,,")
    assert sha256 in (tmp_path / "results" / "corrections.csv").read_text()
    image = call(scans / "1.png", "-m", fake_model, "--corrections", answers, cwd=tmp_path)
    assert image.stdout == "1.png: 9  (answered by a human)\n"
    answers.write_text(answers.read_text() + f"1.png,,{sha256},8\n")
    done = call(scans, "-m", fake_model, "--corrections", answers, cwd=tmp_path)
    assert (done.returncode, "lines 2 and 3" in done.stderr) == (ExitCode.USAGE, True)


def test_one_image_is_answered_in_the_terminal(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The digit, its confidence and the runner-up go to stdout; nothing is written."""
    done = call(scans / "2.png", "-m", fake_model, "--review-below", 0, cwd=tmp_path)
    assert done.returncode == ExitCode.OK
    file, answer = done.stdout.strip().split(": ", 1)
    label, confidence, *runner_up = answer.split()
    assert (file, len(label), confidence[-1], runner_up[0]) == ("2.png", 1, "%", "(next:")
    assert not (tmp_path / "results").exists()


def test_one_image_is_reported_only_on_request(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --out there is a report of one row, and the answer as well."""
    done = call(scans / "2.png", "-m", fake_model, "-o", "out", cwd=tmp_path)
    assert done.stdout.startswith("2.png: ")
    assert len((tmp_path / "out" / "latest" / "predictions.csv").read_text().splitlines()) == 2


def test_one_image_that_cannot_be_read_gives_a_code(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The reason stands where the answer would be."""
    spoil(scans)
    done = call(scans / "bad-0.png", "-m", fake_model, cwd=tmp_path)
    assert done.returncode == ExitCode.UNREADABLE_FILES
    assert "no digit, error" in done.stdout


def test_an_answer_that_cannot_be_written_is_an_output_error(scans: Path, fake_model: Path) -> None:
    """A full disk behind stdout is told and has its code; a reader that has gone is no error."""
    command = [*COMMAND, str(scans / "2.png"), "-m", str(fake_model)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == ExitCode.OUTPUT
    assert "stdout" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")


def test_globs_choose_the_files(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """--include adds a file without an image's name, --exclude removes one."""
    (scans / "0.png").rename(scans / "scan-without-name")
    (scans / "drafts").mkdir()
    (scans / "1.png").rename(scans / "drafts" / "1.png")
    options = ["--include", "scan-*", "--exclude", "drafts/"]
    assert call(scans, "-m", fake_model, *options, cwd=tmp_path).returncode == ExitCode.OK
    rows = (tmp_path / "results" / "latest" / "predictions.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["2.png", "scan-without-name"]


@pytest.mark.parametrize(("target", "review_below"), [("1%", 0.5), ("0.1%", 0.9)])
def test_a_target_error_sets_the_threshold(
    scans: Path, fake_model: Path, tmp_path: Path, target: str, review_below: float
) -> None:
    """The run's record says which confidence the model's card has for it."""
    done = call(scans, "-m", fake_model, "--target-error", target, cwd=tmp_path)
    assert done.returncode in (ExitCode.OK, ExitCode.UNREADABLE_FILES), done.stderr
    record = json.loads((tmp_path / "results" / "latest" / "run.json").read_text())
    assert record["settings"]["review_below"] == review_below
    assert record["settings"]["reject_above"] == 1.0


def test_version_and_help_answer(tmp_path: Path) -> None:
    """Both go to stdout with code 0."""
    version, help_ = call("--version", cwd=tmp_path), call("--help", cwd=tmp_path)
    assert version.stdout.strip() == f"batch-classify {__version__}"
    assert "--review-below" in help_.stdout
    assert version.returncode == help_.returncode == ExitCode.OK


def test_the_cpu_path_imports_no_training_library(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """A whole run on the CPU loads neither torch nor torchvision nor pandas, and so starts at once."""
    code = (
        "import sys\n"
        "from batch_classify.cli import app\n"
        "if __name__ == '__main__':\n"
        f"    app(['{scans}', '-m', '{fake_model}', '--device', 'cpu'], standalone_mode=False)\n"
        "    print(*sorted({'torch', 'torchvision', 'pandas'} & sys.modules.keys()), 'cv2' in sys.modules)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["True"], done.stderr


def test_opencv_without_its_system_library_names_the_package(scans: Path, tmp_path: Path) -> None:
    """If `import cv2` fails on a slim server, the message says what to install."""
    (tmp_path / "stub").mkdir()
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "stub" / "cv2.py").write_text(f"raise ImportError({message!r})")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path / 'stub'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [*COMMAND, str(scans)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == ExitCode.ENVIRONMENT
    assert "libgl1" in done.stderr
    assert "opencv-python-headless" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("signal_", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_ends_the_run_and_leaves_nothing_half_done(
    scans: Path, fake_model: Path, tmp_path: Path, signal_: signal.Signals, code: ExitCode
) -> None:
    """The temporary folder goes, and no report appears."""
    for number in range(20_000):
        os.link(scans / "0.png", scans / f"copy-{number}.png")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = [
        "-m",
        str(fake_model),
        "--workers",
        "1",
        "--batch-size",
        "8",
        "--verbose",
        "--review-below",
        "1",
    ]
    command = [*COMMAND, str(scans), *options]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("review: ")  # so the run is under way
        process.send_signal(signal_)
        _, words = process.communicate(timeout=60)
    assert process.returncode == code, words
    assert "Traceback" not in words
    assert {path.name for path in (tmp_path / "results").iterdir()} == {LOCK, LEDGER}


def test_a_second_run_is_told_who_is_at_work(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The code is LOCKED, the message names the process, and nothing was touched."""
    (tmp_path / "results").mkdir()
    with locked(tmp_path / "results"):
        done = call(scans, "-m", fake_model, "--quiet", cwd=tmp_path)
        waited = call(scans, "-m", fake_model, "--quiet", "--wait", "0.1", cwd=tmp_path)
    assert done.returncode == waited.returncode == ExitCode.LOCKED
    assert f"process {os.getpid()} on " in done.stderr
    assert [path.name for path in (tmp_path / "results").iterdir()] == [LOCK]
    assert call(scans, "-m", fake_model, "--quiet", cwd=tmp_path).returncode == ExitCode.OK


def test_a_rerun_remembers_and_fresh_does_not(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """The counts say how many rows came from an earlier run; the tables are the same."""
    runs = [call(scans, "-m", fake_model, *options, cwd=tmp_path) for options in ([], [], ["--fresh"])]
    assert ["3  remembered" in done.stderr for done in runs] == [False, True, False]
    tables = {path.read_bytes() for path in tmp_path.glob("results/2*/predictions.csv")}
    assert (len(list(tmp_path.glob("results/2*"))), len(tables)) == (3, 1)


def test_files_just_written_wait_for_the_next_run(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --settle they have a row `deferred`, which is no error."""
    done = call(scans, "-m", fake_model, "--settle", 3600, cwd=tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    rows = (tmp_path / "results" / "latest" / "predictions.csv").read_text().splitlines()[1:]
    assert rows == [f"{digit}.png,,,,deferred,being_written,,,,," for digit in range(3)]


def test_old_reports_are_pruned(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --keep only so many stay, the newest among them."""
    for _ in range(3):
        assert call(scans, "-m", fake_model, "--keep", 2, cwd=tmp_path).returncode == ExitCode.OK
    assert len(list(tmp_path.glob("results/2*"))) == 2
    assert (tmp_path / "results" / "latest" / "predictions.csv").exists()


def test_programs_get_json_and_figures(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """Each line on stderr is an event, and the figures tell the exit code, after a failed start too."""
    options = ["-m", fake_model, "--log-format", "json", "--metrics-file", "digits.prom"]
    spoil(scans)
    done = call(scans, *options, cwd=tmp_path)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events] == ["start", "error", "end"]
    assert events[-1]["code"] == done.returncode == ExitCode.UNREADABLE_FILES
    assert (events[-1]["rows"], events[-1]["unread"]) == (4, 1)
    assert "exit_code" in (text := (tmp_path / "digits.prom").read_text())
    assert 'status="error"} 1' in text
    done = call("missing", *options, cwd=tmp_path)
    (end,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (end["event"], end["code"]) == ("end", ExitCode.INPUT)
    assert "missing" in end["message"]
    assert '"} 3\n' in (tmp_path / "digits.prom").read_text()


def test_figures_of_one_image(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """A report on one image has its figures too."""
    options = ["-m", fake_model, "--metrics-file", "digits.prom", "--out", "results"]
    assert call(scans / "1.png", *options, cwd=tmp_path).returncode == ExitCode.OK
    assert "batch_classify_rows" in (tmp_path / "digits.prom").read_text()


def test_results_inside_the_input_are_never_scanned(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """Not even where every file counts, and not under another name of the folder."""
    (tmp_path / "link").symlink_to(scans)
    options = ["-m", fake_model, "--include", "*", "--max-errors", "1"]
    for _ in range(2):
        done = call("link", *options, "-o", scans / "results", cwd=tmp_path)
        assert done.returncode == ExitCode.OK, done.stderr
    rows = (scans / "results" / "latest" / "predictions.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["0.png", "1.png", "2.png", "list.txt"]


def test_explain_writes_pictures_of_what_needs_a_look(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """With --explain and every answer in doubt, each scan has a picture in the run's folder."""
    done = call(scans, "-m", fake_model, "--review-below", 1, "--explain", cwd=tmp_path)
    assert done.returncode == ExitCode.OK
    pictures = (tmp_path / "results" / "latest" / "explain").iterdir()
    assert {path.name for path in pictures} == {f"{digit}.png.png" for digit in range(3)}


def test_one_image_with_explain_writes_results(scans: Path, fake_model: Path, tmp_path: Path) -> None:
    """It prints its answer as ever, and results/ has the picture though the answer is in no doubt."""
    done = call(scans / "1.png", "-m", fake_model, "--review-below", 0, "--explain", cwd=tmp_path)
    assert done.returncode == ExitCode.OK and done.stdout.startswith("1.png: ")
    assert (tmp_path / "results" / "latest" / "explain" / "1.png.png").is_file()

"""The job under faults: killed, out of space, a decoder that aborts, an input that goes away."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batch_classify import beside as beside_module
from batch_classify import intake as intake_module
from batch_classify import ledger as ledger_module
from batch_classify import prepare as prepare_module
from batch_classify.classifier import Classifier
from batch_classify.decide import Thresholds
from batch_classify.errors import ExitCode, JobError
from batch_classify.job import IN_THIS_PROCESS, Effort, Neighbours, Report, run
from batch_classify.ledger import DAMAGED, LEDGER
from batch_classify.lock import LOCK
from batch_classify.pool import Beat
from batch_classify.prepare import Known, Knows, Prepared, prepare_new
from batch_classify.row import Reason, Status
from batch_classify.scan import Scan
from train.generator import draw_digit

FILES = 24
SLOWLY = Effort(batch_size=3, workers=0)
TABLE_ONLY = Report(page=False)


def scan_of(number: int) -> bytes:
    """Return a drawn digit as PNG, another for each number."""
    picture = 255 - draw_digit(number % 10, np.random.default_rng(number), 64)
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scans, two of them unreadable."""
    root = tmp_path_factory.mktemp("scans")
    for number in range(FILES):
        (root / f"{number:02}.png").write_bytes(scan_of(number))
    (root / "empty.png").touch()
    (root / "text.png").write_text("no picture")
    return root


@pytest.fixture(scope="module")
def undisturbed(scans: Path, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The predictions.csv of a run that nothing happens to."""
    return table_of(run(Scan(scans), classifier, tmp_path_factory.mktemp("out"), effort=SLOWLY).folder)


def table_of(folder: Path) -> bytes:
    """Read a report's predictions.csv."""
    return (folder / "predictions.csv").read_bytes()


def assert_whole(results: Path) -> None:
    """Every report there is complete, and `latest`, if it is there, leads to one."""
    for folder in results.glob("2*"):
        assert {path.name for path in folder.iterdir()} >= {"predictions.csv", "run.json"}
        assert table_of(folder).endswith(b"\n")
    latest = results / "latest"
    assert latest.exists() or not latest.is_symlink()


@dataclass(frozen=True)
class Doomed:
    """A run that kills itself before its step `at`.

    Steps are system calls in the results folder, SQL statements and batches.
    """

    scans: Path
    results: Path
    model: Path
    at: int

    def __call__(self) -> None:
        """Run in a process of its own; without a kill, leave the number of steps."""
        steps = 0

        def step(event: str, arguments: tuple[object, ...] = ()) -> None:
            nonlocal steps
            if event in ("sql", "rows") or any(str(self.results) in str(argument) for argument in arguments):
                steps += 1
                if steps == self.at:
                    os.kill(os.getpid(), signal.SIGKILL)

        opened = ledger_module._opened

        def traced(path: Path) -> object:
            connection = opened(path)
            connection.set_trace_callback(lambda statement: step("sql"))
            return connection

        # In this process, which ends with it. The same steps each time, however young the scans are and
        # however long it takes:
        prepare_module.COARSE_NS = 0
        beside_module._MOMENT = 0.0
        beside_module._PILE = -1
        ledger_module._opened = traced  # type: ignore[assignment]
        classifier = Classifier.load(self.model, "cpu")
        sys.addaudithook(step)
        run(Scan(self.scans), classifier, self.results, effort=SLOWLY, watch=lambda cards: step("rows"))
        self.results.with_name("steps").write_text(str(steps))


def in_a_process_of_its_own(work: Callable[[], None]) -> int:
    """Do the work in a new process and return its exit code, or the negative number of what killed it."""
    process = get_context("forkserver").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def test_killed_at_any_step_nothing_is_lost(
    scans: Path, undisturbed: bytes, classifier: Classifier, fake_model: Path, tmp_path: Path
) -> None:
    """Whatever the step, earlier reports stay, and the next run ends with an undisturbed run's table."""

    def after_an_earlier_run(name: str) -> tuple[Path, Path]:
        results = tmp_path / name
        earlier = run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY).folder
        (results / LEDGER).unlink()
        return results, earlier

    results, _ = after_an_earlier_run("whole")
    assert in_a_process_of_its_own(Doomed(scans, results, fake_model, -1)) == 0
    steps = int((tmp_path / "steps").read_text())
    assert steps > 100
    # Some anywhere, and all while the report is published.
    for at in sorted({*random.Random(7).sample(range(1, steps - 10), 16), *range(steps - 10, steps + 1)}):
        results, earlier = after_an_earlier_run(f"killed-{at}")
        assert in_a_process_of_its_own(Doomed(scans, results, fake_model, at)) == -signal.SIGKILL
        assert_whole(results)
        assert table_of(earlier) == table_of(results / "latest") == undisturbed
        final = run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY).folder
        assert table_of(final) == undisturbed
        assert (results / "latest").resolve() == final
        assert {path.name for path in results.glob(".*")} == {LOCK}


def test_the_next_run_goes_on_from_what_was_done(
    scans: Path, undisturbed: bytes, classifier: Classifier, tmp_path: Path
) -> None:
    """After five of the batches were seen, at least those are remembered."""
    batches = 0

    def stop(cards: object) -> None:
        nonlocal batches
        batches += 1
        if batches == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Scan(scans), classifier, tmp_path, effort=SLOWLY, watch=stop)
    outcome = run(Scan(scans), classifier, tmp_path, effort=SLOWLY)
    assert outcome.remembered == 15
    assert table_of(outcome.folder) == undisturbed


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("lines", [1, 9])
def test_the_command_killed_goes_on_and_leaves_no_process(
    scans: Path, undisturbed: bytes, fake_model: Path, tmp_path: Path, signal_: signal.Signals, lines: int
) -> None:
    """With workers, after so many rows: all processes end, and the next run has the same table."""
    command = [sys.executable, "-m", "batch_classify", str(scans), "-m", str(fake_model), "--verbose"]
    command += ["--batch-size", "1", "--workers", "2", "--max-errors", "2"]
    doubtful = ["--review-below", "1"]  # so that each row is named as it comes by
    with subprocess.Popen([*command, *doubtful], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for _ in range(lines):
            assert process.stderr.readline()
        process.send_signal(signal_)
        # Returns only when nobody has stderr open any more, workers included.
        _, words = process.communicate(timeout=60)
    expected = {signal.SIGKILL: -9, signal.SIGTERM: ExitCode.TERMINATED, signal.SIGINT: ExitCode.INTERRUPTED}
    assert process.returncode == expected[signal_], words
    assert "Traceback" not in words
    assert_whole(tmp_path / "results")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == ExitCode.OK, done.stderr
    assert table_of(tmp_path / "results" / "latest") == undisturbed


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a file system of its own, and change its options with each further call."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        again = "remount," if mounted else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no file system can be mounted here")
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("kilobytes", [80, 120, 160, 200])
def test_a_full_disk_ends_the_run_and_harms_nothing(
    scans: Path, undisturbed: bytes, classifier: Classifier, disk: Callable[[str], Path], kilobytes: int
) -> None:
    """On a tiny file system the code is OUTPUT; with more space the next run goes on from there."""
    results = disk("size=1m") / "results"
    (few := results.parent / "few").mkdir()
    (few / "0.png").write_bytes(scan_of(0))
    before = table_of(earlier := run(Scan(few), classifier, results, report=TABLE_ONLY).folder)
    disk(f"size={kilobytes}k")
    with pytest.raises(JobError) as refusal:
        run(Scan(scans), classifier, results, effort=SLOWLY)
    assert refusal.value.code is ExitCode.OUTPUT
    assert "--out" in str(refusal.value)
    assert_whole(results)
    assert (results / "latest").resolve() == earlier
    assert table_of(earlier) == before
    disk("size=9m")
    outcome = run(Scan(scans), classifier, results, effort=SLOWLY)
    assert table_of(outcome.folder) == undisturbed
    assert not (results / DAMAGED).exists()


@dataclass(frozen=True)
class Bounded:
    """A run that may write no file longer than so many bytes, as under a quota."""

    scans: Path
    results: Path
    model: Path
    most: int

    def __call__(self) -> None:
        """Run, and exit with the code of the error."""
        classifier = Classifier.load(self.model, "cpu")
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.most, self.most))
        try:
            run(Scan(self.scans), classifier, self.results, effort=SLOWLY)
        except JobError as error:
            sys.exit(error.code)


@pytest.mark.parametrize(
    ("most", "known"),
    [(0, False), (10, False), (1000, False), (30_000, False), (100_000, False), (60_000, True)],
)
def test_a_quota_ends_the_run_and_harms_nothing(
    scans: Path,
    undisturbed: bytes,
    classifier: Classifier,
    fake_model: Path,
    tmp_path: Path,
    most: int,
    known: bool,
) -> None:
    """Wherever the limit strikes, at the lock, the ledger or (all being known) the page, it is OUTPUT."""
    results = tmp_path / "results"
    earlier = run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY).folder
    if not known:
        (results / LEDGER).unlink()
    assert in_a_process_of_its_own(Bounded(scans, results, fake_model, most)) == ExitCode.OUTPUT
    assert_whole(results)
    assert (results / "latest").resolve() == earlier
    assert table_of(run(Scan(scans), classifier, results, effort=SLOWLY).folder) == undisturbed


def test_a_disk_gone_read_only_is_found_out_before_the_work(
    scans: Path, classifier: Classifier, disk: Callable[[str], Path]
) -> None:
    """No file is read, and the earlier report stays."""
    results = disk("size=1m") / "results"
    earlier = run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY).folder
    before = table_of(earlier)
    disk("ro")
    with pytest.raises(JobError, match="Read-only") as refusal:
        run(Scan(scans), classifier, results, watch=lambda cards: pytest.fail("work was done"))
    assert refusal.value.code is ExitCode.OUTPUT
    assert table_of((results / "latest").resolve()) == before


def prepare_or_abort(
    root: Path, files: Iterable[str], knows: Knows, begin: Beat
) -> tuple[list[Prepared], list[Known]]:
    """Stand in for a decoder that a malformed file takes down."""
    chunk = list(files)
    if "07.png" in chunk:
        os.abort()
    return prepare_new(root, chunk, knows, begin)


def test_a_decoder_that_aborts_costs_one_file(
    scans: Path, classifier: Classifier, tmp_path: Path, undisturbed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is an error, all others are as always, and it is not tried again until it changes."""
    monkeypatch.setattr(intake_module, "prepare_new", prepare_or_abort)
    effort = Effort(batch_size=5, workers=2)
    outcome = run(Scan(scans), classifier, tmp_path, effort=effort)
    assert outcome.summary.reasons[Reason.UNREADABLE] == 1
    lines = table_of(outcome.folder).splitlines()
    assert [line for line in undisturbed.splitlines() if line not in lines] == [undisturbed.splitlines()[8]]
    assert lines[8].startswith(b"07.png,,,,error,unreadable,,,,,")
    assert len(lines[8].rpartition(b",")[2]) == 64
    again = run(Scan(scans), classifier, tmp_path, effort=effort)
    assert again.remembered == FILES + 2
    assert table_of(again.folder).splitlines() == lines


def test_a_lost_input_is_noticed_at_once(classifier: Classifier, tmp_path: Path) -> None:
    """It is not first read to its end: the run stops at the first file that is gone with its folder.

    The network sees one batch while the next is read.
    """
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(FILES):
        (scans / f"{number:02}.png").write_bytes(scan_of(number))
    seen = []

    def unmount(cards: Sequence[object]) -> None:
        seen.extend(cards)
        if scans.exists():
            scans.rename(tmp_path / "elsewhere")

    with pytest.raises(JobError, match="went away") as refusal:
        run(Scan(scans), classifier, tmp_path / "out", effort=SLOWLY, watch=unmount)
    assert refusal.value.code is ExitCode.INPUT
    assert len(seen) == 2 * SLOWLY.batch_size
    assert not (tmp_path / "out" / "latest").exists()


def test_files_that_go_one_by_one_are_rows(classifier: Classifier, tmp_path: Path) -> None:
    """While the folder itself is there, files that were moved away are no loss of the input."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(3 * SLOWLY.batch_size):
        (scans / f"{number:02}.png").write_bytes(scan_of(number))

    def move(cards: object) -> None:
        for path in scans.iterdir():
            path.unlink()

    outcome = run(Scan(scans), classifier, tmp_path / "out", effort=SLOWLY, watch=move)
    assert outcome.summary.statuses[Status.ERROR] == SLOWLY.batch_size
    assert outcome.summary.reasons[Reason.VANISHED] == 3


@given(
    wounds=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=4),
    length=st.floats(0, 1),
)
@example(wounds=[(0.02658389119743499, b"\x80")], length=1.0)  # SQLite's message is then no UTF-8
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_to_the_ledger_changes_an_answer(
    scans: Path,
    undisturbed: bytes,
    classifier: Classifier,
    tmp_path_factory: pytest.TempPathFactory,
    wounds: list[tuple[float, bytes]],
    length: float,
) -> None:
    """Whatever stands in the file, the table is an undisturbed run's."""
    results = tmp_path_factory.mktemp("wounded")
    run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY)
    data = bytearray((results / LEDGER).read_bytes())
    for place, wound in wounds:
        at = int(place * (len(data) - 1))
        data[at : at + len(wound)] = wound
    (results / LEDGER).write_bytes(data[: max(1, int(len(data) * length))] if length < 0.5 else data)
    outcome = run(Scan(scans), classifier, results, effort=SLOWLY, report=TABLE_ONLY)
    assert table_of(outcome.folder) == undisturbed


CHANGES = st.sampled_from(["add", "remove", "rename", "touch", "rewrite", "break", "fresh", "loose", "keep"])


@given(changes=st.lists(st.tuples(CHANGES, st.integers(0, 9), st.integers(0, 9)), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_earlier_runs_did_the_table_is_that_of_the_first(
    classifier: Classifier, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    """After any changes to the folder and any runs between, a run with a ledger equals one without."""
    place = tmp_path_factory.mktemp("changing")
    scans, results = place / "scans", place / "results"
    scans.mkdir()
    (scans / "stays.png").write_bytes(scan_of(99))
    for change, one, other in changes:
        path, target = scans / f"{one}.png", scans / f"{other}.png"
        neighbours, doubt = Neighbours(fresh=change == "fresh", keep=2 if change == "keep" else None), 0.5
        if change == "add" or (change == "rewrite" and path.exists()):
            path.write_bytes(scan_of(one * 10 + other))
        elif change == "remove":
            path.unlink(missing_ok=True)
        elif change == "rename" and path.exists():
            path.rename(target)
        elif change == "touch" and path.exists():
            os.utime(path, ns=(10**18 + other, 10**18 + other))
        elif change == "break" and path.exists():
            path.write_bytes(path.read_bytes()[:80])
        elif change == "loose":
            doubt = 0.99
        now = Classifier(classifier.model, Thresholds(doubt))
        run(Scan(scans), now, results, effort=IN_THIS_PROCESS, report=TABLE_ONLY, neighbours=neighbours)
    with_ledger = run(Scan(scans), classifier, results, effort=IN_THIS_PROCESS, report=TABLE_ONLY)
    without = run(Scan(scans), classifier, place / "new", effort=IN_THIS_PROCESS, report=TABLE_ONLY)
    assert table_of(with_ledger.folder) == table_of(without.folder)

"""The whole command against other ways to read the same files, in turn in one run.

    python benchmarks/race.py [--folders PLACE] [--share 0.1] [--rounds 3] [--only NAME…]

A NAME is one of small, distinct, png, jpeg, photos, ten and help; without, all have their turn.

Every contender is a whole process, its start included, and ours writes both reports into a new folder, so
that nothing is remembered from before. Of the 100,000 small files four fifths have the content of an earlier
one; there the command runs as a user runs it, and answers these from its ledger. No two of the distinct ones
are the same, and wherever else files repeat, ours runs with --fresh, which shares no answer. The others are

- decoding: two processes that only read and decode the files, each with OpenCV on one thread;
- PyTorch script: a Dataset, a DataLoader with two workers, batches, and a table with pandas;
- tutorial's loop: PIL and torchvision's transforms, one image at a time;
- for ten files `import torch` alone, and for --help the import of what a command line needs.

Rates are files over seconds of the whole process. The loop takes the first half of the small files: that
flatters ours by the few seconds of its start, which the other half would have shared. Floors and aims are
for two cores and for all files (--share 1); on a larger machine, run this under `taskset -c 0,1`.

Contenders take turns in the other direction every second round, after an untimed run of each on ten files
and of the decoding on all, so that imports and files are in memory for everybody. Ratios are of one round
each. With --folders, the scans stay there for the next time.
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import folders
from rich.console import Console
from rich.table import Table

from batch_classify.pool import cpu_count

PACKAGES = (
    "numpy",
    "opencv-python",
    "onnxruntime",
    "pillow",
    "torch",
    "torchvision",
    "pandas",
    "typer",
    "rich",
)
OPPONENTS = Path(__file__).parent / "opponents"

Command = list[str | Path]
Contender = Callable[[Path, Path], list[Command]]
"""From a folder of scans and one for results to the commands that run at the same time."""


class Rival(NamedTuple):
    """Who is measured against, on how many files, and which ratio of ours to theirs is to be reached."""

    what: str
    contender: Contender
    files: int
    floor: float
    aim: float


class Contest(NamedTuple):
    """Ours and the others on one folder. Of no files, seconds are compared: the fewer the better."""

    what: str
    scans: Path
    files: int
    ours: Contender
    rivals: list[Rival]


def job(scans: Path, results: Path, *options: str) -> list[Command]:
    """Run the command on a folder."""
    always: Command = ["--out", results, "--device", "cpu", "--quiet"]
    return [[sys.executable, "-m", "batch_classify", scans, *always, *options]]


def fresh(scans: Path, results: Path) -> list[Command]:
    """Run the command on a folder, and share no answer between files of the same content."""
    return job(scans, results, "--fresh")


def decoding(scans: Path, results: Path) -> list[Command]:
    """Decode half of the files in each of two processes."""
    return [[sys.executable, OPPONENTS / "decoding.py", scans, part] for part in "01"]


def dataset(scans: Path, results: Path) -> list[Command]:
    """Run the PyTorch script."""
    return [[sys.executable, OPPONENTS / "dataset.py", scans, results / "table.csv"]]


def loop(scans: Path, results: Path, files: int) -> list[Command]:
    """Run the tutorial's loop on the first so many files."""
    return [[sys.executable, OPPONENTS / "loop.py", scans, results / "table.csv", str(files)]]


def python(scans: Path, results: Path, arguments: Sequence[str]) -> list[Command]:
    """Run Python on no scans at all."""
    return [[sys.executable, *arguments]]


def small(place: Path, share: float) -> Contest:
    """Prepare for 100,000 PNGs of 28 pixels, a fifth of them distinct."""
    files = scaled(100_000, share)
    folder = folders.small(place, files, files // 5)
    return Contest(f"{files:,} small", folder, files, job, rivals_of_small(files))


def distinct(place: Path, share: float) -> Contest:
    """Prepare for 20,000 PNGs of 28 pixels, all distinct."""
    files = scaled(20_000, share)
    folder = folders.small(place, files, files)
    return Contest(f"{files:,} distinct", folder, files, fresh, rivals_of_small(files))


def rivals_of_small(files: int) -> list[Rival]:
    """Return who reads so many small files beside ours."""
    half = files // 2
    return [
        Rival("decoding", decoding, files, 0.12, 0.35),
        Rival("PyTorch script", dataset, files, 5, 12),
        Rival(f"tutorial's loop, {half:,}", partial(loop, files=half), half, 12, 40),
    ]


def scans(place: Path, share: float, ending: str) -> Contest:
    """Prepare for 4,000 scans of 200 pixels, a quarter of them distinct."""
    files = scaled(4000, share)
    rivals = [Rival("decoding", decoding, files, 0.25, 0.6), Rival("PyTorch script", dataset, files, 2, 5)]
    folder = folders.scans(place, files, files // 4, ending)
    return Contest(f"{files:,} {ending}", folder, files, fresh, rivals)


def photos(place: Path, share: float) -> Contest:
    """Prepare for 300 photos of 2,000 pixels, a tenth of them distinct."""
    files = scaled(300, share)
    rivals = [Rival("decoding", decoding, files, 0.6, 1.2)]
    return Contest(f"{files:,} photos", folders.photos(place, files, files // 10), files, fresh, rivals)


def ten(place: Path, share: float) -> Contest:
    """Prepare for ten files, where the start is all there is."""
    rivals = [Rival("import torch", partial(python, arguments=("-c", "import torch")), 0, 0.7, 0.35)]
    return Contest("10 files", folders.small(place, 10, 10), 0, job, rivals)


def help_text(place: Path, share: float) -> Contest:
    """Prepare for --help."""
    ours = partial(python, arguments=("-m", "batch_classify", "--help"))
    imports = partial(python, arguments=("-c", "import typer, rich"))
    return Contest("--help", place, 0, ours, [Rival("import typer, rich", imports, 0, 2.5, 1.5)])


CONTESTS: dict[str, Callable[[Path, float], Contest]] = {
    "small": small,
    "distinct": distinct,
    "png": partial(scans, ending=".png"),
    "jpeg": partial(scans, ending=".jpg"),
    "photos": photos,
    "ten": ten,
    "help": help_text,
}


def scaled(files: int, share: float) -> int:
    """Return a share of so many files, at least ten."""
    return max(10, round(share * files))


def seconds_of(contender: Contender, scans: Path) -> float:
    """Run a contender into a new folder, and return how long it took."""
    with TemporaryDirectory() as results:
        commands = contender(scans, Path(results))
        start = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        codes = [process.wait() for process in running]
        seconds = time.perf_counter() - start
    if any(codes):
        raise SystemExit(f"{commands} ended with {codes}")
    return seconds


def figures_of(contest: Contest, backwards: bool) -> list[float]:
    """Return what ours and each rival reached in one round: files a second, or seconds."""
    turns = [(contest.ours, contest.files), *((rival.contender, rival.files) for rival in contest.rivals)]
    figures = []
    for contender, files in reversed(turns) if backwards else turns:
        seconds = seconds_of(contender, contest.scans)
        figures.append(files / seconds if files else seconds)
    return figures[::-1] if backwards else figures


def warm_up(contests: Sequence[Contest], few: Path) -> None:
    """Let each contender run on a `few` scans, and read all."""
    for contest in contests:
        for contender in (contest.ours, *(rival.contender for rival in contest.rivals)):
            seconds_of(contender, few)
        if contest.files:
            seconds_of(decoding, contest.scans)


def rows(contest: Contest, rounds: Sequence[Sequence[float]]) -> list[list[str]]:
    """Write a row for each rival."""
    ours, *others = zip(*rounds, strict=True)
    unit = "files/s" if contest.files else "s"
    found = []
    for rival, theirs in zip(contest.rivals, others, strict=True):
        ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
        sign = "≥" if contest.files else "≤"
        goals = [f"{sign} {goal:g}" for goal in (rival.floor, rival.aim)]
        what = f"{contest.what} – {rival.what}"
        found.append([what, spread(ours), spread(theirs), unit, spread(ratios), *goals])
    return found


def spread(values: Sequence[float]) -> str:
    """Return the median, and the least and the greatest."""
    figures = (statistics.median(values), min(values), max(values))
    median, least, greatest = (f"{one:,.0f}" if one >= 100 else f"{one:.3g}" for one in figures)
    return f"{median} ({least} to {greatest})"


def machine() -> str:
    """Say what this runs on: processor, cores, Python and packages."""
    cpus = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.*)", cpus.read_text() if cpus.exists() else "", re.M)
    processor = model[1] if model else platform.processor() or platform.machine()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{processor}, {cpu_count()} cores, Python {platform.python_version()},\n{packages}"


def main() -> None:
    """Draw the folders, let all run in turn and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folders", type=Path, metavar="PLACE", help="default: a temporary folder")
    parser.add_argument("--share", type=float, default=1.0, help="of the files, to try this out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTESTS, default=list(CONTESTS), metavar="NAME")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        place = options.folders or Path(temporary)
        contests = [CONTESTS[name](place, options.share) for name in options.only]
        warm_up(contests, folders.small(place, 10, 10))
        rounds: list[list[list[float]]] = [[] for _ in contests]
        for number in range(options.rounds):
            for contest, figures in zip(contests, rounds, strict=True):
                figures.append(figures_of(contest, backwards=number % 2 == 1))
                each = ", ".join(f"{figure:,.4g}" for figure in figures[-1])
                print(f"round {number + 1}: {contest.what}: {each}", flush=True)
    print(f"\n{machine()}\n{options.rounds} rounds; median (least to greatest)\n")
    table = Table("", "ours", "theirs", "", "ours / theirs", "floor", "aim", box=None)
    for contest, figures in zip(contests, rounds, strict=True):
        for row in rows(contest, figures):
            table.add_row(*row)
    Console(width=140, highlight=False).print(table)


if __name__ == "__main__":
    main()

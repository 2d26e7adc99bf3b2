"""What Ray costs and brings: the whole command on the same files, by engine, workers and where the files lie.

    python benchmarks/engines.py [--files 10000] [--rounds 3] [--folders PLACE]

Reads PNGs of 28 pixels, a fifth of them distinct: with the local engine and on Ray from a folder, and on Ray
from a bucket, as objects and packed into tars of 1,000. The S3 server is moto's, on the loopback address: a
Python process on the same cores, which takes from the rates what a real one would not. Reports go where the
scans lie, and nothing is remembered.

Every contender is a whole process. It runs on ten files too: what that takes is start and end, and the rest
over the other files is what a file costs. Contenders take turns in the other direction every second round.
Memory is what the process and its descendants hold together at their greatest, as in million.py.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import folders
import s3fs
from million import measure
from race import Command, decoding, machine, seconds_of, spread
from rich.console import Console
from rich.table import Table

FEW = 10
PER_TAR = 1000


class Contender(NamedTuple):
    """A way to run the command: its name, where the scans lie, the engine, and how many workers it has."""

    name: str
    place: str
    engine: str
    workers: int


CONTENDERS = [
    Contender("local, folder", "folder", "local", 1),
    Contender("local, folder", "folder", "local", 2),
    Contender("Ray, folder", "folder", "ray", 1),
    Contender("Ray, folder", "folder", "ray", 2),
    Contender("Ray, bucket, objects", "objects", "ray", 1),
    Contender("Ray, bucket, objects", "objects", "ray", 2),
    Contender("Ray, bucket, tars", "tars", "ray", 2),
]


class Figures(NamedTuple):
    """What one run reached: files a second, seconds of start and end, microseconds a file, megabytes."""

    rate: float
    start: float
    each: float
    memory: float


@contextmanager
def bucket() -> Iterator[Any]:
    """Start an S3 server in a process of its own; whoever starts later finds it by its environment."""
    with TemporaryDirectory() as place:
        log = Path(place) / "log"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        with log.open("w") as words, subprocess.Popen(command, stderr=words, stdout=words) as server:
            try:
                address = ""
                while not address and server.poll() is None:
                    time.sleep(0.1)
                    said = [word for word in log.read_text().split() if word.startswith("http://127")]
                    address = said[0] if said else ""
                os.environ |= {
                    "AWS_ENDPOINT_URL": address,
                    "AWS_ACCESS_KEY_ID": "nobody",
                    "AWS_SECRET_ACCESS_KEY": "nobody",
                    "AWS_DEFAULT_REGION": "us-east-1",
                }
                fs = s3fs.S3FileSystem()
                fs.mkdir("bench")
                yield fs
            finally:
                server.terminate()


def upload(fs: Any, scans: Path, name: str) -> None:
    """Put a folder of scans into the bucket: as objects, and packed."""
    files = sorted(path for path in scans.rglob("*") if path.is_file())
    with ThreadPoolExecutor(8) as pool:
        for at, path in enumerate(files):
            pool.submit(fs.put_file, str(path), f"bench/{name}/objects/{path.relative_to(scans)}")
            if at % 1000 == 0:
                print(f"uploading {name}: {at:,} of {len(files):,}", flush=True)
    with TemporaryDirectory() as place:
        for number, at in enumerate(range(0, len(files), PER_TAR)):
            packed = Path(place) / f"shard-{number:04}.tar"
            with tarfile.open(packed, "w") as tar:
                for path in files[at : at + PER_TAR]:
                    tar.add(path, str(path.relative_to(scans)))
            fs.put_file(str(packed), f"bench/{name}/tars/{packed.name}")


def measured(contender: Contender, scans: Path, name: str) -> tuple[float, float]:
    """Run the command on a folder, or what was uploaded of it as `name`; return seconds and megabytes."""
    with TemporaryDirectory() as temporary:
        remote = contender.place != "folder"
        source = f"s3://bench/{name}/{contender.place}" if remote else str(scans)
        results = f"s3://bench/results/{time.time_ns()}" if remote else temporary
        command: Command = [
            sys.executable,
            "-m",
            "batch_classify",
            source,
            "--out",
            results,
            "--quiet",
            "--fresh",
        ]
        command += ["--device", "cpu", "--engine", contender.engine, "--workers", str(contender.workers)]
        return measure(command)


def figures_of(contender: Contender, many: Path, few: Path, files: int) -> Figures:
    """Run a contender on all files and on a few."""
    seconds, memory = measured(contender, many, "many")
    start, _ = measured(contender, few, "few")
    return Figures(files / seconds, start, (seconds - start) / (files - FEW) * 1e6, memory)


def show(rounds: Sequence[Sequence[Figures]], files: int) -> None:
    """Print a row for each contender."""
    print(f"\n{machine()},\n" + ", ".join(f"{name} {version(name)}" for name in ("ray", "s3fs", "moto")))
    print(f"{files:,} files, {len(rounds)} rounds; median (least to greatest)\n")
    table = Table("", "workers", "files/s", "start, s", "µs a file", "MB", box=None)
    for contender, figures in zip(CONTENDERS, zip(*rounds, strict=True), strict=True):
        columns = (spread(values) for values in zip(*figures, strict=True))
        table.add_row(contender.name, str(contender.workers), *columns)
    Console(width=140, highlight=False).print(table)
    costs = [statistics.median(one.each for one in figures) for figures in zip(*rounds, strict=True)]
    print(f"Ray on the folder with 2 workers, per file over local: {costs[3] / costs[1]:.2f}")


def main() -> None:
    """Draw and upload the scans, let all run in turn and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folders", type=Path, metavar="PLACE", help="default: a temporary folder")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary, bucket() as fs:
        place = options.folders or Path(temporary)
        many = folders.small(place, options.files, options.files // 5)
        few = folders.small(place, FEW, FEW)
        upload(fs, many, "many")
        upload(fs, few, "few")
        seconds_of(decoding, many)  # so that the files are in memory for everybody
        rounds = []
        for number in range(options.rounds):
            turns = CONTENDERS[::-1] if number % 2 else CONTENDERS
            figures = [figures_of(contender, many, few, options.files) for contender in turns]
            rounds.append(figures[::-1] if number % 2 else figures)
            for contender, each in zip(CONTENDERS, rounds[-1], strict=True):
                print(f"round {number + 1}: {contender.name}, {contender.workers}: {each}", flush=True)
        show(rounds, options.files)


if __name__ == "__main__":
    main()

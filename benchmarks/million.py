"""Whether a very large folder is as quick for each file as a small one, and takes no more memory.

    python benchmarks/million.py [--files 1000000] [--against 10000] [--rounds 1] [--folders PLACE]

Runs the whole command, with both reports and nothing remembered, on so many PNGs of 28 pixels in folders of
1,000, at most 20,000 of them distinct, and on the few to compare with, in turn. Memory is what the process
and all its descendants hold together at their greatest, a shared page counted once (the kernel's PSS, looked
at a few times a second while they run). Start and reports count in both, and weigh more on the few.
With --folders, the scans stay there for the next time; a million files want as many inodes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import folders
from race import Command, decoding, fresh, machine, seconds_of, spread

DISTINCT = 20_000
EVERY = 0.2  # seconds; looking takes one or two milliseconds a process


def family(process: int) -> Iterator[int]:
    """Find a process and its descendants."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # ended meanwhile
            continue
        for child in found:
            yield from family(int(child))


def memory_of(process: int) -> int:
    """Return the bytes that one process holds, its part of what it shares included; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def greatest_memory(process: int, over: Event) -> int:
    """Watch a process and its descendants until it is `over`; return the most bytes they held together."""
    greatest = 0
    while not over.wait(EVERY):
        greatest = max(greatest, sum(memory_of(one) for one in family(process)))
    return greatest


def measure(command: Command) -> tuple[float, float]:
    """Run a command; return its seconds and its greatest memory in megabytes."""
    over = Event()
    with ThreadPoolExecutor(1) as watcher:
        start = time.perf_counter()
        process = subprocess.Popen(command)
        memory = watcher.submit(greatest_memory, process.pid, over)
        code = process.wait()
        seconds = time.perf_counter() - start
        over.set()
        if code:
            raise SystemExit(f"{command} ended with {code}")
        return seconds, memory.result() / 1e6


def main() -> None:
    """Draw the folders, run on both in turn and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--against", type=int, default=10_000, metavar="FILES")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folders", type=Path, metavar="PLACE", help="default: a temporary folder")
    options = parser.parse_args()
    counts = (options.against, options.files)
    rates: list[list[float]] = [[], []]
    memories: list[list[float]] = [[], []]
    with TemporaryDirectory() as temporary:
        place = options.folders or Path(temporary)
        both = [folders.small(place, files, min(files, DISTINCT)) for files in counts]
        for scans in both:
            seconds_of(decoding, scans)  # so that the files are in memory for both
        for number in range(options.rounds):
            for which, (files, scans) in enumerate(zip(counts, both, strict=True)):
                with TemporaryDirectory() as results:
                    [command] = fresh(scans, Path(results))
                    seconds, memory = measure(command)
                rates[which].append(files / seconds)
                memories[which].append(memory)
                print(f"round {number + 1}: {files:,} files: {seconds:.1f} s, {memory:.0f} MB", flush=True)
    print(f"\n{machine()}\n{options.rounds} rounds; median (least to greatest)\n")
    for which, files in enumerate(counts):
        print(f"{files:>9,} files   {spread(rates[which])} files/s   {spread(memories[which])} MB")
    ratios = [many / few for few, many in zip(*rates, strict=True)]
    more = statistics.median(memories[1]) - statistics.median(memories[0])
    print(f"rate, many over few   {spread(ratios)}; floor 0.85")
    print(f"memory, many more than few   {more:.0f} MB; at most 100, and 800 in all")


if __name__ == "__main__":
    main()

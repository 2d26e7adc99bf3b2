"""How large the report of a long run is, how fast it is written and opened, and how smoothly it scrolls.

    python benchmarks/page.py [--rows 50000] [--side 28] [--review 0.04] [--runs 5]

Draws scans, puts them through the job's own preprocessing once, and writes the page of so many rows, of which
a share needs a human; then opens it in Chromium, each time in a fresh profile. Open means: review can be used
and its first pictures are drawn. Smooth is told by the frames while the table scrolls from end to end.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import resource
import shutil
import statistics
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from batch_classify.preprocess import preprocess
from batch_classify.report.card import Card, thumbnail
from batch_classify.report.page import write_page
from batch_classify.report.spool import Spool
from batch_classify.report.summary import Run, Summary
from batch_classify.row import Reason, Row, Status
from train.generator import batch

DRAWN = 2000
OPEN = """async () => {
  const canvas = document.querySelector("#review canvas");
  await canvas.drawn;
  await document.querySelector("#review img.scan").decode();
  return performance.now();
}"""
SCROLL = """async () => {
  const ends = [];
  const list = document.querySelector(".grid .lines");
  const height = list.offsetHeight;
  const top = list.getBoundingClientRect().top + scrollY;
  let blank = 0;
  for (let frame = 0; frame < 240; frame += 1) {
    window.scrollTo(0, top + (height * frame) / 240);
    const start = performance.now();
    await new Promise(requestAnimationFrame);
    ends.push(performance.now() - start);
    const row = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest(".row");
    if (!row) blank += 1;
  }
  return [ends.sort((a, b) => a - b), blank];
}"""


def write(path: Path, rows: int, side: int, review: float) -> None:
    """Write the page of so many rows."""
    rng = np.random.default_rng(0)
    pictures, labels = batch(DRAWN, rng, side)
    scans = [255 - picture for picture in pictures]
    seen = [preprocess(scan).image for scan in scans]
    summary, start = Summary(), time.perf_counter()
    now = datetime(2026, 11, 25, 2, tzinfo=UTC)
    with Spool(path.parent) as spool:
        for number in range(rows):
            which = int(rng.integers(DRAWN))
            doubtful = rng.random() < review
            # No two pictures of a run are alike: else the sheets would compress too well.
            noise = rng.integers(0, 8, (28, 28), np.uint8) * (seen[which] > 0)
            share = float(rng.uniform(0.4, 0.85) if doubtful else 1 - rng.exponential(0.01) % 0.15)
            label = int(labels[which])
            row = Row(
                f"box-{number // 1000:03}/scan-{number:06}.png",
                None,
                Status.REVIEW if doubtful else Status.OK,
                Reason.LOW_CONFIDENCE if doubtful else None,
                "",
                label,
                share,
                (label + 1) % 10,
                (1 - share) / 2,
                side,
                side,
                hashlib.sha256(str(number).encode()).hexdigest(),
            )
            summary.add(row)
            spool.offer(Card(row, thumbnail(scans[which]), seen[which] ^ noise))
        spooled = time.perf_counter() - start
        run = Run(now, now, "/srv/scans", 0, {}, {"review_below": 0.85}, {}, "default", "ab" * 32)
        write_page(path, spool, summary, run)
        seconds = time.perf_counter() - start
    print(f"{rows:,} rows, {summary.to_look_at:,} of them to review, scans of {side}×{side}")
    print(f"page                {path.stat().st_size / 1e6:>8.1f} MB")
    each = 1e6 * spooled / rows
    print(f"spooled in          {spooled:>8.1f} s, {each:.0f} µs a row; packed in {seconds - spooled:.1f} s")
    print(f"memory at most      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:>8.0f} MB")


def measure(browser: Browser, address: str) -> tuple[float, list[float], int]:
    """Return the seconds to open, the milliseconds of each frame of scrolling, and how many were blank."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.locator("#review canvas").first.wait_for()
        opened = page.evaluate(OPEN) / 1000
        page.locator("[data-mode=table]").click()
        frames, blank = page.evaluate(SCROLL)
    return opened, frames, blank


def main() -> None:
    """Write the page, open it, and say on what."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--side", type=int, default=28, help="pixels of a scan")
    parser.add_argument("--review", type=float, default=0.04, help="share of the rows that needs a human")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    names = "chromium", "chromium-browser", "google-chrome"
    chromium = next(found for found in map(shutil.which, names) if found)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, ", end="")
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}, playwright {version('playwright')}")
        path = Path(place) / "report.html"
        write(path, options.rows, options.side, options.review)
        found = [measure(browser, path.as_uri()) for _ in range(options.runs)]
        seconds = [opened for opened, _, _ in found]
        frames = sorted(frame for _, each, _ in found for frame in each)
        print(
            f"open                {statistics.median(seconds):>8.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f}, {options.runs} runs)"
        )
        print(
            f"a frame of scrolling{statistics.median(frames):>8.1f} ms, "
            f"95 % under {frames[int(0.95 * len(frames))]:.1f} ms, "
            f"{sum(blank for _, _, blank in found)} blank of {len(frames)}"
        )
        browser.close()


if __name__ == "__main__":
    main()

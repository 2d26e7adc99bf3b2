"""Take the README's pictures of the report, from a run over digits/: docs/review.png and docs/contact.png.

    make pictures

Needs Chromium. The threshold is set high, so that the few scans of digits/ give a reviewer something to do.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from batch_classify.classifier import Classifier
from batch_classify.decide import Thresholds
from batch_classify.job import IN_THIS_PROCESS, run
from batch_classify.scan import Scan

HERE = Path(__file__).parent
DIGITS = HERE.parent / "digits"
REVIEW_BELOW = 0.9995
SIZE = (1280, 760)


def review(page: Page) -> None:
    """Accept two answers, so that the third is looked at."""
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")


def contact(page: Page) -> None:
    """Choose a scan in the midst of the sheet."""
    page.get_by_role("option").nth(20).click()


def main() -> None:
    """Run, open the report in both modes, and write the pictures."""
    names = "chromium", "chromium-browser", "google-chrome"
    chromium = next(found for found in map(shutil.which, names) if found)
    classifier = replace(Classifier.load(device="cpu"), thresholds=Thresholds(REVIEW_BELOW))
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = run(Scan(DIGITS), classifier, Path(place), effort=IN_THIS_PROCESS).folder
        address = (folder / "report.html").as_uri()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for mode, act in (("review", review), ("contact", contact)):
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.goto(f"{address}#mode={mode}")
            page.locator(f"[data-mode={mode}]").click()
            act(page)
            page.wait_for_timeout(500)  # for the last pictures to be decoded
            page.screenshot(path=HERE / f"{mode}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()

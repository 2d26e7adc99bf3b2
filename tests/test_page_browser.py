"""report.html in a browser: it filters, fetches nothing, and can do without its script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from batch_classify.report.page import write_page
from batch_classify.report.shortlist import Card, Shortlist
from batch_classify.report.summary import Run, Summary
from batch_classify.row import Reason, Row, Status

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SCAN = np.full((60, 40), 200, np.uint8)
SEEN = np.eye(28, dtype=np.uint8) * 255
CARDS = [
    Card(Row("box/5.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE, "", 5, 0.6), SCAN, SEEN),
    Card(Row("box/Six.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE, "", 6, 0.7), SCAN, SEEN),
    Card(Row("blank.png", None, Status.REJECTED, Reason.BLANK), SCAN, None),
    Card(Row("cut.png", None, Status.ERROR, Reason.UNREADABLE), None, None),
    Card(Row("<script>window.hacked = 1</script>", None, Status.OK, None, "", 5, 0.9), SCAN, SEEN),
    Card(
        Row("'\"><img src=//x.test onerror=window.hacked=1>", None, Status.OK, None, "", 5, 0.95), SCAN, SEEN
    ),
]
EVERY = [card.row.file for card in CARDS]
FILTERS = [
    ("review", "", "", EVERY[:2]),
    ("", "5", "", [EVERY[0], *EVERY[4:]]),
    ("", "none", "", EVERY[2:4]),
    ("review", "5", "", EVERY[:1]),
    ("", "", " SIX ", EVERY[1:2]),
    ("error", "5", "", []),
    ("", "", "", EVERY),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the page of all cards."""
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    shortlist, summary = Shortlist(), Summary()
    for card in CARDS:
        summary.add(card.row)
        shortlist.offer(card)
    write_page(path, shortlist, summary, Run(NOW, NOW, "/scans", 0, {}, {}, {}, "default", ""))
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open the page in a window of its own."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        yield page


def shown(page: Page) -> list[str]:
    """Return the file names of the cards that can be seen."""
    return page.locator(".card:visible .file").all_inner_texts()


def test_nothing_is_fetched_and_nothing_fails(browser: Browser, address: str) -> None:
    """The page is complete in itself, its policy blocks nothing of its own, and hostile names stay texts."""
    with browser.new_context() as context:
        page = context.new_page()
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.get_by_label("File name").fill("box")
        assert complaints == []
        assert [url for url in requests if not url.startswith("data:")] == [address]
        assert page.evaluate("window.hacked") is None


def test_every_picture_has_loaded(page: Page) -> None:
    """The browser could decode the pictures that the page holds."""
    widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert sorted(widths) == [28] * 4 + [40] * 5


@pytest.mark.parametrize(("status", "label", "text", "files"), FILTERS)
def test_the_filters_filter(page: Page, status: str, label: str, text: str, files: list[str]) -> None:
    """Only cards that fit every filter are shown, and their number is said."""
    page.get_by_role("group", name="Status").get_by_label(status or "all", exact=True).check()
    page.get_by_role("group", name="Digit").get_by_label(label or "all", exact=True).check()
    page.get_by_label("File name").fill(text)
    assert shown(page) == files
    said = f"Showing {len(files)} of 6" if files else "Nothing matches these filters"
    assert page.get_by_role("status").inner_text() == said


def test_the_keyboard_is_enough(page: Page) -> None:
    """The filters can be reached and changed without a mouse, and Enter does not leave the page."""
    page.get_by_role("group", name="Status").get_by_label("all", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == EVERY[:2]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("five")
    page.keyboard.press("Enter")
    assert shown(page) == []


def test_without_script_all_is_shown(browser: Browser, address: str) -> None:
    """Where scripts are off, every card is there, and no filter that would do nothing."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        assert shown(page) == EVERY
        assert page.locator("#filters:visible").count() == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1360])
def test_the_page_fits_the_screen(page: Page, width: int) -> None:
    """No screen has to be scrolled sideways."""
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width

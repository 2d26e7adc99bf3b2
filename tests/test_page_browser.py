"""report.html in a browser, of a real run: keys, the way out and back, filters, hostile names, access."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from batch_classify.classifier import Classifier
from batch_classify.corrections import Correction, Corrections, read_corrections
from batch_classify.decide import Thresholds
from batch_classify.job import IN_THIS_PROCESS, classify, run
from batch_classify.report.card import Card
from batch_classify.scan import Scan
from train.generator import draw_digit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HOSTILE = [
    "<script>window.hacked = 1<!-- .png",
    "'\"><img src=x onerror=window.hacked=1>.png",
    "two\nlines.png",
    "right-\u202egnp.png",
    '=cmd|\' , "quoted" !A0.png',
]
PLAIN = [f"{number}.png" for number in range(12)]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn digits under plain and hostile names, a blank, a broken file and a dangling link."""
    root = tmp_path_factory.mktemp("scans")
    for number, name in enumerate([*PLAIN, *HOSTILE]):
        picture = 255 - draw_digit(number % 10, np.random.default_rng(number), 60)
        (root / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (root / "blank.png").write_bytes(cv2.imencode(".png", np.full((60, 60), 250, np.uint8))[1].tobytes())
    (root / "broken.png").write_bytes(b"no picture")
    (root / "dangling.png").symlink_to("nowhere.png")
    return root


@pytest.fixture(scope="module")
def folder(scans: Path, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which about half of the digits need a look."""
    shares = (card.row.confidence for card in cards_of(scans, classifier))
    sure = sorted(share for share in shares if share is not None)
    doubting = replace(classifier, thresholds=Thresholds(sure[len(sure) // 2]))
    return run(Scan(scans), doubting, tmp_path_factory.mktemp("results"), effort=IN_THIS_PROCESS).folder


def cards_of(scans: Path, classifier: Classifier) -> list[Card]:
    """Return the card of each row."""
    return [card for cards in classify(Scan(scans), classifier, IN_THIS_PROCESS) for card in cards]


def table(folder: Path) -> list[dict[str, str]]:
    """Read the run's predictions.csv."""
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def queue(folder: Path) -> list[dict[str, str]]:
    """Return the rows that need a human in the order of the page: hardest first."""
    ranks = {"review": 0, "rejected": 1, "error": 2}
    rows = [row for row in table(folder) if row["status"] in ranks]
    return sorted(rows, key=lambda row: (ranks[row["status"]], float(row["confidence"] or 0)))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's profile of its own."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, folder: Path) -> Page:
    """Open the page of the run."""
    return opened(context, folder)


def opened(context: BrowserContext, folder: Path, view: str = "") -> Page:
    """Open a run's page, and take whatever it complains of for a failure."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page fails: {error}"))
    page.goto((folder / "report.html").as_uri() + view)
    return page


def said(page: Page) -> str:
    """Return what the status line says."""
    return page.locator("#says").inner_text()


def shown(page: Page) -> str:
    """Return the file that review shows."""
    return page.locator("#review .where .file").inner_text()


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def exported(page: Page, tmp_path: Path) -> list[dict[str, str]]:
    """Export, and return the lines of the file."""
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename == "corrections.csv"
    download.value.save_as(tmp_path / "corrections.csv")
    with (tmp_path / "corrections.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_is_fetched_and_nothing_fails(context: BrowserContext, folder: Path) -> None:
    """The page is complete in itself, its policy blocks nothing of its own, and hostile names stay texts."""
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    for mode in ("Contact sheet", "Table", "Review"):
        page.get_by_role("button", name=mode, exact=True).click()
        page.wait_for_timeout(50)
    press(page, *["Enter", "x", "j", "5"] * 6)
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [(folder / "report.html").as_uri()]
    assert page.evaluate("window.hacked") is None


def test_the_policy_stops_what_is_not_ours(page: Page) -> None:
    """A script, a handler or a picture from outside that got in nevertheless would not run or load."""
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = 1";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", '<img src="x" onerror="window.hacked = 2">');
        }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None


def test_the_hardest_comes_first(page: Page, folder: Path) -> None:
    """Review begins with the least sure answer: scan, 28×28, label, confidence, runner-up, reason, file."""
    first = queue(folder)[0]
    desk = page.locator("#review .desk")
    assert first["file"].replace("\n", "\\n") == shown(page)
    words = desk.inner_text()
    assert first["label"] in words
    assert f"{float(first['confidence']):.1%}" in words
    assert f"or {first['second_label']}" in words
    assert "Not sure enough" in words
    assert desk.locator("img.scan").evaluate("image => [image.naturalWidth, image.clientHeight > 250]") == [
        60,
        True,
    ]
    canvas = desk.locator("canvas.seen")
    assert canvas.evaluate(
        "async canvas => { await canvas.drawn; "
        "const pixels = canvas.getContext('2d').getImageData(0, 0, 28, 28).data; "
        "return pixels.some((value, at) => at % 4 < 3 && value > 200) }"
    )


@pytest.mark.parametrize(
    ("keys", "places"),
    [
        (["ArrowRight"], 1),
        (["ArrowDown"], 1),
        (["j", "j"], 2),
        (["j", "j", "k"], 1),
        (["j", "ArrowLeft"], 0),
        (["j", "ArrowUp"], 0),
        (["k"], 0),
    ],
)
def test_keys_that_move(page: Page, folder: Path, keys: list[str], places: int) -> None:
    """Arrows, j and k go to the scan after and before, and stop at the ends."""
    press(page, *keys)
    assert page.locator("#review .place").inner_text() == f"{places + 1} of {len(queue(folder))}"


@pytest.mark.parametrize("digit", range(10))
def test_keys_that_answer(page: Page, folder: Path, tmp_path: Path, digit: int) -> None:
    """A digit is the answer, and the next scan comes."""
    rows = queue(folder)
    press(page, str(digit))
    assert page.locator("#review .place").inner_text() == f"2 of {len(rows)}"
    (line,) = exported(page, tmp_path)
    assert (line["label"], line["predicted_label"]) == (str(digit), rows[0]["label"])
    assert (line["file"], line["sha256"], line["page"]) == (rows[0]["file"], rows[0]["sha256"], "")
    assert len(line["reviewed_at"]) == len("2026-11-24T08:00:00Z")


def test_enter_accepts_x_is_no_digit_and_u_takes_back(page: Page, folder: Path, tmp_path: Path) -> None:
    """Accepted is the model's label, not a digit is an empty one; undo goes back to the scan."""
    rows = queue(folder)
    press(page, "Enter", "x", "3", "u")
    assert page.locator("#review .place").inner_text().startswith("3 of")
    assert said(page).startswith("Undone")
    lines = {line["file"]: line["label"] for line in exported(page, tmp_path)}
    assert lines == {rows[0]["file"]: rows[0]["label"], rows[1]["file"]: ""}
    press(page, "u", "u", "u")
    assert page.locator("#progress").inner_text().startswith("0 of")
    press(page, "u")
    assert said(page) == "Nothing to undo"


def test_enter_after_a_click_accepts(page: Page, folder: Path, tmp_path: Path) -> None:
    """A button that was clicked does not take the Enter that is meant for the next scan."""
    rows = queue(folder)
    page.locator("#review .pad").get_by_role("button", name="7", exact=True).click()
    press(page, "Enter")
    lines = {line["file"]: line["label"] for line in exported(page, tmp_path)}
    assert lines == {rows[0]["file"]: "7", rows[1]["file"]: rows[1]["label"]}


def test_the_question_mark_helps(page: Page) -> None:
    """Help lists the keys; while it is open they do nothing, and Escape closes it."""
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys")
    assert dialog.is_visible()
    press(page, "7")
    assert page.locator("#progress").inner_text().startswith("0 of")
    press(page, "Escape")
    assert not dialog.is_visible()


def test_keys_can_be_switched_off(page: Page) -> None:
    """Who works with a screen reader may want the letters back; the buttons still answer."""
    press(page, "?")
    page.get_by_label("Answer with keys").uncheck()
    page.locator("#close").click()
    press(page, "7")
    assert page.locator("#progress").inner_text().startswith("0 of")
    page.locator("#review .pad").get_by_role("button", name="7", exact=True).click()
    assert page.locator("#progress").inner_text().startswith("1 of")


def test_all_that_can_be_answered_is(page: Page, folder: Path) -> None:
    """The count goes up to the end, skips what could not be opened, and a blank can be accepted as blank."""
    answerable = [row for row in queue(folder) if row["sha256"]]
    assert page.locator("#progress").inner_text() == f"0 of {len(answerable)} reviewed"
    for row in answerable:
        press(page, "4" if row["status"] == "error" else "Enter")
    assert page.locator("#progress").inner_text() == f"{len(answerable)} of {len(answerable)} reviewed"
    assert "That was the last one" in said(page)


def test_what_cannot_be_accepted(page: Page, folder: Path) -> None:
    """A broken file has no answer that could be right; one that could not be opened can have none at all."""
    rows = queue(folder)
    for _ in rows:
        press(page, "j")
    assert rows[-1]["sha256"] == "" or rows[-2]["sha256"] == ""
    for key, words in (("Enter", "nothing to answer"), ("5", "nothing to answer")):
        if rows[-1]["sha256"]:
            press(page, "k")
        press(page, key)
        assert words in said(page)


def test_a_reload_keeps_the_answers(page: Page, folder: Path) -> None:
    """Answers and the count are there again, and review goes on with the next open scan."""
    press(page, "1", "2")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    assert page.locator("#progress").inner_text().startswith("2 of")
    assert page.locator("#review .place").inner_text().startswith("3 of")


def test_another_run_has_its_own_answers(
    context: BrowserContext, folder: Path, scans: Path, classifier: Classifier, tmp_path: Path
) -> None:
    """The answers of one run do not show up in another."""
    press(opened(context, folder), "1", "2")
    other = run(
        Scan(scans), replace(classifier, thresholds=Thresholds(1.0)), tmp_path, effort=IN_THIS_PROCESS
    ).folder
    assert opened(context, other).locator("#progress").inner_text().startswith("0 of")


def test_a_browser_that_keeps_nothing(browser: Browser, folder: Path) -> None:
    """Where there is no store, the page works all the same and says that answers must be exported."""
    with browser.new_context() as context:
        context.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })"
        )
        page = opened(context, folder)
        assert "keeps no answers" in said(page)
        press(page, "1")
        assert page.locator("#progress").inner_text().startswith("1 of")


def test_leaving_is_warned_of_until_it_is_exported(page: Page, tmp_path: Path) -> None:
    """With answers that are in no file the browser asks before the page closes; after an export, not."""
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == []
    press(page, "1")
    page.reload()
    assert asked == ["beforeunload"]
    exported(page, tmp_path)
    page.reload()
    assert asked == ["beforeunload"]


def test_what_is_exported_can_be_loaded(
    context: BrowserContext, browser: Browser, folder: Path, tmp_path: Path
) -> None:
    """In another browser the answers are there again, a new one goes on top, and nothing is lost."""
    page = opened(context, folder)
    press(page, "1", "x", "3")
    exported(page, tmp_path)
    path = tmp_path / "corrections.csv"
    path.write_text(path.read_text() + "elsewhere.png,,abc,8,7,2026-11-24T08:00:00Z\n")
    with browser.new_context() as fresh:
        page = opened(fresh, folder)
        page.locator("#load").set_input_files(path)
        page.locator("#says", has_text="Loaded").wait_for()
        assert said(page) == "Loaded 4 answers, 4 of them new; 1 about scans that are not on this page"
        assert page.locator("#progress").inner_text().startswith("3 of")
        press(page, "9")
        lines = exported(page, tmp_path)
    assert len(lines) == 5
    assert sorted(line["label"] for line in lines) == ["", "1", "3", "7", "9"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,page,label\n", "no column sha256"),
        ("file,page,sha256,label\na.png,,ab,12\n", "line 2 makes no sense"),
        ('file,page,sha256,label\n"a\nb.png",,ab,1\na.png,,ab,2\n', "lines 3 and 4 give the same picture"),
        ('file,page,sha256,label\n"a.png,,ab,1\n', "quote is never closed"),
        ("", "no column file"),
    ],
)
def test_a_table_that_cannot_be_loaded(page: Page, text: str, words: str) -> None:
    """Nothing of it is taken, and the message names the line."""
    page.locator("#load").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": text.encode()})
    page.locator("#says", has_text="loaded").wait_for()
    assert said(page).startswith("Nothing was loaded from x.csv")
    assert words in said(page)
    assert page.locator("#progress").inner_text().startswith("0 of")


def test_the_program_reads_what_the_page_exports(page: Page, folder: Path, tmp_path: Path) -> None:
    """Every name, hostile ones too, comes back as the file is called on disk."""
    page.get_by_role("button", name="All, least sure first").click()
    count = len([row for row in table(folder) if row["sha256"]])
    for _ in range(count):
        press(page, "6")
    exported(page, tmp_path)
    answers = read_corrections(tmp_path / "corrections.csv").answers()
    assert {answer.file for answer in answers} == {*PLAIN, *HOSTILE, "blank.png", "broken.png"}


def test_the_contact_sheet_groups_by_digit(page: Page, folder: Path) -> None:
    """It shows what was read as each digit, the least sure first; a digit can be chosen."""
    page.get_by_role("button", name="Contact sheet").click()
    rows = [row for row in table(folder) if row["label"]]
    rows.sort(key=lambda row: (row["label"], float(row["confidence"])))
    cells = page.get_by_role("option")
    labels = cells.evaluate_all("cells => cells.map((cell) => cell.getAttribute('aria-label'))")
    assert [label[0] for label in labels] == [row["label"] for row in rows]
    assert [label.split(", ")[-1].split("page")[0] for label in labels][:1] == [
        rows[0]["file"].split(", ")[-1]
    ]
    digit = rows[-1]["label"]
    page.locator("#contact .choices").get_by_role("button", name=f"{digit}, ").click()
    assert cells.count() == sum(row["label"] == digit for row in rows)


def test_one_click_and_one_key_mend_an_odd_one(page: Page, folder: Path, tmp_path: Path) -> None:
    """The chosen cell takes the digit, shows it, and stays where it is; arrows choose others."""
    page.get_by_role("button", name="Contact sheet").click()
    cells = page.get_by_role("option")
    cells.nth(2).click()
    name = cells.nth(2).get_attribute("title").split(", ")[0]
    label = next(row["label"] for row in table(folder) if name.startswith(row["file"][:4]))
    other = str((int(label) + 1) % 10)
    press(page, other)
    assert cells.nth(2).locator(".mark").inner_text() == other
    press(page, "ArrowRight")
    assert cells.nth(3).get_attribute("aria-selected") == "true"
    press(page, "x", "u")
    assert cells.nth(3).locator(".mark").count() == 0
    assert [line["label"] for line in exported(page, tmp_path)] == [other]


FILTERS = [
    ({"Status": "ok"}, lambda row: row["status"] == "ok"),
    ({"Status": "error"}, lambda row: row["status"] == "error"),
    ({"Reason": "Nothing written on it"}, lambda row: row["reason"] == "blank"),
    ({"Label": "none"}, lambda row: row["label"] == ""),
    ({"File name": "SCRIPT"}, lambda row: "script" in row["file"]),
    ({"From %": "30"}, lambda row: row["confidence"] and float(row["confidence"]) >= 0.3),
    ({"To %": "30"}, lambda row: row["confidence"] and float(row["confidence"]) <= 0.3),
    ({"Status": "error", "Label": "5"}, lambda row: False),
]


@pytest.mark.parametrize(("chosen", "fits"), FILTERS)
def test_the_filters_filter(
    context: BrowserContext, folder: Path, chosen: dict[str, str], fits: object
) -> None:
    """Only rows that fit are shown, their number is said, and the address shows the same again."""
    page = opened(context, folder, "#mode=table")
    for label, value in chosen.items():
        field = page.locator("#filters").get_by_label(label, exact=True)
        if label in ("Status", "Reason", "Label"):
            field.select_option(label=value)
        else:
            field.fill(value)
    count = sum(bool(fits(row)) for row in table(folder))
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(1 + count)
    words = f"Showing {count} of {len(table(folder))}" if count else "Nothing matches these filters"
    assert page.locator("#filters output").inner_text() == words
    shared = context.new_page()
    shared.goto(page.url)
    assert shared.locator("#filters output").inner_text() == words


@pytest.mark.parametrize(
    ("column", "key"),
    [("File", "file"), ("Confidence", "confidence"), ("Label", "label"), ("Status", "status")],
)
def test_the_table_sorts(context: BrowserContext, folder: Path, column: str, key: str) -> None:
    """A column sorts upwards and then downwards, and the address keeps it."""
    page = opened(context, folder, "#mode=table")
    page.set_viewport_size({"width": 1280, "height": 3000})
    cells = page.locator(f".grid .row .column-{key}")
    for direction in ("ascending", "descending"):
        page.get_by_role("columnheader", name=column).get_by_role("button").click()
        assert page.get_by_role("columnheader", name=column).get_attribute("aria-sort") == direction
        found = [text for text in cells.all_inner_texts() if text not in ("", "–")]
        if key == "confidence":
            values = [float(text.strip("<>%")) for text in found]
            assert values == sorted(values, reverse=direction == "descending")
        else:
            assert [text.split("\n")[0] for text in found] == sorted(
                (text.split("\n")[0] for text in found), reverse=direction == "descending"
            )
    shared = context.new_page()
    shared.set_viewport_size({"width": 1280, "height": 3000})
    shared.goto(page.url)
    assert shared.locator(f".grid .row .column-{key}").all_inner_texts() == cells.all_inner_texts()


def test_what_is_filtered_can_be_reviewed(context: BrowserContext, folder: Path) -> None:
    """The rows of the table become the queue, and each can be opened from there."""
    page = opened(context, folder, "#mode=table&status=ok")
    count = sum(row["status"] == "ok" for row in table(folder))
    page.get_by_role("button", name="Review these").click()
    assert page.locator("#review .place").inner_text() == f"1 of {count}"


def test_hostile_names_are_only_texts(context: BrowserContext, folder: Path) -> None:
    """They are shown as they are spelt, with what cannot be seen written out, in every mode."""
    page = opened(context, folder, "#mode=table&sort=file")
    page.set_viewport_size({"width": 1280, "height": 3000})
    page.wait_for_timeout(100)
    files = page.locator(".grid .row .file").all_inner_texts()
    assert {HOSTILE[0], HOSTILE[1], "two\\nlines.png", "right-\\u202egnp.png", "./" + HOSTILE[4]} <= set(
        files
    )
    assert page.locator("#scans script, #scans iframe").count() == 0
    assert page.evaluate("window.hacked") is None


def test_only_what_the_window_shows_is_drawn(
    context: BrowserContext, classifier: Classifier, tmp_path: Path
) -> None:
    """Of some hundred rows, a window holds a few dozen; scrolling draws the others, and the last is there."""
    root = tmp_path / "scans"
    root.mkdir()
    picture = cv2.imencode(".png", 255 - draw_digit(3, np.random.default_rng(3), 28))[1].tobytes()
    for number in range(400):
        (root / f"{number:03}.png").write_bytes(picture)
    results = run(Scan(root), classifier, tmp_path / "out", effort=IN_THIS_PROCESS).folder
    page = opened(context, results, "#mode=table&sort=file")
    assert page.locator(".grid .row").count() < 60
    page.mouse.wheel(0, 100_000)
    page.get_by_text("399.png", exact=True).first.wait_for()
    assert page.locator(".grid .row").count() < 60
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == "401"
    press(page, "9")  # the same picture under four hundred names is one answer
    page.goto(page.url + "&x=1")
    assert set(page.locator(".grid .row .column-yours").all_inner_texts()) == {"9"}


def test_suspect_answers_have_their_queue(
    context: BrowserContext, scans: Path, classifier: Classifier, tmp_path: Path
) -> None:
    """An answer that the model strongly contradicts waits for a second look, and says what either said."""
    model = replace(classifier.model, card=replace(classifier.model.card, temperature=0.01))
    classifier = replace(classifier, model=model)  # sure of everything
    surest = max((card.row for card in cards_of(scans, classifier)), key=lambda row: row.confidence or 0)
    wrong = (surest.label or 0) + 1 if surest.label != 9 else 0
    answer = Correction(surest.file, None, surest.sha256, surest.label, wrong, datetime.now(UTC))
    folder = run(
        Scan(scans), classifier, tmp_path, corrections=Corrections([answer]), effort=IN_THIS_PROCESS
    ).folder
    page = opened(context, folder, "#queue=suspect")
    assert (
        f"A human said {wrong}; the model is all but sure of {surest.label}"
        in page.locator("#review").inner_text()
    )
    press(page, "Enter")
    (line,) = exported(page, tmp_path)
    assert (line["label"], line["predicted_label"]) == (str(wrong), str(surest.label))


def test_without_script_the_summary_is_there(browser: Browser, folder: Path) -> None:
    """Where scripts are off, the counts are there, and where to find the rows."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((folder / "report.html").as_uri())
        assert page.locator(".tile").count() >= 4
        assert page.get_by_text("this page needs its script").is_visible()
        assert page.locator("#bar").is_hidden()


@pytest.mark.parametrize("mode", ["review", "contact", "table"])
@pytest.mark.parametrize("width", [320, 360, 768, 1360])
def test_the_page_fits_the_screen(context: BrowserContext, folder: Path, width: int, mode: str) -> None:
    """No screen has to be scrolled sideways, and the progress stays in view."""
    page = opened(context, folder, f"#mode={mode}")
    page.set_viewport_size({"width": width, "height": 800})
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#progress").bounding_box()
    assert box is not None and 0 <= box["y"] < 200


@pytest.mark.parametrize("mode", ["review", "contact", "table"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_violation(browser: Browser, folder: Path, mode: str, scheme: str, width: int) -> None:
    """Names, roles, focus and contrast are as the rules of axe-core want them, in every mode and colour."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = opened(context, folder, f"#mode={mode}")
        press(page, "1")
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if mode == "review":
            press(page, "?")
            found = axe.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    """Tab reaches the modes, Enter presses them, and a list can be walked through."""
    press(page, "Tab", "Tab", "Enter")
    assert page.locator("#contact").is_visible()
    page.get_by_role("option").first.focus()
    press(page, "ArrowRight", "ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"


def test_the_print_has_the_queue(page: Page, folder: Path) -> None:
    """On paper are the summary and a card for each row that is looked at, without the bars."""
    playwright = pytest.importorskip("playwright.sync_api")
    page.evaluate(
        "window.print = () => { "
        "document.title = 'printed ' + document.querySelectorAll('#paper .card').length }"
    )
    page.get_by_role("button", name="Print").click()
    playwright.expect(page).to_have_title(f"printed {len(queue(folder))}")
    page.emulate_media(media="print")
    assert page.locator("#paper").is_visible()
    assert page.locator("#bar").is_hidden()
    assert page.locator(".tiles").is_visible()


def test_the_store_holds_only_answers(page: Page) -> None:
    """What the browser keeps is a list of records that the page can read again."""
    press(page, "1")
    kept = json.loads(page.evaluate("localStorage.getItem(Object.keys(localStorage)[0])"))
    assert [record["label"] for record in kept["records"]] == [1]
    assert os.fsencode(kept["records"][0]["file"])

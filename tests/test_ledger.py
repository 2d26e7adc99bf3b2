"""What earlier runs answered, in `batch_classify.ledger`."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from batch_classify.errors import ExitCode, JobError
from batch_classify.ledger import DAMAGED, LEDGER, Edition, Ledger
from batch_classify.prepare import Known, Prepared
from batch_classify.row import Reason
from batch_classify.stamp import Stamp

EDITION = Edition.of("these versions", "this model")
STAMP = Stamp(1234, 10**18, 10**18 + 1, 42)
IMAGE = np.arange(784, dtype=np.uint16).astype(np.uint8).reshape(28, 28)
THUMBNAIL = np.arange(96 * 40, dtype=np.uint16).astype(np.uint8).reshape(40, 96)
LOGITS = np.linspace(-3, 9, 10, dtype=np.float32)
DIGIT = Prepared("a.png", "ab" * 32, None, 960, 400, None, "", IMAGE, THUMBNAIL, LOGITS, STAMP)
BLANK = DIGIT._replace(file="b.tif", sha256="cd" * 32, page=1, reason=Reason.BLANK)
BROKEN = Prepared("b.tif", "cd" * 32, 2, 5, None, Reason.UNREADABLE, "cut short \udce9", stamp=STAMP)
VANISHED = Prepared("c.png", "", None, None, None, Reason.VANISHED, "gone")

Open = Callable[..., Ledger]


@pytest.fixture
def warnings() -> list[str]:
    """What a ledger warned of."""
    return []


@pytest.fixture
def ledger(tmp_path: Path, warnings: list[str]) -> Iterator[Open]:
    """Open the ledger in `tmp_path`, for files below `/scans`; what is open at the end is closed."""
    opened: list[Ledger] = []

    def open_(edition: Edition = EDITION, *, fresh: bool = False, root: str = "/scans") -> Ledger:
        opened.append(Ledger(tmp_path, Path(root), edition, fresh=fresh, warn=warnings.append))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def test_an_unchanged_file_comes_back_whole(ledger: Open) -> None:
    """Every page with its pictures, its answer and its problem, in order, in a later run too."""
    ledger().keep([DIGIT, BLANK, BROKEN])
    later = ledger()
    (digit,) = later.unchanged("a.png", STAMP)
    blank, broken = later.unchanged("b.tif", STAMP)
    for found, kept in ((digit, DIGIT), (blank, BLANK), (broken, BROKEN)):
        for name in ("image", "thumbnail", "logits"):
            assert np.array_equal(getattr(found, name), getattr(kept, name)) or getattr(kept, name) is None
        plain = {"image": None, "thumbnail": None, "logits": None, "stamp": None, "stored": False}
        detail = found.detail.replace(r"\udce9", "\udce9")
        assert found._replace(**plain, detail=detail) == kept._replace(**plain)
        assert found.stored


@pytest.mark.parametrize("field", Stamp._fields)
def test_a_file_whose_stamp_differs_is_not_unchanged(ledger: Open, field: str) -> None:
    """One of size, times and inode is enough."""
    opened = ledger()
    opened.keep([DIGIT])
    assert opened.unchanged("a.png", STAMP)
    assert not opened.unchanged("a.png", STAMP._replace(**{field: 7}))
    assert not opened.unchanged("other.png", STAMP)


def test_the_same_name_below_another_folder_is_another_file(ledger: Open) -> None:
    """One results folder may serve two folders of scans."""
    ledger().keep([DIGIT])
    assert not ledger(root="/elsewhere").unchanged("a.png", STAMP)


def test_a_known_content_is_found_under_any_name(ledger: Open) -> None:
    """A renamed file has its pages; what is new has none. Another process can be told which are there."""
    opened = ledger()
    opened.keep([DIGIT, BROKEN])
    (page,) = opened.recall("renamed.png", DIGIT.sha256)
    assert (page.file, page.stored) == ("renamed.png", True)
    assert opened.recall("renamed.png", "ef" * 32) == []
    reader = pickle.loads(pickle.dumps(opened.reader()))
    for knows in (opened.knows, reader):
        assert knows([DIGIT.sha256, "ef" * 32, BROKEN.sha256]) == {DIGIT.sha256, BROKEN.sha256}
        assert not knows([])


@pytest.mark.parametrize("most", [10, 0])
def test_another_process_knows_what_is_kept_meanwhile(
    ledger: Open, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """And what was there before, however little of it it can remember; not what others have made."""
    monkeypatch.setattr("batch_classify.ledger._MOST", most)
    ledger(Edition.of("other versions", "the model")).keep([BLANK])
    opened = ledger()
    opened.keep([BROKEN])
    reader = pickle.loads(pickle.dumps(opened.reader()))
    everything = [DIGIT.sha256, BROKEN.sha256, BLANK.sha256]
    assert reader(everything) == {BROKEN.sha256}
    opened.keep([DIGIT])
    for _ in range(2):
        assert reader(everything) == {DIGIT.sha256, BROKEN.sha256}


def test_a_copy_is_unchanged_from_then_on(ledger: Open) -> None:
    """Of a file whose content is there, only the stamp is kept, and it has that content's pages."""
    opened = ledger()
    opened.keep([DIGIT])
    other = STAMP._replace(inode=43)
    opened.keep([], [Known("copy.png", DIGIT.sha256, other), Known("young.png", DIGIT.sha256, None)])
    (page,) = opened.unchanged("copy.png", other)
    assert np.array_equal(page.image, IMAGE)
    assert not opened.unchanged("young.png", other)


def test_without_a_stamp_only_the_content_is_known(ledger: Open) -> None:
    """A file read so soon after a touch that its times prove nothing is not unchanged by them."""
    opened = ledger()
    opened.keep([DIGIT._replace(stamp=None)])
    assert not opened.unchanged("a.png", STAMP)
    assert opened.recall("a.png", DIGIT.sha256)


def test_what_could_not_be_read_is_not_kept(ledger: Open) -> None:
    """An error that may pass is tried again; one of the content is not."""
    opened = ledger()
    opened.keep([VANISHED, BROKEN])
    assert not opened.unchanged("c.png", STAMP)
    assert opened.unchanged("b.tif", STAMP)[0].reason is Reason.UNREADABLE


def test_another_model_sees_the_pages_and_not_the_answer(ledger: Open) -> None:
    """Nothing is decoded again; each model's answer stays for when it is used again."""
    ledger().keep([DIGIT])
    other = ledger(Edition.of("these versions", "another model"))
    (page,) = other.unchanged("a.png", STAMP)
    assert page.logits is None
    assert not page.stored
    other.keep([page._replace(logits=-LOGITS)])
    assert np.array_equal(other.unchanged("a.png", STAMP)[0].logits, -LOGITS)
    assert np.array_equal(ledger().unchanged("a.png", STAMP)[0].logits, LOGITS)


def test_other_versions_see_nothing(ledger: Open) -> None:
    """Another decoder might read the file otherwise. What it stores takes the place of the old."""
    ledger().keep([DIGIT])
    other = ledger(Edition.of("other versions", "this model"))
    assert not other.unchanged("a.png", STAMP)
    other.keep([DIGIT])
    assert other.unchanged("a.png", STAMP)
    assert not ledger().unchanged("a.png", STAMP)
    assert not ledger().knows([DIGIT.sha256])


def test_of_what_other_versions_stored_no_page_stays(ledger: Open) -> None:
    """Also where they found more pages in a file, and its answers go with them."""
    ledger().keep([BLANK, BROKEN])
    other = ledger(Edition.of("other versions", "this model"))
    other.keep([BLANK])
    assert [page.page for page in other.recall("b.tif", BLANK.sha256)] == [1]
    connection = sqlite3.connect(other._path)
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("pages", "answers")
    ]
    connection.close()
    assert counts == [(1,), (1,)]


def test_fresh_finds_nothing_and_keeps_all(ledger: Open) -> None:
    """Stored answers are ignored, not deleted, and the new ones are there for the next run."""
    ledger().keep([DIGIT])
    fresh = ledger(fresh=True)
    assert not fresh.unchanged("a.png", STAMP)
    assert not fresh.recall("a.png", DIGIT.sha256)
    assert not fresh.knows([DIGIT.sha256])
    assert not fresh.reader()([DIGIT.sha256])
    assert ledger().unchanged("a.png", STAMP)
    fresh.keep([BLANK, BROKEN])
    assert len(ledger().unchanged("b.tif", STAMP)) == 2


def rubbish(path: Path) -> None:
    """Write something else over the ledger."""
    path.write_bytes(b"no database" * 1000)


def cut_short(path: Path) -> None:
    """Leave half of the ledger."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped_bit(path: Path) -> None:
    """Flip a bit in a picture, where the database itself does not notice."""
    data = bytearray(path.read_bytes())
    data[data.index(THUMBNAIL.tobytes()[200:250])] ^= 1
    path.write_bytes(data)


def without_a_table(path: Path) -> None:
    """Drop a table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE files")


def of_another_version(path: Path) -> None:
    """Say that a later program wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("damage", [rubbish, cut_short, flipped_bit, without_a_table, of_another_version])
def test_a_damaged_ledger_is_set_aside_and_begun_anew(
    tmp_path: Path, ledger: Open, warnings: list[str], damage: Callable[[Path], None]
) -> None:
    """Whatever the damage: a warning, nothing wrong is given, and what is kept from then on is found."""
    first = ledger()
    first.keep([DIGIT])
    first.close()
    damage(tmp_path / LEDGER)
    opened = ledger()
    assert opened.unchanged("a.png", STAMP) == []
    assert len(warnings) == 1
    assert DAMAGED in warnings[0]
    assert (tmp_path / DAMAGED).exists()
    opened.keep([DIGIT])
    assert opened.unchanged("a.png", STAMP)
    assert len(warnings) == 1


def test_a_reader_of_a_damaged_ledger_knows_nothing(tmp_path: Path, ledger: Open) -> None:
    """A worker then decodes; it is not for it to mend anything."""
    opened = ledger()
    opened.keep([DIGIT])
    reader = opened.reader()
    opened.close()
    rubbish(tmp_path / LEDGER)
    assert not reader([DIGIT.sha256])
    assert not (tmp_path / DAMAGED).exists()


def test_a_full_disk_is_no_damage(tmp_path: Path, ledger: Open, warnings: list[str]) -> None:
    """It ends the run as an output that cannot be written, and what was kept before is still there."""
    opened = ledger()
    opened.keep([DIGIT])
    (pages,) = opened._connection.execute("PRAGMA page_count").fetchone()
    opened._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JobError, match="full") as refusal:
        opened.keep([BLANK._replace(sha256=f"{number:064x}") for number in range(9)])
    assert refusal.value.code is ExitCode.OUTPUT
    assert ledger().unchanged("a.png", STAMP)
    assert warnings == []


def test_a_folder_in_its_place_is_an_output_error(tmp_path: Path, ledger: Open) -> None:
    """What cannot be opened at all is not set aside."""
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(JobError) as refusal:
        ledger()
    assert refusal.value.code is ExitCode.OUTPUT
    assert (tmp_path / LEDGER).is_dir()

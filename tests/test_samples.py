"""The sample folder: complete, readable, varied, and drawn again byte for byte."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_classify.decode import Page, decode, read
from batch_classify.scan import IMAGE_EXTENSIONS
from train.samples import LOOKS, ODD, SEED, main, write_samples

COMMITTED = Path(__file__).parents[1] / "digits"
FORMATS = {"PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM"}
MODES = {"1", "L", "P", "RGB", "RGBA", "I;16"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of samples, freshly drawn."""
    folder = tmp_path_factory.mktemp("drawn")
    write_samples(folder, SEED)
    return folder


@pytest.fixture(params=["drawn", "committed"])
def folder(request: pytest.FixtureRequest, drawn: Path) -> Path:
    """Return the samples as drawn now, and as they are in this project."""
    return drawn if request.param == "drawn" else COMMITTED


def labels(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's labels.csv."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file of a folder by its path below it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def scans(folder: Path) -> dict[str, bytes]:
    """Return the files that are pictures."""
    return {name: data for name, data in files(folder).items() if Path(name).suffix in IMAGE_EXTENSIONS}


def only_page(folder: Path, file: str) -> Page:
    """Return the one page of a file, as the job decodes it."""
    contents = read(folder / file)
    assert contents.data is not None
    (page,) = decode(contents.data)
    return page


def remarked(folder: Path, words: str) -> list[str]:
    """Return the files of which the folder's README says something."""
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.split("`")[1] for line in lines if line.startswith("- ") and words in line]


def test_drawing_twice_gives_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    """The same seed writes the same files."""
    write_samples(tmp_path, SEED)
    assert files(tmp_path) == files(drawn)


def test_the_name_does_not_tell_the_digit(drawn: Path, tmp_path: Path) -> None:
    """Another seed gives the same names to other digits."""
    write_samples(tmp_path, SEED + 1)
    assert scans(tmp_path).keys() == scans(drawn).keys()
    digits, others = ([row["label"] for row in labels(folder)] for folder in (drawn, tmp_path))
    assert sum(one == other for one, other in zip(digits, others, strict=True)) < len(digits) / 3


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """What lies in the folder under another name stays there."""
    mine = tmp_path / "forms" / "mine.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    write_samples(tmp_path, SEED)
    assert mine.read_bytes() == b"mine"


def test_the_command_draws_the_samples_of_this_project(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a seed of its own, the command draws what is in `digits/`, and makes the folder."""
    monkeypatch.setattr(sys, "argv", ["samples", str(tmp_path / "new")])
    main()
    assert files(tmp_path / "new") == files(drawn)


def test_committed_files_are_those_drawn(drawn: Path) -> None:
    """The project's folder has every sample, no other file, and the labels of this generator."""
    assert files(COMMITTED).keys() == files(drawn).keys()
    assert labels(COMMITTED) == labels(drawn)


def test_every_page_has_a_row(folder: Path) -> None:
    """The table has one row for each page that the job finds, in order, and no other."""
    found = [(name, str(page.number or "")) for name, data in scans(folder).items() for page in decode(data)]
    assert [(row["file"], row["page"]) for row in labels(folder)] == found
    assert len(scans(folder)) == len(ODD) + 2 * len(LOOKS)


def test_every_page_decodes(folder: Path) -> None:
    """No sample is refused, and none comes out a single shade."""
    for name, data in scans(folder).items():
        for page in decode(data):
            assert page.grey is not None, (name, page.detail)
            assert np.ptp(page.grey) > 40, name


def test_labels_cover_all_digits(folder: Path) -> None:
    """Each digit appears five times or more, and two scans have no label."""
    counts = Counter(row["label"] for row in labels(folder))
    assert counts.pop("") == 2
    assert counts.keys() == set("0123456789")
    assert min(counts.values()) >= 5


def test_the_readme_names_what_has_no_label(folder: Path) -> None:
    """A person finds out why a row of the table is empty."""
    odd = [row["file"] for row in labels(folder) if not row["label"]]
    assert odd == remarked(folder, "blank") + remarked(folder, "two digits")


def test_two_pages_show_two_digits(folder: Path) -> None:
    """The file with two pages has a label for each, and they differ."""
    (file,) = remarked(folder, "two pages")
    first, second = [row["label"] for row in labels(folder) if row["file"] == file]
    assert first != second


def test_the_samples_are_varied(folder: Path) -> None:
    """Every format, depth and size that the job should be tried on is there, in few bytes."""
    formats, modes, sides = set(), set(), set()
    for name in scans(folder):
        with Image.open(folder / name) as image:
            formats.add(image.format)
            modes.add(image.mode)
            sides |= {*image.size}
    assert formats == FORMATS
    assert modes >= MODES
    assert (min(sides), max(sides)) == (28, 400)
    assert sum(map(len, files(folder).values())) < 1_000_000


def test_polarities_are_mixed(folder: Path) -> None:
    """Most scans are dark on light, and some light on dark."""
    pages = [page.grey for data in scans(folder).values() for page in decode(data)]
    dark = sum(page is not None and np.median(page) < 128 for page in pages)
    assert 5 <= dark <= len(pages) / 3


def test_sideways_scans_stand_up(folder: Path) -> None:
    """A scan stored lying down is upright once decoded, as its EXIF orientation says."""
    for file in remarked(folder, "lying"):
        page = only_page(folder, file)
        with Image.open(folder / file) as image:
            assert image.size == (page.height, page.width) != (page.width, page.height)


def test_transparent_scans_have_their_ink_in_alpha(folder: Path) -> None:
    """Without its alpha channel a canvas export is black all over."""
    for file in remarked(folder, "transparent"):
        with Image.open(folder / file) as image:
            assert image.convert("RGB").getextrema() == ((0, 0),) * 3
            assert image.getchannel("A").getextrema() == (0, 255)
        grey = only_page(folder, file).grey
        assert grey is not None
        assert np.count_nonzero(grey == 255) > grey.size / 2

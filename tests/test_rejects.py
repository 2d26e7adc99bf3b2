"""The measuring set of what is no digit, and how `benchmarks/rejects.py` measures."""

from __future__ import annotations

import ast
import sys
from argparse import Namespace
from pathlib import Path

import cv2
import glyphs
import nondigits
import numpy as np
import pandas as pd
import pytest
import rejects
import remains
from nondigits import BLANKS, DIGITS, KINDS, LETTERS, LIKE, PAIRS, Kind, examples, of_scans
from pairs import SPACINGS, Ink, contact, joined, strokes
from papers import PAPERS, Picture, image, inked, placed

from batch_classify.row import Status

LINED = {"ruled", "squared", "dotted"}  # papers on which something is printed

every = pytest.mark.parametrize("name", KINDS)


def rng(seed: int = 0) -> np.random.Generator:
    """A source of chance."""
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of twelve cells, 0 and 1 in type on grainy paper, and as many in black frames."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(12):
        text = str(number % 2)
        mask = np.pad(cv2.resize(glyphs.typeset(text, glyphs.some_font(rng(number))), (60, 80)), 20)
        paper = rng(number).normal(235, 3, mask.shape)
        cell = np.where(mask > 127, 60, paper).clip(0, 255).astype(np.uint8)
        framed = cell.copy()
        cv2.rectangle(framed, (3, 3), (cell.shape[1] - 4, cell.shape[0] - 4), 0, 3)
        for name, picture in (("plain", cell), ("framed", framed)):
            place = folder / name / text / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place), picture)
    return folder


def contrast(picture: Picture) -> float:
    """How far the most different pixels are from the paper around them, 0 to 1, leaving grain aside."""
    grey = cv2.blur(picture.mean(axis=2), (3, 3))
    away = np.abs(grey - remains.smooth(picture).mean(axis=2))
    return float(np.percentile(away, 99.5))


@every
def test_each_kind_has_as_many_as_asked_for(name: str) -> None:
    """The pictures are as many as one wants, in three colours from 0 to 1, and no two the same."""
    pictures = list(examples(name, KINDS[name], 2, 0))
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.min() >= 0
        assert picture.max() <= 1
    if name != "blank, white":
        assert len({image(picture).tobytes() for picture in pictures}) == 2


@every
def test_the_seed_decides(name: str) -> None:
    """The same seed draws the same bytes, and another seed others."""
    first, again, other = (
        b"".join(image(picture).tobytes() for picture in examples(name, KINDS[name], 2, seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_more_begin_with_the_fewer() -> None:
    """A greater count adds pictures and leaves the first ones as they are."""
    few, many = (list(examples("ticks", KINDS["ticks"], count, 0)) for count in (2, 5))
    assert all(np.array_equal(one, other) for one, other in zip(few, many, strict=False))


@pytest.mark.parametrize("paper", [paper for paper in PAPERS if paper not in LINED])
def test_blanks_hold_no_strong_ink(paper: str) -> None:
    """Paper without a print on it has nowhere anything like a stroke."""
    name = f"blank, {paper}"
    assert max(contrast(picture) for picture in examples(name, KINDS[name], 12, 3)) < 0.2


@pytest.mark.parametrize(
    "name", [name for name in KINDS if KINDS[name].group in (DIGITS, LETTERS, LIKE, PAIRS)]
)
def test_what_is_written_can_be_seen(name: str) -> None:
    """Type stands out from its paper in every picture."""
    assert min(contrast(picture) for picture in examples(name, KINDS[name], 12, 3)) > 0.1


@pytest.mark.parametrize(("side", "name"), [(20, "blank, 20 px"), (400, "blank, 400 px")])
def test_blanks_of_a_size(side: int, name: str) -> None:
    """The kinds that are named by a size have it."""
    assert all(picture.shape[:2] == (side, side) for picture in examples(name, KINDS[name], 4, 0))


def test_letters_are_none_that_look_like_digits() -> None:
    """No letter counts that can be taken for a digit, and those told apart are not counted as letters."""
    counted = set(glyphs.CAPITALS + glyphs.SMALL)
    assert not counted & set("OoDQqCcIiLlJjSsZzBbgGyYTtrUuaf")
    assert not counted & set(glyphs.LOOKALIKES)
    assert LIKE not in nondigits.OTHERS


def test_there_is_a_font_without_any_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no fonts there is still the one inside Pillow."""
    monkeypatch.setattr(glyphs, "folders", list)
    assert list(glyphs.families.__wrapped__()) == ["built in"]


def test_what_is_no_font_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that only has a font's name does no harm."""
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(glyphs, "folders", lambda: [tmp_path])
    assert list(glyphs.families.__wrapped__()) == ["built in"]


def test_ink_is_where_the_cover_is() -> None:
    """On white paper, what is covered is darker than what is not."""
    cover = placed(rng(), np.pad(np.full((40, 40), 255, np.uint8), 10))
    picture = inked(rng(), cover, ("white",)).mean(axis=2)
    assert picture[cover == 1].mean() < 0.6 < picture[cover == 0].mean()


def bar(margin: int = 0) -> Ink:
    """The ink of a bar of 20×12 with so much room on either side."""
    return np.pad(np.full((20, 12, 3), 0.8, np.float32), ((0, 0), (margin, margin), (0, 0)))


@pytest.mark.parametrize(("spacing", "pieces", "columns"), [(SPACINGS[0], 2, 24), (SPACINGS[1], 1, 23)])
def test_apart_and_touching(spacing: str, pieces: int, columns: int) -> None:
    """Two bars with a gap are two pieces, and where they touch they are one, with one column in common."""
    both = strokes(joined(rng(), bar(), bar(), spacing))
    assert cv2.connectedComponents(both.astype(np.uint8))[0] - 1 == pieces
    assert int(both.any(axis=0).sum()) == columns


def test_overlapping() -> None:
    """Two bars that overlap share a little, and most of each is still seen."""
    shared = {24 - joined(rng(seed), bar(), bar(), SPACINGS[2]).shape[1] for seed in range(20)}
    assert shared <= {2, 3, 4}
    assert len(shared) > 1


def test_contact_is_of_the_strokes_and_not_of_the_boxes() -> None:
    """Bars that stand in wider fields touch with their strokes."""
    assert contact(bar(3), bar(3)) == 11  # 14, the left bar's last column, less 3, the right one's first


def test_emptied_scans_are_empty(scans: Path) -> None:
    """Nothing like a stroke is left in the middle, and the frame stays as it is."""
    for name in ("plain", "framed"):
        for path in sorted((scans / name).rglob("*.png")):
            before, after = remains.opened(path), remains.emptied(path, rng())
            assert after is not None
            inside = np.s_[12:-12, 12:-12]
            assert np.ptp(before[inside]) > 0.5
            assert np.ptp(after[inside]) < 0.15
            if name == "framed":
                assert np.array_equal(after[3:6, 3:-3], before[3:6, 3:-3])


def test_a_digit_across_its_frame_is_left_out(tmp_path: Path) -> None:
    """A stroke that runs into the frame cannot be taken out, and nothing comes of that scan."""
    cell = np.full((100, 80), 240, np.uint8)
    cv2.rectangle(cell, (0, 0), (79, 99), 0, 3)
    cv2.line(cell, (40, 0), (40, 99), 0, 4)
    cv2.imwrite(str(tmp_path / "cell.png"), cell)
    assert remains.emptied(tmp_path / "cell.png", rng()) is None


def test_what_scans_make(scans: Path) -> None:
    """Each set gives its scans emptied, each once, and all together give pairs of each spacing."""
    kinds = of_scans(scans, 0)
    assert set(kinds) == {"emptied, plain", "emptied, framed"} | {
        f"two real digits, {one}" for one in SPACINGS
    }
    assert kinds["emptied, plain"].group == BLANKS
    assert kinds["emptied, framed"].group == nondigits.CELLS
    counts = {name: len(list(examples(name, kind, 20, 0))) for name, kind in kinds.items()}
    assert counts == {name: 12 if name.startswith("emptied") else 20 for name in kinds}


def test_a_kind_that_cannot_be_made_ends() -> None:
    """Where no picture comes of any try, there are none, and no endless search."""
    assert not list(examples("none", Kind(BLANKS, lambda rng, number: None), 3, 0))


def test_files_lie_by_kind(tmp_path: Path) -> None:
    """Each kind has a subfolder of its own with its pictures as they were drawn."""
    kinds = {name: KINDS[name] for name in ("ticks", "blank, grey")}
    rejects.write(tmp_path, kinds, 2, 0)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert files == [f"{name}/000{number}.png" for name in ("blank, grey", "ticks") for number in (0, 1)]


def test_the_sheet_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    """The examples of the kinds fit into a megabyte."""
    rejects.show(tmp_path / "sheet.png", {name: KINDS[name] for name in ("noise", "ticks")}, 0)
    assert 1000 < (tmp_path / "sheet.png").stat().st_size <= rejects.LARGEST_SHEET


def results(scores: list[float | None]) -> pd.DataFrame:
    """What the job says of two digits and three blanks, with these scores."""
    return pd.DataFrame(
        {
            "kind": ["mine", "mine", "white", "white", "grey"],
            "group": [DIGITS, DIGITS, BLANKS, BLANKS, BLANKS],
            "status": [Status.OK, Status.REVIEW, Status.REJECTED, Status.REJECTED, Status.OK],
            "reason": ["", "low_confidence", "blank", "blank", ""],
            rejects.SCORE: pd.array(scores, "Float64"),
        }
    )


def test_figures_count_what_became_of_them() -> None:
    """The shares are of the statuses, between them the interval of what was caught."""
    blanks = results([None] * 5)[2:]
    n, caught, interval, review, ok = rejects.figures(blanks)
    assert (n, caught, review, ok) == ("3", "66.7%", "0.0%", "33.3%")
    assert interval == "20.8% to 93.9%"
    assert rejects.reasons(blanks) == "blank 2"


def test_without_scores_there_is_a_dash() -> None:
    """A table without the column, or with it empty, gives no area; else errors, which have none, stay out."""
    cases: list[tuple[list[float | None], str]] = [
        ([None] * 5, "-"),
        ([0.1, 0.3, 1.0, 1.0, 0.2], "0.8333"),
        ([0.1, None, 1.0, 1.0, 1.0], "1.0000"),
    ]
    for scores, shown in cases:
        frame = results(scores)
        assert rejects.separated(frame[2:], frame[:2]) == shown


def test_the_whole_way(fake_model: Path, scans: Path, tmp_path: Path) -> None:
    """The job reads what was drawn, each picture in the row of its kind, the digits being the scans."""
    kinds = {"blank, white": KINDS["blank, white"], **of_scans(scans, 0)}
    options = Namespace(scans=scans, model=fake_model, count=2, seed=0)
    frame = rejects.measured(options, kinds, tmp_path / "drawn")
    assert frame.groupby("kind").size().to_dict() == {"plain": 12, "framed": 12} | dict.fromkeys(kinds, 2)
    assert frame["group"].iloc[0] == DIGITS
    assert set(frame["status"][frame["kind"] == "blank, white"]) == {"rejected"}
    assert rejects.by_group(frame).row_count == 9
    assert rejects.by_kind(frame).row_count == 2 + len(kinds)


def test_nothing_of_the_training_draws_here() -> None:
    """No module that draws imports `train`; of it the benchmark takes nothing but the interval."""
    used = {}
    for module in (nondigits, rejects, *(sys.modules[name] for name in drawing())):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
        used[module.__name__] = {name for name in names if name.split(".")[0] == "train"}
    assert used.pop("rejects") == {"train.statistics"}
    assert not any(used.values())


def drawing() -> list[str]:
    """The modules beside the benchmark that draw."""
    return ["boxes", "glyphs", "pairs", "papers", "remains", "scenes", "scribbles"]

"""What is compiled does to any pixels what OpenCV and NumPy do to them, more slowly."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from batch_classify import compiled
from batch_classify.compiled import Plane
from batch_classify.stamp import Stamp

sides = st.integers(1, 70)
planes = st.tuples(sides, sides).flatmap(lambda shape: arrays(np.uint8, shape))
masks = planes.map(lambda plane: np.asarray(plane > 100, np.uint8))


@given(planes, st.floats(0, 1))
def test_a_quantile_is_a_level_that_a_share_does_not_exceed(plane: Plane, share: float) -> None:
    """It is the least such level, of all of them and of those under a mask."""
    mask = np.asarray(plane % 3 == 0, np.uint8)
    for values, level in (
        (plane.ravel(), compiled.quantile(plane, share)),
        (plane[mask > 0], compiled.quantile(plane, share, mask)),
    ):
        ranked = np.sort(values)
        place = max(0, int(np.ceil(share * len(ranked))) - 1)
        assert level == (ranked[place] if len(ranked) else 0)


@given(planes)
def test_otsus_level_is_that_of_opencv(plane: Plane) -> None:
    """What is surely ink is told by it, and so is the paper's floor."""
    otsu = int(cv2.threshold(plane, 0, 255, cv2.THRESH_OTSU)[0])
    floor, weak, strong = compiled.levels(plane, 1)
    sure = cv2.dilate((plane > otsu).astype(np.uint8), np.ones((3, 3), np.uint8))
    assert strong == max(otsu, 10)
    assert floor == compiled.quantile(plane, 0.9, np.asarray(1 - sure, np.uint8))
    assert 1 <= weak <= max(1, strong // 2)


@given(planes)
def test_the_variation_is_the_sum_of_all_slopes(plane: Plane) -> None:
    """Around the plane nothing is inked."""
    levels = np.pad(plane, 1).astype(np.float64)
    slopes = np.hypot(levels[:-1, 1:] - levels[:-1, :-1], levels[1:, :-1] - levels[:-1, :-1])
    assert compiled.variation(plane) == pytest.approx(slopes.sum(), rel=1e-5)


@given(masks)
def test_half_a_width_is_opencvs_distance(mask: Plane) -> None:
    """The px farthest from the edge of the mask is as far as OpenCV says."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    assert compiled.half_width(mask) == pytest.approx(distances.max(), abs=1e-3)


@given(planes)
def test_separability_is_the_share_of_variance_between_two_classes(plane: Plane) -> None:
    """Otsu's measure, from 0 to 1."""
    otsu = cv2.threshold(plane, 0, 255, cv2.THRESH_OTSU)[0]
    lower, upper = plane[plane <= otsu].astype(float), plane[plane > otsu].astype(float)
    share = compiled.separability(plane)
    if not lower.size or not upper.size:
        assert share == 0
    else:
        between = lower.size * upper.size / plane.size**2 * (upper.mean() - lower.mean()) ** 2
        assert share == pytest.approx(between / plane.var(), abs=1e-6)


@given(planes)
def test_the_steepest_slope_is_sobels(plane: Plane) -> None:
    """All but a fiftieth of the slopes do not exceed it, by a level of rounding."""
    slopes = (cv2.Sobel(plane, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    steep = np.asarray(cv2.convertScaleAbs(cv2.magnitude(*slopes)), np.uint8)
    assert abs(compiled.steepest(plane) - compiled.quantile(steep, 0.98)) <= 1


def scaled(plane: Plane, side: int) -> Plane:
    """Scale a plane until its longer side is so long."""
    scale = side / max(plane.shape)
    size = [max(1, round(length * scale)) for length in plane.shape[::-1]]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size, interpolation=way), np.uint8)


def pictured(glyph: Plane) -> Plane:
    """Make the model's picture of a glyph with OpenCV."""
    width = 2 * int(glyph.sum()) / max(1, compiled.variation(glyph)) * 20 / max(glyph.shape)
    if width < 1.5:
        reach = max(1, round(3 * (2 - width) / 2))
        nib = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        wide = cv2.copyMakeBorder(scaled(glyph, 60 - 2 * reach), *[reach] * 4, cv2.BORDER_CONSTANT, value=0)
        glyph = np.asarray(cv2.dilate(wide, nib), np.uint8)
    small = scaled(glyph, 20)
    inked = small[small > 0]
    if inked.size and (inked < 240).sum() >= np.ceil(0.9 * inked.size):
        small = np.asarray(cv2.convertScaleAbs(small, alpha=255 / compiled.quantile(inked, 0.9)), np.uint8)
    picture = np.zeros((28, 28), np.uint8)
    if inked.size:
        middle = (np.indices(small.shape) * small).sum((1, 2)) / small.sum()
        places = zip(middle, small.shape, strict=True)
        top, left = (min(max(round(14 - place), 0), 28 - length) for place, length in places)
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


@given(planes, st.integers(0, 255), st.integers(0, 255))
def test_the_models_picture_is_that_of_opencv(plane: Plane, least: int, most: int) -> None:
    """Enlarged or reduced, thickened, stretched and put in the middle, to the byte."""
    glyph = np.asarray(np.where(plane < least, 0, np.minimum(plane, most)), np.uint8)
    assert np.array_equal(compiled.picture_of(glyph), pictured(glyph))


@pytest.mark.parametrize(
    "shape", [(20, 9), (100, 40), (40, 40), (60, 33), (7, 21), (200, 3), (3, 700), (1, 1)]
)
@pytest.mark.parametrize("blur", [0.0, 2.0])
def test_a_picture_of_any_shape_is_that_of_opencv(shape: tuple[int, int], blur: float) -> None:
    """By whole factors and others, strokes thin and broad."""
    rng = np.random.default_rng([*shape, int(blur)])
    glyph = np.asarray((rng.random(shape) < 0.3) * rng.integers(0, 256, shape), np.uint8)
    glyph = np.asarray(cv2.GaussianBlur(glyph, (0, 0), blur) if blur else glyph, np.uint8)
    assert np.array_equal(compiled.picture_of(glyph), pictured(glyph))


@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(20)), elements=st.integers(1, 255)))
def test_a_picture_that_is_made_already_is_told(glyph: Plane) -> None:
    """A glyph of the right size in its place is; moved aside, or larger, it is not."""
    picture = compiled.picture_of(glyph)
    assert compiled.is_prepared(picture) == (cv2.boundingRect(picture)[2] == 20)
    assert not compiled.is_prepared(np.roll(picture, 3, axis=0))
    assert not compiled.is_prepared(np.pad(picture, 1))


@given(masks, st.integers(0, 254))
def test_components_are_weighed(mask: Plane, strong: int) -> None:
    """Each has the sum of its ink, and is held if some of it is strong; with labels of either depth."""
    ink = np.asarray(np.random.default_rng(0).integers(0, 256, mask.shape), np.uint8)
    for depth in (cv2.CV_16U, cv2.CV_32S):
        count, labels = cv2.connectedComponents(mask, ltype=depth)
        inks, held = compiled.weigh(np.asarray(labels), ink, strong, count)
        for label in range(1, count):
            assert inks[label] == ink[labels == label].sum()
            assert bool(held[label]) == bool((ink[labels == label] > strong).any())
        assert inks[0] == held[0] == 0


@given(planes, st.integers(0, 255))
def test_ink_is_what_is_darker_or_lighter(plane: Plane, paper: int) -> None:
    """On paper of one level, whichever is more; stretched unless the paper is black or white."""
    ink, light = compiled.ink_on_flat_paper(plane, paper)
    signed = plane.astype(int) - paper
    assert light == (-signed.clip(max=0).sum() < signed.clip(min=0).sum())
    plain = (signed if light else -signed).clip(min=0)
    white = 255 - paper if light else paper
    scale = 255 / max(white, 45) if 0 < white < 255 else 1
    assert np.abs(ink - (plain * scale).clip(max=255)).max() <= 0.51


@pytest.mark.parametrize("turns", range(4))
def test_the_edge_of_a_frame_is_seen_from_any_side(turns: int) -> None:
    """A dark line along one side of a picture is found from there, and from nowhere else."""
    picture = np.full((40, 50), 200, np.uint8)
    picture[:2] = 60
    views = [np.rot90(picture, turn) for turn in range(4)]
    assert (compiled.edge(views[turns]) > 0) == (turns == 0)
    assert compiled.edge(np.rot90(views[turns], -turns)) > 0


def test_a_pale_line_through_everything_may_be_a_rule() -> None:
    """Level or upright, it is seen; a digit alone is none."""
    plane = np.zeros((60, 50), np.uint8)
    plane[20:40, 20:28] = 220
    assert not compiled.may_hold_faint_rules(plane)
    level, upright = plane.copy(), plane.copy()
    level[30] = np.maximum(level[30], 40)
    upright[:, 40] = np.maximum(upright[:, 40], 40)
    assert compiled.may_hold_faint_rules(level)
    assert compiled.may_hold_faint_rules(upright)


@given(planes)
def test_a_view_is_as_good_as_a_copy(plane: Plane) -> None:
    """Every second column, or rows and columns exchanged: what is seen counts, not how it lies."""
    mask = np.asarray(plane > 100, np.uint8)
    for view, part in ((plane[:, ::-2], mask[:, ::-2]), (plane.T, mask.T)):
        copy, parts = view.copy(), part.copy()
        assert compiled.quantile(view, 0.5, part) == compiled.quantile(copy, 0.5, parts)
        assert compiled.levels(view, 1) == compiled.levels(copy, 1)
        assert compiled.variation(view) == compiled.variation(copy)
        assert compiled.half_width(part) == compiled.half_width(parts)
        assert compiled.separability(view) == compiled.separability(copy)
        assert compiled.may_hold_faint_rules(view) == compiled.may_hold_faint_rules(copy)
        assert compiled.edge(view) == compiled.edge(copy)


@given(st.lists(st.integers(0, 900), max_size=30), st.integers(1, 100))
def test_pieces_of_a_file_are_gathered(starts: list[int], length: int) -> None:
    """Each from its start, in the order asked for, wherever the file's position is."""
    data = np.random.default_rng(5).integers(0, 256, 1000, np.uint8)
    with TemporaryFile() as file:
        file.write(data.tobytes())
        file.flush()
        pieces = compiled.gather(file.fileno(), np.array(starts, np.int64), length)
    assert pieces.shape == (len(starts), length)
    for start, piece in zip(starts, pieces, strict=True):
        assert np.array_equal(piece, data[start : start + length])


def test_a_piece_that_is_not_there_is_an_error() -> None:
    """A file that was cut short does not come as rubbish."""
    with TemporaryFile() as file, pytest.raises(OSError, match="not there"):
        compiled.gather(file.fileno(), np.array([0], np.int64), 10)


SIZES = st.lists(st.integers(0, 50), max_size=20)


@given(SIZES, st.integers(1, 400))
def test_small_files_are_read(sizes: list[int], room: int) -> None:
    """Each whole and with its stamp while there is room; what is empty, a folder or not there is left out."""
    rng = np.random.default_rng(6)
    with TemporaryDirectory() as place:
        paths = [Path(place, f"é {number}") for number in range(len(sizes))]
        contents = [rng.integers(0, 256, size, np.uint8).tobytes() for size in sizes]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        names = [*map(str, paths), place, f"{place}/none"]
        data, found = compiled.read_small(names, room)
        assert [start for start, *_ in found[-2:]] == [-1, -1]
        used = 0
        for path, content, (start, *stamp) in zip(paths, contents, found[:-2], strict=True):
            if 0 < len(content) < room - used:
                assert data[start : start + len(content)].tobytes() == content
                assert Stamp._make(stamp) == Stamp.of(path.stat())
                assert start == used
                used += len(content)
            else:
                assert start == -1


def test_far_times_are_as_python_has_them(tmp_path: Path) -> None:
    """A camera's clock may be in the next century but one."""
    file = tmp_path / "a"
    file.write_bytes(b"1")
    os.utime(file, ns=(1, 10_400_000_000_000_000_000))
    ((_, *stamp),) = compiled.read_small([str(file)], 10)[1]
    assert Stamp._make(stamp) == Stamp.of(file.stat())


def test_no_files_are_read() -> None:
    """Without paths there is nothing to tell."""
    assert compiled.read_small([], 10)[1] == []


def test_without_what_was_compiled_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was not compiled, the error names the file and says what to do."""
    monkeypatch.setattr(compiled.sysconfig, "get_config_var", lambda name: ".none")
    with pytest.raises(ImportError, match=r"_compiled\.none is missing .* install batch-classify again"):
        compiled.load()

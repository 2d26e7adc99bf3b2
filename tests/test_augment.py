"""Varied training pictures in `train.augment`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from batch_classify.preprocess import preprocess
from train import augment as module
from train.augment import augment
from train.generator import batch

Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

MIDDLE = 14.0  # where `preprocess` puts the centre of mass, as a pixel index


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: on a busy machine its threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Return sixty preprocessed digits, float32 [60, 28, 28] from 0 to 255."""
    drawn, _ = batch(60, np.random.default_rng(1), 64)
    return torch.from_numpy(np.stack([preprocess(picture).image for picture in drawn])).float()


def varied(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Augment with a generator of the given seed."""
    return augment(images, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_shape_type_and_range_stay(images: torch.Tensor, n: int, seed: int) -> None:
    """What comes out could be a picture again: float32 [n, 28, 28] from 0 to 255."""
    result = varied(images[:n], seed)
    assert result.shape == (n, 28, 28)
    assert result.dtype == torch.float32
    assert 0 <= result.min() <= result.max() <= 255
    assert result.max() > 100


def test_the_generator_alone_decides(images: torch.Tensor) -> None:
    """The same seed varies alike, whatever torch's own random state; another seed does not."""
    torch.manual_seed(1)
    first = varied(images, 5)
    torch.manual_seed(2)
    assert torch.equal(first, varied(images, 5))
    assert not torch.equal(first, varied(images, 6))


def test_every_picture_changes_and_the_original_stays(images: torch.Tensor) -> None:
    """No picture comes out as it went in, the input is left alone, and nothing asks for gradients."""
    before = images.clone()
    result = varied(images)
    assert torch.all((result - images).abs().amax(dim=(1, 2)) > 10)
    assert torch.equal(images, before)
    assert not result.requires_grad


def test_equal_pictures_are_varied_each_in_its_own_way(images: torch.Tensor) -> None:
    """A batch of one picture over and over comes out as different pictures."""
    result = varied(images[:1].repeat(20, 1, 1))
    assert len(torch.unique(result, dim=0)) == 20


@pytest.mark.parametrize("seed", range(5))
def test_the_ink_stays_and_stays_in_the_middle(images: torch.Tensor, seed: int) -> None:
    """No digit fades away or leaves the middle by 4 pixels, and together they lean nowhere."""
    result = varied(images, seed)
    ink = result.sum(dim=(1, 2))
    assert torch.all(ink > 0.2 * images.sum(dim=(1, 2)))
    assert torch.all(result.amax(dim=(1, 2)) > 40)
    places = torch.arange(28.0)
    for axis in (1, 2):
        centre = (result.sum(dim=axis) * places).sum(dim=1) / ink
        assert torch.all((centre - MIDDLE).abs() < 4)
        assert abs(centre.mean() - MIDDLE) < 0.5


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every picture suffer the rougher changes."""
    monkeypatch.setattr(module, "_RARELY", 1.0)


ROUGH = [module._hollow, module._cross, module._speckle]


@pytest.mark.parametrize("change", ROUGH)
def test_rough_changes_are_rare(images: torch.Tensor, change: Change) -> None:
    """A few of many pictures suffer each, and the others stay as they were."""
    many = images.repeat(20, 1, 1).unsqueeze(1) / 255
    changed = change(many, torch.Generator().manual_seed(0))
    share = (changed != many).flatten(1).any(1).float().mean()
    assert 0.02 < share < 0.1


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("change", ROUGH)
def test_rough_changes_keep_the_range(images: torch.Tensor, change: Change) -> None:
    """Ink stays between none and full."""
    changed = change(images.unsqueeze(1) / 255, torch.Generator().manual_seed(0))
    assert 0 <= changed.min() <= changed.max() <= 1


@pytest.mark.usefixtures("always")
def test_hollow_strokes() -> None:
    """A stroke becomes bare, and the ring of pixels around it ink."""
    before = torch.zeros(3, 1, 28, 28)
    before[..., 5:23, 12:16] = 1
    after = module._hollow(before, torch.Generator().manual_seed(0))
    around = torch.zeros(3, 1, 28, 28)
    around[..., 4:24, 11:17] = 1
    assert torch.equal(after, around - before)


@pytest.mark.usefixtures("always")
def test_stray_lines_only_add_ink(images: torch.Tensor) -> None:
    """A line takes no ink away, and runs through at least half of the rows or of the columns."""
    before = images.unsqueeze(1) / 255
    added = module._cross(before, torch.Generator().manual_seed(0)) - before
    assert added.min() >= 0
    bare = module._cross(torch.zeros_like(before), torch.Generator().manual_seed(0)).squeeze(1) > 0
    reach = torch.maximum(bare.any(1).sum(1), bare.any(2).sum(1))
    assert (reach >= 10).float().mean() > 0.9


@pytest.mark.usefixtures("always")
def test_specks_are_black_or_white(images: torch.Tensor) -> None:
    """What has changed is full ink or none, about as often, in a tenth of the pixels on average."""
    grey = torch.full((200, 1, 28, 28), 0.5)
    changed = module._speckle(grey, torch.Generator().manual_seed(0))
    specks = changed[changed != 0.5]
    assert set(specks.tolist()) == {0.0, 1.0}
    assert abs(specks.mean() - 0.5) < 0.05
    assert abs(len(specks) / grey.numel() - 0.1) < 0.02


def test_gentle_changes_bend_alone(images: torch.Tensor) -> None:
    """Only the shape varies: nothing but `_bend` draws from the generator."""
    gentle = augment(images, torch.Generator().manual_seed(3), gentle=True)
    bent = module._bend(images.unsqueeze(1) / 255, torch.Generator().manual_seed(3)).squeeze(1) * 255
    assert torch.equal(gentle, bent.clamp(0, 255))
    assert not torch.equal(gentle, varied(images, 3))

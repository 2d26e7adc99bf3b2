"""The recipes and the data that `train.presets` gives each network."""

from __future__ import annotations

import pytest

from batch_classify.errors import ExitCode, JobError
from train.architectures import ARCHITECTURES, DEFAULT
from train.presets import arch_of, data_of, nondigits_of, recipe_of

TUTORIALS = [name for name in ARCHITECTURES if not name.startswith("vgg-")]


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size"),
    [
        ("mlp-4", 10, 64),
        ("mlp-128-64", 5, 64),
        ("mlp-128-128", 3, 64),
        ("cnn-3", 10, 32),
        ("cnn-2", 10, 64),
    ],
)
def test_a_tutorials_network_is_trained_as_there(name: str, epochs: int, batch_size: int) -> None:
    """Adam at a constant rate on MNIST as it is, and no averaging."""
    recipe = recipe_of(name, None)
    assert (recipe.epochs, recipe.batch_size, recipe.lr) == (epochs, batch_size, 1e-3)
    assert (recipe.optimiser, recipe.schedule, recipe.weight_decay) == ("adam", "constant", 0)
    assert recipe.augment == "none" and not recipe.ema
    assert data_of(name) == ("mnist",)


def test_how_many_scans_without_a_digit() -> None:
    """The networks for real scans get a judge unless time is short; the tutorials' have none."""
    assert nondigits_of(DEFAULT, None) == nondigits_of("vgg-tiny", "best") == 20_000
    assert nondigits_of("vgg-tiny", "quick") == nondigits_of("cnn-2", None) == 0


def test_each_tutorial_is_covered() -> None:
    """No network of the tutorials falls back on our recipe by mistake."""
    assert {recipe_of(name, None).optimiser for name in TUTORIALS} == {"adam"}


def test_the_presets_of_ours() -> None:
    """Standard is the default with 30 epochs; quick takes less, best more, and refine a few gentle ones."""
    quick, standard, best = (recipe_of(DEFAULT, preset) for preset in ("quick", "standard", "best"))
    assert standard == recipe_of(DEFAULT, None) == recipe_of("unnamed", None)
    assert quick.epochs < standard.epochs == 60 < best.epochs
    refine = recipe_of(DEFAULT, "refine", fine_tune=True)
    assert (refine.epochs, refine.augment, refine.lr) == (6, "gentle", pytest.approx(1e-3))
    assert data_of(DEFAULT) == data_of("vgg-tiny") == ("mnist", "synthetic")
    assert [arch_of(preset) for preset in ("quick", None, "standard", "best")] == ["vgg-tiny", *3 * [DEFAULT]]


@pytest.mark.parametrize("name", [DEFAULT, "cnn-2"])
def test_ones_own_values_come_first(name: str) -> None:
    """What is given replaces the preset's value, what is None does not, and 0 is a value."""
    recipe = recipe_of(name, None, epochs=7, batch_size=None, lr=0.0, seed=3)
    assert (recipe.epochs, recipe.lr, recipe.seed) == (7, 0, 3)
    assert recipe.batch_size == recipe_of(name, None).batch_size


def test_fine_tuning_is_gentle() -> None:
    """A trained network starts at a tenth of the rate, unless one is given."""
    assert recipe_of(DEFAULT, None, fine_tune=True).lr == pytest.approx(recipe_of(DEFAULT, None).lr / 10)
    assert recipe_of(DEFAULT, None, fine_tune=True, lr=0.5).lr == 0.5


@pytest.mark.parametrize(
    ("name", "preset", "message"),
    [(DEFAULT, "slow", "quick, standard, best, refine"), ("cnn-2", "quick", "--epochs")],
)
def test_presets_that_there_are_not(name: str, preset: str, message: str) -> None:
    """The message names the preset, and what to do instead."""
    with pytest.raises(JobError, match=f"--preset {preset}.*{message}") as caught:
        recipe_of(name, preset)
    assert caught.value.code is ExitCode.USAGE

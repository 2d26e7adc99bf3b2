"""Networks from their descriptions in `batch_classify.network`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from batch_classify.network import Cascade, Normalise, build, turned

NORMALISE = {"layer": "normalise", "mean": 33.0, "std": 78.0}
FLATTEN = {"layer": "flatten"}
TEN = {"layer": "linear", "out_features": 10}
POOL = {"layer": "max_pool", "kernel_size": 2}


def some_images(n: int) -> torch.Tensor:
    """Return random pictures, uint8 [n, 28, 28]."""
    return torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize(
    "layers",
    [
        [NORMALISE, FLATTEN, TEN],
        [NORMALISE, POOL, FLATTEN, TEN],
        [NORMALISE, {"layer": "average_pool", "kernel_size": 4}, FLATTEN, {"layer": "relu"}, TEN],
        [
            NORMALISE,
            {"layer": "conv", "out_channels": 3, "kernel_size": 5, "stride": 2},
            {"layer": "batch_norm"},
            {"layer": "dropout", "p": 0.5},
            FLATTEN,
            TEN,
        ],
    ],
    ids=lambda layers: "-".join(layer["layer"] for layer in layers) if isinstance(layers, list) else None,
)
def test_layers_make_a_network(layers: list[dict[str, Any]], n: int) -> None:
    """It gives ten logits a picture, and always the same ones: it is in evaluation mode."""
    network = build(layers)
    logits = network(some_images(n))
    assert (logits.shape, logits.dtype) == ((n, 10), torch.float32)
    assert torch.equal(logits, network(some_images(n)))
    assert not any(torch.nn.parameter.is_lazy(parameter) for parameter in network.parameters())


def test_pixels_are_normalised() -> None:
    """Grey levels lose the mean and are divided by the deviation; bright ones do not wrap round."""
    images = torch.full((2, 28, 28), 255, dtype=torch.uint8)
    normal = Normalise(55.0, 100.0)(images)
    assert normal.shape == (2, 1, 28, 28)
    assert torch.all(normal == 2)


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ([NORMALISE, {"layer": "attention"}, FLATTEN, TEN], "attention"),
        ([NORMALISE, {"out_features": 10}], "layer"),
        (["normalise"], "do not make a network"),
        ([NORMALISE, FLATTEN, {"layer": "linear", "out_features": 10, "colour": "red"}], "colour"),
        ([NORMALISE, FLATTEN, {"layer": "linear"}], "out_features"),
        ([FLATTEN, TEN], "do not make a network"),
        ([NORMALISE, FLATTEN, POOL, FLATTEN, TEN], "instead of ten|do not make"),
        ([NORMALISE, *[POOL] * 5, FLATTEN, TEN], "do not make a network"),
        ([NORMALISE, FLATTEN, {"layer": "linear", "out_features": 11}], "instead of 10 logits"),
        ([NORMALISE, TEN], "instead of 10 logits"),
        ([NORMALISE, {"layer": "dropout", "p": 2}, FLATTEN, TEN], "between 0 and 1"),
        ([], "instead of 10 logits"),
    ],
)
def test_layers_that_make_no_network(layers: list[Any], problem: str) -> None:
    """An unknown layer, one that misfits, or another number of outputs is a ValueError that says so."""
    with pytest.raises(ValueError, match=problem):
        build(layers)


def cascade(sure: float) -> dict[str, Any]:
    """Describe a cascade of two different networks."""
    return {
        "layer": "cascade",
        "quick": [POOL, FLATTEN, TEN],
        "careful": [{"layer": "conv", "out_channels": 2, "kernel_size": 5}, FLATTEN, TEN],
        "sure": sure,
    }


def parts_of(network: torch.nn.Sequential, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the two networks of a cascade say on their own."""
    normalise, both = network
    assert isinstance(both, Cascade)
    return both.quick(normalise(images)), both.careful(normalise(images))


def test_a_cascade_asks_twice_where_it_is_not_sure() -> None:
    """A picture's logits are the quick network's if its softmax reaches `sure`, else the careful one's."""
    torch.manual_seed(0)
    images = some_images(50)
    quick, careful = parts_of(network := build([NORMALISE, cascade(0.5)]), images)
    network[1].sure = sure = quick.softmax(1).amax(1).median().item()
    logits = network(images)
    certain = quick.softmax(1).amax(1) >= sure
    assert 0 < certain.sum() < 50
    assert torch.equal(logits[certain], quick[certain])
    assert torch.equal(logits[~certain], careful[~certain])


def test_a_cascade_in_training_asks_about_the_harder_half() -> None:
    """The quick network's answers come first; then the careful one's where the quick one is least sure."""
    images = some_images(5)
    network = build([NORMALISE, cascade(0.9)]).train()
    logits = network(images)
    quick, careful = parts_of(network, images)
    hard = quick.softmax(1).amax(1).argsort()[:3]
    expected = quick.clone()
    expected[hard] = careful[hard]
    assert torch.allclose(logits, torch.cat([quick, expected]))


def test_both_networks_of_a_cascade_learn() -> None:
    """All weights have a gradient, and the quick one's none from the answers that it only repeats."""
    network = build([NORMALISE, cascade(0.9)]).train()
    images = some_images(4)
    network(images)[4:].sum().backward()
    both = network[1]
    assert not any(weights.grad.any() for weights in both.quick.parameters())
    assert all(weights.grad.any() for weights in both.careful.parameters())
    network(images)[:4].sum().backward()
    assert all(weights.grad.any() for weights in both.quick.parameters())


def test_in_training_the_careful_network_is_not_asked_where_it_is_not_to_learn() -> None:
    """What is left are the quick network's answers, one to a picture."""
    images = some_images(5)
    network = build([NORMALISE, cascade(0.9)]).train()
    network[1].careful.requires_grad_(False)
    assert torch.equal(network(images), parts_of(network, images)[0])


def test_what_is_still_unsure_is_turned() -> None:
    """There the logits are the careful network's mean over the picture and the turned ones."""
    images = some_images(6)
    network = build([NORMALISE, {**cascade(2.0), "turns": [-10.0, 10.0]}])
    normal = network[0](images)
    views = [normal, turned(normal, -10.0), turned(normal, 10.0)]
    expected = torch.stack([network[1].careful(view) for view in views]).mean(0)
    assert torch.allclose(network(images), expected, atol=1e-5)
    network[1].turn_below = 0.0
    assert torch.equal(network(images), network[1].careful(normal))
    network[1].sure = 0.0
    assert torch.equal(network(images), network[1].quick(normal))


@pytest.mark.parametrize(("given", "expected"), [({}, 0.7), ({"turn_below": 0.4}, 0.4)])
def test_how_unsure_is_turned(given: dict[str, float], expected: float) -> None:
    """Below `turn_below`, or where a card from before it has none, below `sure`."""
    assert build([NORMALISE, {**cascade(0.7), "turns": [5.0], **given}])[1].turn_below == expected


def test_a_quarter_turn_and_no_turn() -> None:
    """Pictures turn about their middle, and the paper goes on where the border was."""
    pictures = some_images(2).float().unsqueeze(1)
    assert torch.allclose(turned(pictures, 0.0), pictures, atol=1e-2)
    assert torch.allclose(turned(turned(pictures, 90.0), -90.0), pictures, atol=1e-2)
    grey = torch.full((1, 1, 28, 28), -0.5)
    assert torch.allclose(turned(grey, 30.0), grey)


def test_a_cascade_reads_no_pictures() -> None:
    """None in is none out."""
    network = build([NORMALISE, {**cascade(2.0), "turns": [5.0]}])
    assert network(some_images(0)).shape == (0, 10)

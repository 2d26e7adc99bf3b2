"""The networks of `train.architectures`."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from batch_classify.errors import ExitCode, JobError
from batch_classify.network import Cascade, build
from train.architectures import ARCHITECTURES, DEFAULT, VGG_TINY, architecture_of, name_of


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def network(request: pytest.FixtureRequest) -> nn.Sequential:
    """Return each network with random weights."""
    torch.manual_seed(0)
    return build(ARCHITECTURES[request.param])


@pytest.mark.parametrize("n", [1, 2, 33])
def test_ten_logits_a_picture(network: nn.Sequential, n: int) -> None:
    """Any number of pictures gives as many rows of ten logits, and different pictures different ones."""
    images = torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    logits = network(images)
    assert logits.shape == (n, 10)
    assert torch.all(torch.isfinite(logits))
    assert len(torch.unique(logits, dim=0)) == n


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_survives_the_card(name: str) -> None:
    """Written as JSON and read again, it is the same list of layers, and has its name back."""
    again = json.loads(json.dumps(ARCHITECTURES[name]))
    assert again == architecture_of(name)
    assert name_of(again) == name


def test_unknown_names() -> None:
    """A name that is none is answered with those there are, and a network of one's own has none."""
    with pytest.raises(JobError) as caught:
        architecture_of("cnn-4")
    assert caught.value.code is ExitCode.USAGE
    assert all(name in str(caught.value) for name in ("cnn-4", *ARCHITECTURES))
    assert name_of(VGG_TINY[:-1]) is None


@pytest.mark.parametrize(
    ("name", "quick", "careful"),
    [
        (DEFAULT, (23_000, 1_700_000), (282_000, 14_000_000)),
        ("vgg-cascade-wide", (23_000, 1_700_000), (626_000, 32_000_000)),
        ("vgg-cascade-strided", (34_000, 610_000), (626_000, 32_000_000)),
    ],
)
def test_a_cascade_has_the_size_that_is_said_of_it(
    name: str, quick: tuple[int, int], careful: tuple[int, int]
) -> None:
    """Of either part the parameters and the multiply-adds of a picture."""
    cascade = build(architecture_of(name))[1]
    assert isinstance(cascade, Cascade)
    assert (size_of(cascade.quick), size_of(cascade.careful)) == (quick, careful)


def test_the_quick_network_of_the_default_is_vgg_tiny() -> None:
    """Trained by itself, it has the same layers."""
    cascade = build(architecture_of(DEFAULT))[1]
    assert size_of(build(VGG_TINY)[1:]) == size_of(cascade.quick)


def size_of(network: nn.Sequential) -> tuple[int, int]:
    """Count the parameters, and the multiply-adds of a picture, each rounded as the docstrings are."""
    operations: list[int] = []

    def count(layer: nn.Module, _: tuple[torch.Tensor, ...], outputs: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        operations.append(outputs.numel() * layer.weight[0].numel())

    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 1, 28, 28))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    digits = len(str(sum(operations))) - 2
    return round(parameters, -3), round(sum(operations), -digits)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mlp-4", [(256, 784), (128, 256), (64, 128), (10, 64)]),
        ("mlp-128-64", [(128, 784), (64, 128), (10, 64)]),
        ("mlp-128-128", [(128, 784), (128, 128), (10, 128)]),
        ("cnn-3", [(32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (10, 64 * 22 * 22)]),
        ("cnn-2", [(32, 1, 3, 3), (64, 32, 3, 3), (128, 3136), (10, 128)]),
    ],
)
def test_the_tutorials_networks_have_their_layers(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Their weights have the shapes that the tutorials give, and ReLU follows on all but the last."""
    layers = list(build(architecture_of(name)))
    weighted = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [tuple(layers[place].weight.shape) for place in weighted] == shapes
    assert all(isinstance(layers[place + 1], nn.ReLU) for place in weighted[:-1])
    assert weighted[-1] == len(layers) - 1


def test_inputs_from_minus_one_to_one() -> None:
    """`mlp-128-128` takes black as -1 and white as 1."""
    normalise = build(architecture_of("mlp-128-128"))[0]
    assert normalise(torch.tensor([0, 255], dtype=torch.uint8)).flatten().tolist() == [-1, 1]

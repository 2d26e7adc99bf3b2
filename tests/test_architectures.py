"""The networks of `train.architectures`."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from batch_classify.network import build
from train.architectures import VGG_SMALL


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    """Return the small VGG with random weights."""
    torch.manual_seed(0)
    return build(VGG_SMALL)


@pytest.mark.parametrize("n", [1, 2, 33])
def test_ten_logits_a_picture(network: nn.Sequential, n: int) -> None:
    """Any number of pictures gives as many rows of ten logits, and different pictures different ones."""
    images = torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    logits = network(images)
    assert logits.shape == (n, 10)
    assert torch.all(torch.isfinite(logits))
    assert len(torch.unique(logits, dim=0)) == n


def test_it_survives_the_card() -> None:
    """Written as JSON and read again, it is the same list of layers."""
    assert json.loads(json.dumps(VGG_SMALL)) == VGG_SMALL


def test_its_size_is_what_is_said_of_it(network: nn.Sequential) -> None:
    """It has 155,000 parameters, and multiplies and adds 6.2 million times a picture."""
    operations = []

    def count(layer: nn.Module, _: tuple[torch.Tensor, ...], outputs: torch.Tensor) -> None:
        operations.append(outputs.numel() * layer.weight[0].numel())

    layers = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    network(torch.zeros(1, 28, 28, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    assert round(sum(parameter.numel() for parameter in network.parameters()), -3) == 155_000
    assert round(sum(operations), -5) == 6_200_000

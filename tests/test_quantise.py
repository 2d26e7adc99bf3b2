"""Careful networks in whole numbers, by `train.quantise`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from batch_classify.network import Architecture, ReaderAndJudge, build
from train.export import _write_onnx
from train.quantise import quantise

IMAGES = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), np.uint8)
NETWORK: Architecture = [
    {"layer": "normalise", "mean": 33.0, "std": 78.0},
    {"layer": "conv", "out_channels": 4, "kernel_size": 5, "stride": 3},
    {"layer": "relu"},
    {"layer": "flatten"},
    {"layer": "linear", "out_features": 10},
]
CASCADE: Architecture = [
    NETWORK[0],
    {"layer": "cascade", "quick": NETWORK[1:], "careful": NETWORK[1:], "sure": 0.99},
]


def exported(layers: Architecture, path: Path) -> Path:
    """Write a network with random weights as ONNX."""
    torch.manual_seed(0)
    network: nn.Module = ReaderAndJudge(build(layers), None).eval()
    _write_onnx(network, path)
    return path


def convolutions(path: Path) -> list[str]:
    """Return what makes the weights of each convolution: a node, or nothing where they are stored as such."""
    graph = onnx.load(path).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    return sorted(makers.get(node.input[1], "") for node in graph.node if node.op_type == "Conv")


def test_only_the_careful_network_changes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its weights become whole numbers, the quick one's stay; nothing is said about it."""
    path = exported(CASCADE, tmp_path / "model.onnx")
    assert convolutions(path) == ["", ""]
    assert quantise(path, IMAGES)
    assert convolutions(path) == ["", "DequantizeLinear"]
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("layers", "images"), [(NETWORK, IMAGES), (CASCADE, IMAGES[1:])], ids=["no cascade", "too few pictures"]
)
def test_what_is_not_worth_it_stays(tmp_path: Path, layers: Architecture, images: np.ndarray) -> None:
    """A network of one piece, and any that too few pictures went through, to the byte."""
    path = exported(layers, tmp_path / "model.onnx")
    before = path.read_bytes()
    assert not quantise(path, images)
    assert path.read_bytes() == before

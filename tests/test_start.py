"""What a training starts from, in `train.start`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, DEFAULT_MODEL, WEIGHTS, read_card, sha256_of
from train.architectures import ARCHITECTURES, DEFAULT
from train.start import Start, start_from


def error_of(code: ExitCode, arch: str | None, init: Path | None) -> str:
    """Return the message of the JobError with this code that must be raised."""
    with pytest.raises(JobError) as caught:
        start_from(arch, init)
    assert caught.value.code is code
    return str(caught.value)


def test_from_a_name() -> None:
    """The network has no weights yet; without a name it is the default."""
    assert start_from("cnn-2", None) == Start("cnn-2", ARCHITECTURES["cnn-2"])
    assert start_from(None, None) == start_from(DEFAULT, None)
    assert "cnn-9" in error_of(ExitCode.USAGE, "cnn-9", None)


def test_the_network_of_a_start(fake_model: Path) -> None:
    """It has the trained weights, or without any random ones of the same shapes."""
    trained = start_from(None, fake_model)
    assert trained.weights is not None
    weights = trained.network().state_dict()
    assert all(torch.equal(weights[name], value) for name, value in trained.weights.items())
    fresh = start_from("mlp-4", None).network()
    assert fresh(torch.zeros(2, 28, 28, dtype=torch.uint8)).shape == (2, 10)


SHIPPED, ALIKE = "vgg-cascade-strided", "vgg-cascade-wide"
"""The network of the model that comes along, and one with the same careful network and another quick one."""


@pytest.mark.parametrize("arch", [None, SHIPPED])
def test_from_the_shipped_model(arch: str | None) -> None:
    """Its network has a name here, and its weights and the hash of its card come along."""
    start, (card, sha256) = start_from(arch, DEFAULT_MODEL), read_card(DEFAULT_MODEL)
    assert (start.arch, start.architecture, start.sha256) == (SHIPPED, card.architecture, sha256)
    assert start.weights is not None
    expected = load_file(DEFAULT_MODEL / WEIGHTS)
    assert all(torch.equal(value, expected[f"reader.{name}"]) for name, value in start.weights.items())
    assert start.judge is not None
    assert start.judge.reject_above == card.reject_above
    judge = start.judge.network.state_dict()
    assert all(torch.equal(value, expected[f"judge.{name}"]) for name, value in judge.items())


def test_from_a_network_without_a_name(fake_model: Path) -> None:
    """A model of somebody's own trains on too."""
    start = start_from(None, fake_model)
    assert start.arch == "unnamed"
    assert start.architecture == read_card(fake_model)[0].architecture


def test_another_quick_network() -> None:
    """It has the layers that were asked for, all weights but the quick network's, and these stay."""
    start, before = start_from(ALIKE, DEFAULT_MODEL), start_from(None, DEFAULT_MODEL)
    assert (start.arch, start.architecture) == (ALIKE, ARCHITECTURES[ALIKE])
    assert start.sha256 == before.sha256
    assert start.judge is not None
    assert start.weights is not None
    assert before.weights is not None
    assert start.weights.keys() == start.frozen
    weights = start.network().state_dict()
    assert {name for name in weights if name not in start.frozen} == {
        name for name in weights if ".quick." in name
    }
    assert all(torch.equal(weights[name], before.weights[name]) for name in start.frozen)
    assert not before.frozen


def test_another_network(fake_model: Path) -> None:
    """The network that is asked for must be the model's own; the message names both and the way out."""
    assert f"{SHIPPED}. Leave out --arch" in error_of(ExitCode.USAGE, "cnn-2", DEFAULT_MODEL)
    assert "another network" in error_of(ExitCode.USAGE, "cnn-2", fake_model)
    assert "cnn-9" in error_of(ExitCode.USAGE, "cnn-9", fake_model)


def test_no_model(tmp_path: Path) -> None:
    """A folder without a model is refused as the job refuses it."""
    assert str(tmp_path) in error_of(ExitCode.MODEL, None, tmp_path)


@pytest.mark.parametrize("kind", ["other weights", "no safetensors"])
def test_weights_of_another_network(tmp_path: Path, fake_model: Path, kind: str) -> None:
    """Weights that the card vouches for, and that still do not fit its network, are told."""
    model = shutil.copytree(fake_model, tmp_path / "model")
    if kind == "other weights":
        save_file({"0.weight": torch.zeros(3)}, model / WEIGHTS)
    else:
        (model / WEIGHTS).write_bytes(b"something else")
    card = json.loads((model / CARD).read_text())
    card["files"][WEIGHTS] = sha256_of(model / WEIGHTS)
    (model / CARD).write_text(json.dumps(card))
    assert WEIGHTS in error_of(ExitCode.MODEL, None, model)

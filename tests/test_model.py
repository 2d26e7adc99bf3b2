"""The model folder in `batch_classify.model`: what is refused, and what running it promises."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_classify import model as model_folder
from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, DEFAULT_MODEL, ONNX, WEIGHTS, load
from batch_classify.preprocess import VERSION, preprocess
from train.generator import batch


@pytest.fixture
def folder(fake_model: Path, tmp_path: Path) -> Path:
    """A copy of the fake model that a test may spoil."""
    return Path(shutil.copytree(fake_model, tmp_path / "model"))


@pytest.fixture
def images() -> np.ndarray:
    """Seventy pictures of noise, uint8 [70, 28, 28]."""
    return np.random.default_rng(0).integers(0, 256, (70, 28, 28), dtype=np.uint8)


def card_with(**changes: object) -> Callable[[Path], None]:
    """Return what changes entries of a model's card."""

    def spoil(folder: Path) -> None:
        card = json.loads((folder / CARD).read_text())
        (folder / CARD).write_text(json.dumps(card | changes))

    return spoil


def without(name: str) -> Callable[[Path], None]:
    """Return what removes a file of the folder."""
    return lambda folder: (folder / name).unlink()


def with_bytes(name: str, data: bytes) -> Callable[[Path], None]:
    """Return what overwrites a file of the folder."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return spoil


def onnx_of_rubbish(folder: Path) -> None:
    """Put rubbish in the place of the network, with its right hash in the card."""
    (folder / ONNX).write_bytes(b"rubbish")
    card = json.loads((folder / CARD).read_text())
    card["files"][ONNX] = model_folder.sha256_of(folder / ONNX)
    (folder / CARD).write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, "not there"),
        (without(CARD), "not there"),
        (without(ONNX), ONNX),
        (without(WEIGHTS), WEIGHTS),
        (with_bytes(CARD, b"{"), CARD),
        (with_bytes(CARD, b"[]"), CARD),
        (with_bytes(CARD, b"\xff\xfe"), CARD),
        (with_bytes(ONNX, b"other"), "damaged"),
        (with_bytes(WEIGHTS, b"other"), "damaged"),
        (onnx_of_rubbish, "onnxruntime"),
        (card_with(preprocessing=VERSION + 1), "preprocessing version"),
        (card_with(schema=99), "schema 99"),
        (card_with(temperature=0), "temperature"),
        (card_with(temperature="warm"), CARD),
        (card_with(review_below=1.5), "review_below"),
        (card_with(reject_above=-0.1), "reject_above"),
        (card_with(operating_points={"0.01": 2}), "0.01 is not between"),
        (card_with(operating_points=[0.5]), CARD),
        (card_with(classes=["a", "b"]), "classes"),
        (card_with(surprise=1), "surprise"),
        (card_with(temperature=float("inf")), "temperature"),
        (card_with(temperature=float("nan")), "temperature"),
        (with_bytes(CARD, b"[" * 100_000), CARD),
        (with_bytes(CARD, b" " * 2**20 + b"{}"), "1,048,576 bytes"),
        (card_with(files=[ONNX, WEIGHTS]), CARD),
        (card_with(classes=None), CARD),
        (card_with(files={}), ONNX),
        (card_with(files={ONNX: "0", WEIGHTS: "0", "../x": "0"}), "outside"),
    ],
)
def test_a_bad_folder_is_refused(folder: Path, spoil: Callable[[Path], None], words: str) -> None:
    """The message names the folder, what is wrong and what to do; the code is MODEL."""
    spoil(folder)
    with pytest.raises(JobError) as refusal:
        load(folder, "cpu", preprocessing=VERSION)
    assert refusal.value.code is ExitCode.MODEL
    assert str(folder) in str(refusal.value)
    assert words in str(refusal.value)
    assert "batch-classify-train fit" in str(refusal.value)


def test_who_does_not_wait_hears_later(folder: Path) -> None:
    """What onnxruntime cannot run is told when it is asked, in the same words; what is damaged at once."""
    onnx_of_rubbish(folder)
    model = load(folder, "cpu", preprocessing=VERSION, wait=False)
    with pytest.raises(JobError, match="onnxruntime") as refusal:
        model.logits(np.zeros((1, 28, 28), np.uint8))
    assert refusal.value.code is ExitCode.MODEL
    with_bytes(ONNX, b"other")(folder)
    with pytest.raises(JobError, match="damaged"):
        load(folder, "cpu", preprocessing=VERSION, wait=False)


def test_who_does_not_wait_has_the_same_model(images: np.ndarray) -> None:
    """The network is there as soon as it is asked."""
    one, other = (load(preprocessing=VERSION, device="cpu", wait=wait) for wait in (True, False))
    assert np.array_equal(one.logits(images), other.logits(images))


def test_a_file_of_any_size_is_not_read_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network over the limit is refused for its size, before it is hashed."""
    monkeypatch.setattr(model_folder, "_LARGEST_FILE", 100)
    with pytest.raises(JobError, match="more than 100 bytes"):
        load(folder, "cpu", preprocessing=VERSION)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from([field.name for field in fields(model_folder.Card)]), value=JSON)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_card_is_refused_or_works(
    fake_model: Path, tmp_path: Path, name: str, value: object
) -> None:
    """A tampered card gives a model, or an error with the code MODEL, and never another exception."""
    card = json.loads((fake_model / CARD).read_text()) | {name: value}
    shutil.copytree(fake_model, tmp_path / "model", dirs_exist_ok=True)
    (tmp_path / "model" / CARD).write_text(json.dumps(card))
    try:
        load(tmp_path / "model", "cpu", preprocessing=VERSION)
    except JobError as error:
        assert error.code is ExitCode.MODEL


def test_a_pictures_logits_do_not_depend_on_its_batch(images: np.ndarray) -> None:
    """With the shipped network, alone or in any batch, they are the same to the bit."""
    model = load(DEFAULT_MODEL, "cpu", preprocessing=VERSION)
    together = model.logits(images)
    for size in (1, 7, 32, 64):
        apart = np.concatenate([model.logits(images[at : at + size]) for at in range(0, len(images), size)])
        assert np.array_equal(apart, together)


def test_both_runtimes_agree(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch, here on the CPU, gives the shipped network's logits to within what its 8 bits make of them.

    How much that is, the card says of real digits. What has none agrees to a ten-thousandth (test_export).
    """
    card, _ = model_folder.read_card(DEFAULT_MODEL)
    monkeypatch.setattr(model_folder, "_TORCH_BATCH", 32)
    torch_logits = model_folder._torch(DEFAULT_MODEL, card, "cpu", (DEFAULT_MODEL / WEIGHTS).read_bytes())(
        images
    )
    onnx_logits = load(DEFAULT_MODEL, "cpu", preprocessing=VERSION).logits(images)
    assert torch_logits.shape == onnx_logits.shape == (70, 11)
    assert torch_logits.dtype == onnx_logits.dtype == np.float32
    assert np.abs(torch_logits - onnx_logits).max() < card.metrics["int8_difference"]
    assert np.abs(torch_logits - onnx_logits).mean() < 0.05


class OfLittleMemory(torch.nn.Module):
    """A network that says how bright a picture is, and runs out of memory above `most` of them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.batches: list[int] = []

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Give the mean level ten times, or no answer."""
        self.batches.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError
        return (images.float().mean((1, 2)).unsqueeze(1).expand(-1, 10),)


def with_little_memory(
    folder: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[OfLittleMemory, model_folder.Runtime]:
    """Return such a network, and what runs it as if it were the folder's."""
    network = OfLittleMemory(most)
    monkeypatch.setattr("batch_classify.network.build_model", lambda *_: network)
    monkeypatch.setattr("safetensors.torch.load", lambda _: {})
    card, _ = model_folder.read_card(folder)
    return network, model_folder._torch(folder, card, "cpu", b"")


def test_where_memory_runs_out_the_batch_is_halved(
    fake_model: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture has its answer, in order, and later calls begin with the size that worked."""
    network, run = with_little_memory(fake_model, 100, monkeypatch)
    assert np.allclose(run(images)[:, 0], images.mean((1, 2)))
    assert network.batches == [512, 256, 128, 64, 64]
    network.batches.clear()
    assert np.allclose(run(images)[:, 9], images.mean((1, 2)))
    assert network.batches == [64, 64]


def test_a_gpu_without_any_memory_is_an_error_of_the_environment(
    fake_model: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halving has an end, and the message a remedy."""
    network, run = with_little_memory(fake_model, 0, monkeypatch)
    with pytest.raises(JobError) as refusal:
        run(images)
    assert refusal.value.code is ExitCode.ENVIRONMENT
    assert "--device cpu" in str(refusal.value)
    assert min(network.batches) == 16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
def test_a_gpu_gives_the_same_labels() -> None:
    """Where the two best digits differ by 0.01 or more in probability; and its confidences are as near."""
    drawn = np.stack([preprocess(picture).image for picture in batch(500, np.random.default_rng(3))[0]])
    model, other = (load(DEFAULT_MODEL, device, preprocessing=VERSION) for device in ("cpu", "cuda"))
    shares, others = (
        probabilities(one.logits(drawn)[:, :10], model.card.temperature) for one in (model, other)
    )
    best = np.sort(shares, axis=1)
    clear = best[:, -1] - best[:, -2] >= 0.01
    assert (shares.argmax(1) == others.argmax(1))[clear].all()
    assert np.abs(shares - others).max() < 0.03


def test_weights_that_are_no_safetensors_are_refused(folder: Path) -> None:
    """A pickle, or anything else, in their place is never loaded."""
    card, _ = model_folder.read_card(folder)
    with pytest.raises(JobError) as refusal:
        model_folder._torch(folder, card, "cpu", b"\x80\x04rubbish")
    assert refusal.value.code is ExitCode.MODEL


def test_cuda_without_a_gpu_is_an_error_of_the_environment(
    fake_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for CUDA is told why not, and how to go on."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(JobError) as refusal:
        load(fake_model, "cuda", preprocessing=VERSION)
    assert refusal.value.code is ExitCode.ENVIRONMENT
    assert "--device cpu" in str(refusal.value)


@pytest.mark.parametrize(
    ("driver", "torch_agrees", "device"), [(False, True, "cpu"), (True, False, "cpu"), (True, True, "cuda")]
)
def test_auto_takes_a_gpu_only_where_driver_and_torch_see_one(
    monkeypatch: pytest.MonkeyPatch, driver: bool, torch_agrees: bool, device: str
) -> None:
    """A driver without a torch that can use it means CPU."""
    monkeypatch.setattr(model_folder, "_driver_sees_gpu", lambda: driver)
    monkeypatch.setattr("torch.cuda.is_available", lambda: torch_agrees)
    assert model_folder.chosen_device("auto") == device


def test_an_unknown_device_is_wrong_usage() -> None:
    """The message lists the devices there are."""
    with pytest.raises(JobError) as refusal:
        model_folder.chosen_device("tpu")
    assert refusal.value.code is ExitCode.USAGE
    assert "auto, cpu, cuda" in str(refusal.value)

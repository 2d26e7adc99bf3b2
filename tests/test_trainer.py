"""The training loop in `train.trainer`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from batch_classify.errors import ExitCode, JobError
from batch_classify.network import Architecture, build
from train import checkpoint
from train.checkpoint import Checkpoint
from train.data import Digits
from train.generator import batch
from train.trainer import Epoch, Recipe, State, _targets, bf16_is_faster, fit, kept_weights, logits_of

TINY: Architecture = [
    {"layer": "normalise", "mean": 33.0, "std": 78.0},
    {"layer": "conv", "out_channels": 8, "kernel_size": 5, "stride": 3, "bias": False},
    {"layer": "batch_norm"},
    {"layer": "relu"},
    {"layer": "flatten"},
    {"layer": "dropout", "p": 0.1},
    {"layer": "linear", "out_features": 10},
]
TRAINING = Digits(*batch(400, np.random.default_rng(1)))
VALIDATION = Digits(*batch(50, np.random.default_rng(2)))
SHORT = Recipe(epochs=2, batch_size=64, lr=1e-2)
PLAIN = replace(SHORT, optimiser="adam", schedule="constant", weight_decay=0, augment="none", ema=False)


def accuracy_of(network: torch.nn.Module, digits: Digits, device: str) -> float:
    """Share of the digits that the network reads rightly."""
    right = logits_of(network, digits.images, device).argmax(1) == torch.from_numpy(digits.labels)
    return right.double().mean().item()


@pytest.fixture(scope="module", autouse=True)
def steady() -> Iterator[None]:
    """Train in float32, since which format is faster depends on the load, and in one thread, for speed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.trainer.bf16_is_faster", lambda *_: False)
        yield
    torch.set_num_threads(threads)


def trained(
    recipe: Recipe, training: Digits = TRAINING, validation: Digits = VALIDATION
) -> tuple[nn.Module, list[Epoch]]:
    """Train the tiny network on the CPU; return it and what was reported."""
    epochs: list[Epoch] = []
    return fit(TINY, training, validation, recipe, "cpu", epochs.append), epochs


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same weights, to the bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def short() -> nn.Module:
    """Return a network after a short training."""
    return trained(SHORT)[0]


def test_both_parts_of_a_cascade_learn() -> None:
    """Either network of a cascade reads most of the digits that it was trained on."""
    cascade = {"layer": "cascade", "quick": TINY[4:], "careful": TINY[1:], "sure": 0.9}
    recipe = Recipe(epochs=12, batch_size=40, lr=1e-2)
    network = fit([TINY[0], cascade], TRAINING, VALIDATION, recipe, "cpu", lambda _: None)
    assert isinstance(network, nn.Sequential)
    for part in (network[1].quick, network[1].careful):
        assert accuracy_of(nn.Sequential(network[0], part), TRAINING, "cpu") > 0.8


def test_what_is_frozen_stays_as_it_is() -> None:
    """The quick network of a cascade learns by itself, and the careful one keeps the weights that it had."""
    layers = [TINY[0], {"layer": "cascade", "quick": TINY[4:], "careful": TINY[1:], "sure": 0.9}]
    first = build(layers).state_dict()
    kept = {name: value.clone() for name, value in first.items() if ".careful." in name}
    recipe = Recipe(epochs=12, batch_size=40, lr=1e-2)
    network = fit(
        layers, TRAINING, VALIDATION, recipe, "cpu", lambda _: None, weights=kept, frozen=frozenset(kept)
    )
    assert isinstance(network, nn.Sequential)
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in kept.items())
    assert accuracy_of(nn.Sequential(network[0], network[1].quick), TRAINING, "cpu") > 0.8


def test_half_of_a_target_is_what_the_teachers_say() -> None:
    """The other half is the label; without teachers the labels stay as they are."""
    batch, labels = torch.zeros(3, 28, 28), torch.tensor([0, 1, 2])
    teachers = [Constant(3), Constant(4)]
    targets = _targets(batch, labels, teachers, half=False)
    assert targets.sum(1).tolist() == pytest.approx([1, 1, 1])
    assert targets[1].tolist() == pytest.approx([0, 0.5, 0, 0.25, 0.25, 0, 0, 0, 0, 0], abs=1e-4)
    assert _targets(batch, labels, [], half=False) is labels


class Constant(nn.Module):
    """A network that is sure of one digit whatever it sees."""

    def __init__(self, digit: int) -> None:
        super().__init__()
        self.digit = digit

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give logits."""
        return 20 * nn.functional.one_hot(torch.full((len(images),), self.digit), 10).float()


def test_a_teacher_counts(short: nn.Module) -> None:
    """With a teacher the weights come out otherwise, the same each time, and the teacher learns nothing."""
    teacher = trained(replace(SHORT, seed=5))[0]
    before = deepcopy(teacher)
    first, second = (
        fit(TINY, TRAINING, VALIDATION, SHORT, "cpu", lambda _: None, teachers=[teacher]) for _ in range(2)
    )
    assert same(first, second)
    assert not same(first, short)
    assert same(teacher, before)


def test_it_learns() -> None:
    """A tiny network reads most of the few digits it was trained on, and most that it never saw."""
    network, epochs = trained(Recipe(epochs=12, batch_size=40, lr=1e-2))
    assert accuracy_of(network, TRAINING, "cpu") > 0.9
    assert accuracy_of(network, VALIDATION, "cpu") > 0.8
    assert epochs[-1].loss < 0.7 * epochs[0].loss


def test_each_epoch_is_reported() -> None:
    """The reports are numbered from 1, and the last accuracy is that of the network that comes back."""
    network, epochs = trained(SHORT)
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert all(epoch.loss > 0 and epoch.seconds > 0 and epoch.images_per_second > 0 for epoch in epochs)
    assert SHORT.lr > epochs[0].lr > epochs[1].lr > 0
    assert epochs[-1].accuracy == accuracy_of(network, VALIDATION, "cpu")


def test_the_network_comes_back_ready(short: nn.Module) -> None:
    """It is in evaluation mode, all of it, so that dropout is off."""
    assert not any(module.training for module in short.modules())


@pytest.mark.parametrize(
    ("recipe", "equal"), [(SHORT, True), (replace(SHORT, seed=1), False)], ids=["same seed", "another seed"]
)
def test_the_seed_decides_the_weights(short: nn.Module, recipe: Recipe, equal: bool) -> None:
    """On the CPU the same seed gives the same weights, whatever torch drew before; another seed others."""
    torch.manual_seed(12345)
    assert same(trained(recipe)[0], short) == equal


def test_a_plain_recipe_trains_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without augmentation the pictures stay as they are, the rate too, and no mean of weights is kept."""
    for name in ("augment", "AveragedModel"):
        monkeypatch.setattr(f"train.trainer.{name}", lambda *_: pytest.fail("not in this recipe"))
    network, epochs = trained(replace(PLAIN, epochs=6))
    assert [epoch.lr for epoch in epochs] == [PLAIN.lr] * 6
    assert accuracy_of(network, TRAINING, "cpu") > 0.9


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": "adamw", "weight_decay": 0.5},
        {"schedule": "one-cycle"},
        {"augment": "full"},
        {"augment": "gentle"},
    ],
)
def test_each_part_of_a_recipe_counts(change: dict[str, Any]) -> None:
    """Another optimiser, schedule or augmentation gives other weights."""
    assert not same(trained(PLAIN)[0], trained(replace(PLAIN, **change))[0])


def test_it_starts_from_given_weights(short: nn.Module) -> None:
    """At a rate of nothing the weights stay those that were given."""
    weights = {name: value.clone() for name, value in short.state_dict().items()}
    recipe = replace(PLAIN, epochs=1, lr=0.0)
    network = fit(TINY, TRAINING, VALIDATION, recipe, "cpu", lambda _: None, weights=weights)
    assert all(torch.equal(value, weights[name]) for name, value in network.named_parameters())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize("recipe", [SHORT, PLAIN], ids=["ours", "plain"])
def test_resuming_gives_the_same_weights(tmp_path: Path, recipe: Recipe, stop: int, device: str) -> None:
    """Stopped after an epoch and gone on from its file, a training ends where the unbroken one does."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    recipe = replace(recipe, epochs=4)
    epochs: list[Epoch] = []
    unbroken = fit(TINY, TRAINING, VALIDATION, recipe, device, epochs.append)

    def save(state: State) -> None:
        checkpoint.write(tmp_path, Checkpoint({}, (), state))
        if state["epoch"] == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(TINY, TRAINING, VALIDATION, recipe, device, lambda _: None, save=save)
    torch.manual_seed(999)  # as a new process, which knows nothing of the random numbers before
    state, rest = checkpoint.read(tmp_path).state, list[Epoch]()
    resumed = fit(TINY, TRAINING, VALIDATION, recipe, device, rest.append, state=state)
    assert same(resumed, unbroken)
    outcome = [(epoch.number, epoch.loss, epoch.accuracy, epoch.lr) for epoch in epochs[stop:]]
    assert [(epoch.number, epoch.loss, epoch.accuracy, epoch.lr) for epoch in rest] == outcome


def test_resuming_keeps_the_format(monkeypatch: pytest.MonkeyPatch, short: nn.Module) -> None:
    """Whether bf16 is used is decided once: the training that goes on does not ask again."""
    states: list[State] = []
    fit(TINY, TRAINING, VALIDATION, SHORT, "cpu", lambda _: None, save=lambda state: states.append(state))
    assert [state["half"] for state in states] == [False, False]
    monkeypatch.setattr("train.trainer.bf16_is_faster", lambda *_: pytest.fail("asked again"))
    assert same(fit(TINY, TRAINING, VALIDATION, SHORT, "cpu", lambda _: None, state=states[-1]), short)


@pytest.mark.parametrize("recipe", [SHORT, PLAIN], ids=["ours", "plain"])
def test_the_state_holds_what_is_kept(recipe: Recipe) -> None:
    """Its weights and the validation digits' logits after the last epoch are those of the network."""
    states: list[State] = []
    network = fit(TINY, TRAINING, VALIDATION, recipe, "cpu", lambda _: None, save=states.append)
    weights, expected = kept_weights(states[-1]), network.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    assert torch.equal(states[-1]["logits"], logits_of(network, VALIDATION.images, "cpu"))


def test_a_loss_that_is_not_finite_ends_it() -> None:
    """The message names the epoch and a lower rate, and nothing is reported or saved."""
    epochs, states = list[Epoch](), list[State]()
    with pytest.raises(JobError, match=r"epoch 1 is not finite.*--lr than 1e\+30") as caught:
        recipe = replace(PLAIN, lr=1e30)
        fit(TINY, TRAINING, VALIDATION, recipe, "cpu", epochs.append, save=states.append)
    assert caught.value.code is ExitCode.USAGE
    assert not epochs and not states


@pytest.mark.parametrize("shift", [0, 3])
def test_validation_changes_no_weight(short: nn.Module, shift: int) -> None:
    """Wrong or fewer validation digits change what is reported, and nothing else."""
    other = Digits(VALIDATION.images[:20], (VALIDATION.labels[:20] + shift) % 10)
    assert same(trained(SHORT, validation=other)[0], short)


def test_training_labels_do_change_weights(short: nn.Module) -> None:
    """The comparison above can tell networks apart."""
    other = Digits(TRAINING.images, (TRAINING.labels + 1) % 10)
    assert not same(trained(SHORT, other)[0], short)


@pytest.mark.parametrize("count", [2, 63, 64, 65, 130])
def test_any_number_of_digits_trains(count: int) -> None:
    """Fewer digits than a batch, or a few more, give a network of finite weights that have moved."""
    few = Digits(TRAINING.images[:count], TRAINING.labels[:count])
    network, epochs = trained(replace(SHORT, epochs=1), few)
    torch.manual_seed(SHORT.seed)
    assert all(torch.all(torch.isfinite(values)) for values in network.state_dict().values())
    assert not same(network, build(TINY))
    assert math.isfinite(epochs[0].loss)


def test_half_precision_trains_as_well(monkeypatch: pytest.MonkeyPatch, short: nn.Module) -> None:
    """In bf16 the result is another, and the weights are float32 all the same."""
    monkeypatch.setattr("train.trainer.bf16_is_faster", lambda *_: True)
    network, _ = trained(SHORT)
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    assert not same(network, short)


def test_the_probe_leaves_no_trace() -> None:
    """Trying out both formats changes neither the network nor torch's random state."""
    network, images, labels = (
        build(TINY),
        torch.from_numpy(TRAINING.images),
        torch.from_numpy(TRAINING.labels),
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    assert bf16_is_faster(network, images[:16].float(), labels[:16]) in (True, False)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_logits_of_many_digits_keep_their_order(short: nn.Module) -> None:
    """More digits than go through at once give the logits that they give one part at a time."""
    many = np.tile(TRAINING.images, (3, 1, 1))
    once = logits_of(short, TRAINING.images, "cpu")
    assert once.shape == (400, 10)
    assert torch.allclose(logits_of(short, many, "cpu"), once.repeat(3, 1), atol=1e-4)


@pytest.mark.parametrize(("wrong", "accuracy"), [(0, 1.0), (100, 0.75), (400, 0.0)])
def test_accuracy_is_the_share_of_right_answers(short: nn.Module, wrong: int, accuracy: float) -> None:
    """Against its own answers, so many of them made wrong, the network scores exactly that."""
    labels = logits_of(short, TRAINING.images, "cpu").argmax(dim=1).numpy()
    labels[:wrong] = (labels[:wrong] + 1) % 10
    assert accuracy_of(short, Digits(TRAINING.images, labels), "cpu") == accuracy

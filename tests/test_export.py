"""Model folders as `train.export` writes them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner, Result

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, ONNX, WEIGHTS, Card, Model, _torch, load, sha256_of
from batch_classify.network import Architecture, build, build_model
from batch_classify.preprocess import VERSION
from train.cli import app
from train.export import check_out, write_model

LAYERS: Architecture = [
    {"layer": "normalise", "mean": 33.0, "std": 78.0},
    {"layer": "conv", "out_channels": 4, "kernel_size": 5, "stride": 3, "bias": False},
    {"layer": "batch_norm"},
    {"layer": "relu"},
    {"layer": "max_pool", "kernel_size": 2},
    {"layer": "conv", "out_channels": 6, "kernel_size": 2},
    {"layer": "flatten"},
    {"layer": "dropout", "p": 0.5},
    {"layer": "linear", "out_features": 10},
]
FILES = {ONNX, WEIGHTS, CARD}


def card(name: str = "small") -> Card:
    """Return the card that `write_model` completes."""
    return Card(name, LAYERS, VERSION, temperature=1.25, review_below=0.7, target_error=0.001)


def pictures(n: int) -> np.ndarray:
    """Return random pictures, uint8 [n, 28, 28]."""
    return np.random.default_rng(n).integers(0, 256, (n, 28, 28), np.uint8)


def names_in(folder: Path) -> set[str]:
    """Return the names of all that lies in a folder, hidden or not."""
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Return a network with random weights whose batch normalisation has seen pictures, still training."""
    torch.manual_seed(0)
    network = build(LAYERS).train()
    network(torch.from_numpy(pictures(64)))
    return network.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def written(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """Return a model folder, really exported, and the card that came back."""
    folder = tmp_path_factory.mktemp("export") / "model"
    return folder, write_model(folder, network, card())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a line instead of the ONNX file, which takes seconds."""
    monkeypatch.setattr("train.export._write_onnx", lambda network, path: path.write_text("a network"))
    monkeypatch.setattr("train.export.quantise", lambda path, images: False)


def test_three_files_and_their_hashes(written: tuple[Path, Card]) -> None:
    """The folder holds its three files alone, and the card says truly what is in the others."""
    folder, returned = written
    assert names_in(folder) == FILES
    assert names_in(folder.parent) == {"model"}
    assert returned.files == {name: sha256_of(folder / name) for name in (ONNX, WEIGHTS)}
    assert Card(**json.loads((folder / CARD).read_text())).to_json() == returned.to_json()
    assert (returned.name, returned.temperature, returned.review_below) == ("small", 1.25, 0.7)
    assert returned.versions["torch"] == torch.__version__.split("+")[0]


def test_others_may_read_it(written: tuple[Path, Card]) -> None:
    """The account that runs the job need not be the one that trained."""
    folder, _ = written
    assert (folder / WEIGHTS).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("n", [1, 3, 257])
def test_onnx_and_torch_say_the_same(network: nn.Module, written: tuple[Path, Card], n: int) -> None:
    """For any number of pictures, what the job loads gives the logits of the network that was trained."""
    model = load(written[0], "cpu", preprocessing=VERSION)
    images = pictures(n)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(images)).numpy()
    found = model.logits(images)
    assert (found.shape, found.dtype) == ((n, 11), np.float32)
    assert np.abs(found[:, :10] - expected).max() < 1e-4
    assert np.all(found[:, 10] == -np.inf)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("turns", [[], [-8.0, 8.0]], ids=["upright", "turned"])
@pytest.mark.parametrize("share", [0.0, 0.425, 1.0])
def test_a_cascade_says_the_same(tmp_path: Path, share: float, turns: list[float]) -> None:
    """Whether it is unsure of none of the pictures, of some or of all, alone or together."""
    torch.manual_seed(0)
    images = pictures(20)
    quick, careful = [{"layer": "flatten"}, LAYERS[-1]], LAYERS[1:]
    layers = {"layer": "cascade", "quick": quick, "careful": careful, "sure": 1.0, "turns": turns}
    cascade = build([LAYERS[0], layers])
    with torch.inference_mode():
        softmax = cascade[1].quick(cascade[0](torch.from_numpy(images))).softmax(1).amax(1)
        sure = torch.cat([softmax, softmax.max().view(1) + 1]).quantile(share).item()
        cascade[1].sure = cascade[1].turn_below = sure
        expected = cascade(torch.from_numpy(images)).numpy()
    write_model(tmp_path / "model", cascade, card())
    model = load(tmp_path / "model", "cpu", preprocessing=VERSION)
    found = model.logits(images)
    assert np.abs(found[:, :10] - expected).max() < 1e-4
    assert np.array_equal(found, np.concatenate([model.logits(image[None]) for image in images]))


def test_the_weights_make_the_same_network_again(network: nn.Module, written: tuple[Path, Card]) -> None:
    """The card's layers with the stored weights are the network that was trained, to the bit."""
    folder, returned = written
    again = build_model(returned.architecture, None)
    again.load_state_dict(load_file(folder / WEIGHTS))
    for name, values in network.state_dict().items():
        assert torch.equal(again.state_dict()[f"reader.{name}"], values)


@pytest.mark.usefixtures("quick")
def test_a_model_that_was_there_is_replaced(network: nn.Module, tmp_path: Path) -> None:
    """The new model takes the old one's place, with nothing left of it, there or beside."""
    folder = tmp_path / "model"
    write_model(folder, network, card("old"))
    (folder / "stale").write_text("of the old one")
    write_model(folder, network, card("new"))
    assert json.loads((folder / CARD).read_text())["name"] == "new"
    assert names_in(folder) == FILES
    assert names_in(tmp_path) == {"model"}


@pytest.mark.usefixtures("quick")
def test_a_link_to_a_model_stays_a_link(network: nn.Module, tmp_path: Path) -> None:
    """The model is written where the link leads, so that the name people use goes on working."""
    write_model(tmp_path / "v1", network, card("old"))
    link = tmp_path / "current"
    link.symlink_to("v1")
    check_out(link)
    write_model(link, network, card("new"))
    assert link.is_symlink()
    assert json.loads((tmp_path / "v1" / CARD).read_text())["name"] == "new"
    assert names_in(tmp_path) == {"v1", "current"}


@pytest.mark.usefixtures("quick")
def test_the_working_folder_can_be_the_model(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder that one stands in passes the check, and then is written."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    check_out(Path())
    write_model(Path(), network, card())
    assert names_in(tmp_path / "here") == FILES
    assert names_in(tmp_path) == {"here"}


FAILURES: dict[str, tuple[str, Exception, type[Exception]]] = {
    "no room for the network": ("train.export._write_onnx", OSError(28, "No space left on device"), JobError),
    "no room for the weights": (
        "train.export.save_file",
        SafetensorError("No space left on device"),
        JobError,
    ),
    "defect": ("train.export._write_onnx", RuntimeError("No space left on device"), RuntimeError),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("before", [set(), {"model"}], ids=["new", "replacing"])
@pytest.mark.parametrize(("function", "error", "raised"), FAILURES.values(), ids=FAILURES)
def test_a_failure_leaves_all_as_it_was(
    network: nn.Module,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: set[str],
    function: str,
    error: Exception,
    raised: type[Exception],
) -> None:
    """Nothing half written stays behind, the old model is whole, and the message says what was wrong."""

    def fail(*_: object) -> None:
        raise error

    folder = tmp_path / "model"
    if before:
        write_model(folder, network, card("old"))
    monkeypatch.setattr(function, fail)
    with pytest.raises(raised, match="No space left on device") as caught:
        write_model(folder, network, card("new"))
    if isinstance(caught.value, JobError):
        assert caught.value.code is ExitCode.OUTPUT
        assert str(folder) in str(caught.value)
    assert names_in(tmp_path) == before
    if before:
        assert json.loads((folder / CARD).read_text())["name"] == "old"
        assert names_in(folder) == FILES


@pytest.mark.usefixtures("quick")
def test_the_old_model_is_put_back(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the new model cannot be moved to its place, the old one is there again."""
    folder, rename = tmp_path / "model", Path.rename
    write_model(folder, network, card("old"))

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(JobError, match="Permission denied"):
        write_model(folder, network, card("new"))
    assert json.loads((folder / CARD).read_text())["name"] == "old"
    assert names_in(tmp_path) == {"model"}


def test_a_parent_that_is_missing(network: nn.Module, tmp_path: Path) -> None:
    """Without `check_out`, which makes the parent, writing fails as an error of the output."""
    with pytest.raises(JobError, match="cannot write the model") as caught:
        write_model(tmp_path / "none" / "model", network, card())
    assert caught.value.code is ExitCode.OUTPUT


@pytest.mark.usefixtures("quick")
def test_extras_lie_beside_the_three_files(network: nn.Module, tmp_path: Path) -> None:
    """They are written as they are, and a model is whole without them."""
    extras = {"training.csv": "epoch\n1\n", "page.html": "<p>é", "raw.bin": b"\x00\xff\r\n"}
    written = write_model(tmp_path / "model", network, card(), extras)
    assert names_in(tmp_path / "model") == FILES | extras.keys()
    for name, content in extras.items():
        expected = content.encode() if isinstance(content, str) else content
        assert (tmp_path / "model" / name).read_bytes() == expected
    assert written.files.keys() == {ONNX, WEIGHTS}


@pytest.mark.parametrize("name", [CARD, ONNX, WEIGHTS, "deep/down.csv", "../out.csv", ""])
def test_extras_stay_in_their_place(network: nn.Module, tmp_path: Path, name: str) -> None:
    """An extra file neither replaces one of the three nor leaves the folder."""
    with pytest.raises(ValueError, match="names"):
        write_model(tmp_path / "model", network, card(), {name: ""})
    assert names_in(tmp_path) == set()


def test_a_judge_has_an_output_of_its_own(network: nn.Module, tmp_path: Path) -> None:
    """Its score, the difference of its two logits, is the last column in both runtimes."""
    layers = [LAYERS[0], {"layer": "flatten"}, {"layer": "linear", "out_features": 2}]
    torch.manual_seed(1)
    judge = build(layers, outputs=2)
    images = pictures(5)
    with torch.inference_mode():
        verdicts = judge(torch.from_numpy(images)).numpy()
    folder = tmp_path / "model"
    write_model(folder, network, replace(card(), judge=layers), check=images, judge=judge)
    model = load(folder, "cpu", preprocessing=VERSION)
    found = model.logits(images)
    assert np.abs(found[:, 10] - (verdicts[:, 1] - verdicts[:, 0])).max() < 1e-4
    torch_says = _torch(folder, model.card, "cpu", (folder / WEIGHTS).read_bytes())(images)
    assert np.abs(torch_says - found).max() < 1e-4


@pytest.mark.parametrize("count", [1, 300], ids=["less than a batch", "more than a batch"])
def test_the_runtimes_are_compared(network: nn.Module, tmp_path: Path, count: int) -> None:
    """The card says how far onnxruntime's logits are from torch's, and keeps its other metrics."""
    before = replace(card(), metrics={"validation": {"accuracy": 0.5}})
    images = pictures(count)
    after = write_model(tmp_path / "model", network, before, check=images)
    model = load(tmp_path / "model", "cpu", preprocessing=VERSION)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(images)).numpy()
    difference = float(np.abs(model.logits(images)[:, :10] - expected).max())
    assert after.metrics["onnx_difference"] == pytest.approx(difference, abs=1e-5)
    assert after.metrics["onnx_difference"] < 1e-4
    assert after.metrics["validation"] == {"accuracy": 0.5}
    assert model.card.metrics == after.metrics


def cascade() -> nn.Module:
    """Return a cascade whose careful network reads every picture."""
    torch.manual_seed(0)
    quick = [{"layer": "flatten"}, LAYERS[-1]]
    layers = {"layer": "cascade", "quick": quick, "careful": LAYERS[1:], "sure": 1.0}
    return build([LAYERS[0], layers])


def test_a_careful_network_becomes_whole_numbers(tmp_path: Path) -> None:
    """Of 8 bits, where no label changes by it; its logits are near the network's, alone or together."""
    images, folder = pictures(1000), tmp_path / "model"
    written = write_model(folder, cascade(), card(), check=images)
    assert {node.op_type for node in onnx.load(folder / ONNX).graph.node} >= {"QuantizeLinear", "Conv"}
    model = load(folder, "cpu", preprocessing=VERSION)
    with torch.inference_mode():
        expected = cascade()(torch.from_numpy(images)).numpy()
    found = model.logits(images)
    assert np.array_equal(found, np.concatenate([model.logits(image[None]) for image in images]))
    assert 1e-4 < np.abs(found[:, :10] - expected).max() < 0.1
    assert written.metrics["int8_difference"] == pytest.approx(
        np.abs(found[:, :10] - expected).max(), abs=1e-5
    )
    assert written.metrics["onnx_difference"] < 1e-4


def test_too_few_digits_leave_it_as_it_was(tmp_path: Path) -> None:
    """They would not show how large values get."""
    written = write_model(tmp_path / "model", cascade(), card(), check=pictures(999))
    assert "int8_difference" not in written.metrics


def test_where_a_label_would_change_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that whole numbers spoil is kept as it was."""

    def spoil(path: Path, images: np.ndarray) -> bool:
        write_model(tmp_path / "other", build([*LAYERS[:-1], {**LAYERS[-1], "bias": False}]), card("other"))
        path.write_bytes((tmp_path / "other" / ONNX).read_bytes())
        return True

    monkeypatch.setattr("train.export.quantise", spoil)
    images, folder = pictures(1000), tmp_path / "model"
    sure = replace(card(), temperature=0.01)  # untrained, it is not sure enough for a change to count
    written = write_model(folder, cascade(), sure, check=images)
    with torch.inference_mode():
        expected = cascade()(torch.from_numpy(images)).numpy()
    found = load(folder, "cpu", preprocessing=VERSION).logits(images)
    assert np.abs(found[:, :10] - expected).max() < 1e-4
    assert "int8_difference" not in written.metrics


@pytest.mark.parametrize("check", [None, pictures(0)], ids=["none", "empty"])
@pytest.mark.usefixtures("quick")
def test_without_digits_nothing_is_compared(
    network: nn.Module, tmp_path: Path, check: np.ndarray | None
) -> None:
    """A model can be written without a check, and then its card says nothing of one."""
    assert "onnx_difference" not in write_model(tmp_path / "model", network, card(), check=check).metrics


# Logits of digits 0 and 1; the card's temperature is 1.25.
PAIRS: dict[str, tuple[tuple[float, float], tuple[float, float], bool]] = {
    "same": ((2.0, 1.0), (2.1, 1.0), True),
    "label differs": ((2.0, 1.0), (1.0, 2.0), False),
    "label differs, hardly apart": ((1.02, 1.0), (1.0, 1.02), True),
    "label differs, just too far apart": ((1.07, 1.0), (1.0, 1.07), False),
    "not finite": ((2.0, 1.0), (float("nan"), 1.0), False),
}


@pytest.mark.parametrize(("ours", "theirs", "fine"), PAIRS.values(), ids=PAIRS)
@pytest.mark.usefixtures("quick")
def test_runtimes_that_disagree_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ours: tuple[float, float],
    theirs: tuple[float, float],
    fine: bool,
) -> None:
    """Another label is a defect unless the two best probabilities are within 0.01; nothing is written."""

    def logits(pair: tuple[float, float], count: int) -> np.ndarray:
        return np.tile(np.array([*pair, *[-1.0] * 8], np.float32), (count, 1))

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(logits(ours, len(images)))

    def load_fixed(folder: Path, device: str, *, preprocessing: int) -> Model:
        assert (folder / CARD).exists()
        return Model(card(), "", device, lambda images: logits(theirs, len(images)))

    monkeypatch.setattr("train.export.load", load_fixed)
    if fine:
        written = write_model(tmp_path / "model", Fixed(), card(), check=pictures(3))
        assert written.metrics["onnx_difference"] == pytest.approx(
            max(np.abs(np.subtract(ours, theirs))), abs=1e-6
        )
        return
    with pytest.raises(JobError, match="no model was written") as caught:
        write_model(tmp_path / "model", Fixed(), card(), check=pictures(3))
    assert caught.value.code is ExitCode.DEFECT
    assert names_in(tmp_path) == set()


def make_file(folder: Path) -> None:
    """Put a file where the model should go."""
    folder.write_text("precious")


def make_other_folder(folder: Path) -> None:
    """Put a folder with somebody's work where the model should go."""
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")


def make_file_for_parent(folder: Path) -> None:
    """Put a file where the model's parent should be."""
    folder.parent.rmdir()
    folder.parent.write_text("precious")


@pytest.mark.parametrize("make", [make_file, make_other_folder, make_file_for_parent])
def test_what_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """Anything but a model or an empty folder stays untouched, and the message names it with a remedy."""
    folder = tmp_path / "parent" / "model"
    folder.parent.mkdir()
    make(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JobError, match=r"Name an?(other)? folder") as caught:
        check_out(folder)
    assert caught.value.code is ExitCode.OUTPUT
    assert str(folder) in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert [path.read_text() for path in before if path.is_file()] == ["precious"]


def make_model(folder: Path) -> None:
    """Put what looks like a model there."""
    folder.mkdir()
    (folder / CARD).write_text("{}")


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir, make_model], ids=["new", "empty", "model"])
@pytest.mark.parametrize("place", ["model", "deep/down/model"])
def test_what_can_be_written_passes(tmp_path: Path, place: str, make: Callable[[Path], None]) -> None:
    """The check makes the parent folders, and leaves nothing else behind."""
    folder = tmp_path / place
    folder.parent.mkdir(parents=True, exist_ok=True)
    make(folder)
    before = names_in(folder.parent)
    check_out(folder)
    assert names_in(folder.parent) == before


def test_missing_parents_are_made(tmp_path: Path) -> None:
    """A path of new folders is no reason to refuse."""
    check_out(tmp_path / "deep" / "down" / "model")
    assert names_in(tmp_path / "deep") == {"down"}
    assert names_in(tmp_path / "deep" / "down") == set()


def run(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_stopped_training_becomes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`export` writes the weights and the card that the training would have written itself."""
    kept: list[tuple[dict[str, torch.Tensor], Card]] = []

    def stop(folder: Path, network: nn.Module, card: Card, *_: object, **__: object) -> Card:
        kept.append((network.state_dict(), card))
        raise KeyboardInterrupt

    monkeypatch.setattr("train.data.SYNTHETIC_COUNT", 100)
    with monkeypatch.context() as patched:
        patched.setattr("train.job.write_model", stop)
        options = ("--data", "synthetic", "--arch", "mlp-128-64", "--epochs", "2", "--batch-size", "16")
        stopped = run("fit", *options, "--device", "cpu", "--out", tmp_path / "model")
    assert stopped.exit_code == ExitCode.INTERRUPTED, stopped.stderr
    result = run("export", tmp_path / "model.checkpoint", "--out", tmp_path / "model")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert f"wrote {tmp_path / 'model'}" in result.stderr.replace("\n", "")
    assert "after 2 epochs" in result.stderr
    (weights, expected) = kept[0]
    again = load_file(tmp_path / "model" / WEIGHTS)
    assert again.keys() == {f"reader.{name}" for name in weights}
    assert all(torch.equal(again[f"reader.{name}"], values.cpu()) for name, values in weights.items())
    found = load(tmp_path / "model", "cpu", preprocessing=VERSION).card
    assert (found.temperature, found.review_below) == (expected.temperature, expected.review_below)
    assert found.metrics["validation"] == expected.metrics["validation"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{tmp}/none", "--out", "{tmp}/model"], ExitCode.INPUT, "{tmp}/none"),
        (["{tmp}/none", "--out", "{tmp}"], ExitCode.OUTPUT, "not a model folder"),
        ([], ExitCode.USAGE, "Missing argument"),
    ],
)
def test_what_cannot_be_exported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: ExitCode,
    message: str,
) -> None:
    """A checkpoint that is not there, or an output that is something else, is told with its exit code."""
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "file").touch()
    result = run("export", *(part.format(tmp=tmp_path) for part in arguments))
    assert result.exit_code == code, result.output
    assert message.format(tmp=tmp_path) in result.stderr
    assert names_in(tmp_path) == {"file"}

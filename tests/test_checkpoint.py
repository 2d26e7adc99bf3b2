"""Trainings in progress on disk, in `train.checkpoint`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from batch_classify.errors import ExitCode, JobError
from train.checkpoint import CSV, STATE, Checkpoint, place_of, read, remove, write
from train.display import training_csv
from train.trainer import Epoch

EPOCHS = (Epoch(1, 1 / 3, 0.9, 4e-3, 1000.5, 1.5), Epoch(2, 0.1, 0.95, 1e-17, 2000.5, 0.5))
FACTS = {"data": ["mnist"], "lr": 0.1, "init": None, "ema": True}


def checkpoint(value: float = 1.0) -> Checkpoint:
    """Return a checkpoint with a state as trainings have it: nested, of several types and formats."""
    pictures = torch.arange(48.0).reshape(2, 2, 3, 4).to(memory_format=torch.channels_last)
    state = {
        "network": {"0.weight": pictures * value, "0.count": torch.tensor(7)},
        "average": {},
        "optimiser": {
            "state": {"0": {"step": torch.tensor(3.0)}},
            "groups": [{"lr": 1 / 3, "betas": [0.9, 1]}],
        },
        "generator": torch.Generator().get_state(),
        "half": False,
        "epoch": 2,
    }
    return Checkpoint(FACTS, EPOCHS, state)


def same(one: object, other: object) -> bool:
    """Whether two nested values are the same, tensors to the bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    return one == other


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where the checkpoint of a model would be."""
    return place_of(tmp_path / "model")


def test_it_comes_back_as_it_was(place: Path) -> None:
    """Facts, epochs and state are equal, to the bit."""
    write(place, checkpoint())
    again = read(place)
    assert again.facts == FACTS
    assert again.epochs == EPOCHS
    assert same(again.state, checkpoint().state)


def test_it_lies_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is the model folder's with an ending, for the current folder too."""
    monkeypatch.chdir(tmp_path)
    assert place_of(Path("a.b")) == tmp_path / "a.b.checkpoint"
    assert place_of(Path()) == tmp_path.parent / f"{tmp_path.name}.checkpoint"


def test_the_next_one_replaces_it(place: Path) -> None:
    """There are two files, whole ones, however often it is written; one is a table for people."""
    for value in (1.0, 2.0):
        write(place, checkpoint(value))
    assert same(read(place).state, checkpoint(2.0).state)
    assert sorted(file.name for file in place.iterdir()) == [STATE, CSV]
    assert (place / CSV).read_text() == training_csv(EPOCHS)


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_one_that_cannot_be_written_leaves_the_last(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If the disk is full, it is said so, and the checkpoint before is still whole."""
    write(place, checkpoint())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*(("os.fsync", fail) if name == "fsync" else (Path, name, fail)))
    with pytest.raises(JobError, match="No space left") as caught:
        write(place, checkpoint(2.0))
    assert caught.value.code is ExitCode.OUTPUT
    assert same(read(place).state, checkpoint().state)
    assert len(list(place.iterdir())) == 2


def test_an_interruption_leaves_the_last(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the midst of writing does no harm either."""
    write(place, checkpoint())

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(place, checkpoint(2.0))
    assert same(read(place).state, checkpoint().state)
    assert len(list(place.iterdir())) == 2


def test_there_is_none(place: Path) -> None:
    """The message names the place and the way out."""
    with pytest.raises(JobError, match=r"there is none.*Leave out --resume") as caught:
        read(place)
    assert caught.value.code is ExitCode.INPUT
    assert str(place) in str(caught.value)


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "without JSON", "folder"])
def test_a_damaged_one(place: Path, kind: str) -> None:
    """Whatever is wrong with the file, it is a message and no traceback."""
    from safetensors.torch import save

    write(place, checkpoint())
    file = place / STATE
    whole = file.read_bytes()
    file.unlink()
    if kind == "folder":
        file.mkdir()
    else:
        contents = {"empty": b"", "text": b"a text" * 9, "cut": whole[:-9], "without JSON": save({})}
        file.write_bytes(contents[kind])
    with pytest.raises(JobError, match="damaged") as caught:
        read(place)
    assert caught.value.code is ExitCode.INPUT


def test_removing_it(place: Path) -> None:
    """Nothing is left, and where there is nothing, nothing happens; a stranger's file stays."""
    remove(place)
    write(place, checkpoint())
    remove(place)
    assert not place.exists()
    write(place, checkpoint())
    (place / "notes.txt").write_text("mine")
    remove(place)
    assert [file.name for file in place.iterdir()] == ["notes.txt"]

"""A training in progress, on disk beside the model folder to come, so that it can go on after a stop.

`X.checkpoint/` holds `state.safetensors` (every tensor, and all else as JSON in its header; no pickle)
and `training.csv` for people. Each is written whole or not at all. Knows nothing of what a state means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from batch_classify.errors import ExitCode, JobError
from batch_classify.rewrite import rewrite
from train.display import training_csv
from train.trainer import Epoch, State

STATE, CSV = "state.safetensors", "training.csv"
_JSON, _TENSOR = "checkpoint", "tensor"  # keys: of the JSON in the header; of a tensor's name in the JSON


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What decides the training, as values that JSON knows; the epochs so far; and the state after them."""

    facts: Mapping[str, Any]
    epochs: Sequence[Epoch]
    state: State


def place_of(out: Path) -> Path:
    """Return where the checkpoint of the model folder `out` is."""
    out = out.resolve()
    return out.with_name(f"{out.name}.checkpoint")


def write(place: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint that is at `place`. Raises JobError (OUTPUT)."""
    tensors: dict[str, torch.Tensor] = {}
    header = {
        "facts": checkpoint.facts,
        "epochs": [asdict(epoch) for epoch in checkpoint.epochs],
        "state": _without_tensors(checkpoint.state, "state", tensors),
    }
    try:
        place.mkdir(exist_ok=True)
        rewrite(place / STATE, save(tensors, {_JSON: json.dumps(header)}))
        rewrite(place / CSV, training_csv(checkpoint.epochs).encode())
    except OSError as error:
        raise _cannot_write(place, error) from error


def read(place: Path) -> Checkpoint:
    """Read the checkpoint at `place`. Raises JobError (INPUT)."""
    try:
        with safe_open(place / STATE, "pt") as file:
            header = json.loads(file.metadata()[_JSON])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        epochs = tuple(Epoch(**epoch) for epoch in header["epochs"])
        return Checkpoint(header["facts"], epochs, _with_tensors(header["state"], tensors))
    except FileNotFoundError as error:
        problem = "there is none: the training has ended, or got to the end of no epoch"
        raise _unusable(place, problem) from error
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _unusable(place, f"it is damaged ({error})") from error


def remove(place: Path) -> None:
    """Remove a checkpoint, as far as it is there."""
    with suppress(OSError):  # somebody else's files in the folder stay, and so does the folder
        for name in (STATE, CSV):
            (place / name).unlink(missing_ok=True)
        place.rmdir()


def _without_tensors(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Move all tensors in nested values to `tensors`, and put their names in their place."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous()
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        return {key: _without_tensors(inner, f"{name}.{key}", tensors) for key, inner in value.items()}
    return value


def _with_tensors(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {_TENSOR}:
        return tensors[value[_TENSOR]]
    return {key: _with_tensors(inner, tensors) for key, inner in value.items()}


def _cannot_write(place: Path, error: OSError) -> JobError:
    return JobError(
        ExitCode.OUTPUT,
        f"cannot write the checkpoint to {place}: {error.strerror}. Free the place, or name another folder "
        "with --out.",
    )


def _unusable(place: Path, problem: str) -> JobError:
    return JobError(
        ExitCode.INPUT,
        f"cannot go on from the checkpoint {place}: {problem}. Leave out --resume to train from the start.",
    )

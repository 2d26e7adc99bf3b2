"""A trained network written as a model folder, whole or not at all.

Knows the folder's files; what the card says comes from the caller.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, ONNX, WEIGHTS, Card, sha256_of

_PACKAGES = ("batch-classify", "numpy", "onnx", "onnxscript", "opencv-python", "torch", "torchvision")


def check_out(folder: Path) -> None:
    """Raise JobError (OUTPUT) now, and not after the training, if `folder` cannot be written."""
    folder = folder.resolve()
    if folder.exists() and not (folder / CARD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise JobError(
            ExitCode.OUTPUT,
            f"cannot write the model to {folder}: it exists and is not a model folder. Name another folder "
            "with --out.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder):
            pass
    except OSError as error:
        raise _cannot_write(folder, error) from error


def write_model(folder: Path, network: nn.Module, card: Card) -> Card:
    """Write `network` and its card, with the files' hashes and the versions filled in, as `folder`.

    Returns the card as written. A model that was there is replaced only when the new one is complete.
    Raises JobError (OUTPUT).
    """
    folder = folder.resolve()  # a link keeps pointing there, and "." has a name
    network = network.to("cpu").to(memory_format=torch.contiguous_format).eval()
    try:
        with _beside(folder) as place:
            partial = Path(place, "new")
            partial.mkdir()
            save_file(network.state_dict(), partial / WEIGHTS)
            (partial / WEIGHTS).chmod(0o644)  # as the other files; safetensors keeps it to the owner
            _write_onnx(network, partial / ONNX)
            hashes = {name: sha256_of(partial / name) for name in (ONNX, WEIGHTS)}
            versions = {package: version(package) for package in _PACKAGES}
            card = replace(card, files=hashes, versions=versions)
            (partial / CARD).write_text(card.to_json(), encoding="utf-8")
            _put(partial, folder, Path(place, "replaced"))
    except (OSError, SafetensorError) as error:
        raise _cannot_write(folder, error) from error
    return card


def _beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a hidden folder on the same disk that goes away again however its block ends."""
    return tempfile.TemporaryDirectory(
        prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent, ignore_cleanup_errors=True
    )


def _put(new: Path, folder: Path, replaced: Path) -> None:
    """Move `new` to `folder`, and what was there to `replaced`; if that fails, it is back."""
    if folder.exists():
        folder.rename(replaced)
    try:
        new.rename(folder)
    except BaseException:
        if replaced.exists():
            replaced.rename(folder)
        raise


def _write_onnx(network: nn.Module, path: Path) -> None:
    """Export with any batch size: input `images` uint8 [N, 28, 28], output `logits` float32 [N, 10]."""
    example = torch.zeros(2, 28, 28, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # the exporter reports each of its steps
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            external_data=False,
            verbose=False,
        )


def _cannot_write(folder: Path, error: Exception) -> JobError:
    problem = getattr(error, "strerror", None) or error
    return JobError(
        ExitCode.OUTPUT,
        f"cannot write the model to {folder}: {problem}. Name a folder that you may write, with room on its "
        "disk.",
    )

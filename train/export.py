"""A trained network written as a model folder, whole or not at all, once both runtimes agree on it.

Knows the folder's files; what the card says comes from the caller.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from batch_classify.decide import probabilities
from batch_classify.errors import ExitCode, JobError
from batch_classify.model import CARD, ONNX, WEIGHTS, Card, Images, Logits, load, sha256_of
from batch_classify.network import ReaderAndJudge
from train.quantise import quantise

_PACKAGES = ("batch-classify", "numpy", "onnx", "onnxscript", "opencv-python", "torch", "torchvision")
_CLOSE = 0.01  # two probabilities nearer than this may change places between the runtimes
_CLOSE_IN_INT8 = 0.1  # and in 8 bits; either way the answer is no surer than 0.55, and goes to a human
_BATCH = 256


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


def write_model(
    folder: Path,
    reader: nn.Module,
    card: Card,
    extras: Mapping[str, str | bytes] | None = None,
    check: Images | None = None,
    judge: nn.Module | None = None,
) -> Card:
    """Write the networks and their card, with the files' hashes and the versions filled in, as `folder`.

    `extras` are more files for the folder, by name; the card does not vouch for them, so that they can be
    taken out. `check`, uint8 [N, 28, 28], are real digits on which onnxruntime must say what torch says;
    the largest difference of their logits goes into the card's metrics as `onnx_difference`. If it says so
    with the careful networks in 8 bits too, that is what it gets, and `int8_difference` is how far those are.

    Returns the card as written. A model that was there is replaced only when the new one is complete.
    Raises JobError (OUTPUT), and (DEFECT) if the two runtimes do not agree.
    """
    extras = extras or {}
    if any(not name or Path(name).name != name or name in (ONNX, WEIGHTS, CARD) for name in extras):
        raise ValueError(f"a model folder cannot take the names {', '.join(extras)}")
    folder = folder.resolve()  # a link keeps pointing there, and "." has a name
    network = ReaderAndJudge(reader, judge).to("cpu").to(memory_format=torch.contiguous_format).eval()
    try:
        with _beside(folder) as place:
            partial = Path(place, "new")
            partial.mkdir()
            save_file(network.state_dict(), partial / WEIGHTS)
            (partial / WEIGHTS).chmod(0o644)  # as the other files; safetensors keeps it to the owner
            _write_onnx(network, partial / ONNX)
            versions = {package: version(package) for package in _PACKAGES}
            card = _vouch(partial, replace(card, versions=versions))
            if check is not None and len(check):
                logits = _logits(network, check)
                card = _measured(partial, card, check, logits, "onnx_difference", _CLOSE)
                card = _quickened(partial, card, check, logits)
            for name, content in extras.items():
                _write(partial / name, content)
            _put(partial, folder, Path(place, "replaced"))
    except (OSError, SafetensorError) as error:
        raise _cannot_write(folder, error) from error
    return card


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _vouch(folder: Path, card: Card) -> Card:
    """Write a card that knows the files in its folder, and return it."""
    card = replace(card, files={name: sha256_of(folder / name) for name in (ONNX, WEIGHTS)})
    _write(folder / CARD, card.to_json())
    return card


def _logits(network: ReaderAndJudge, images: Images) -> Logits:
    """Return what the network says of pictures, float32 [N, 10], or [N, 11] with a judge."""
    with torch.inference_mode():
        parts = [network(part) for part in torch.from_numpy(images).split(_BATCH)]
    logits, *scores = (torch.cat(output).float().numpy() for output in zip(*parts, strict=True))
    return np.column_stack([logits, *scores])


def _measured(folder: Path, card: Card, images: Images, ours: Logits, name: str, close: float) -> Card:
    """Write into the card, under a name, how far onnxruntime's logits are from ours.

    Raises JobError (DEFECT) as `_difference` does.
    """
    difference = _difference(folder, card, images, ours, close)
    return _vouch(folder, replace(card, metrics={**card.metrics, name: difference}))


def _quickened(folder: Path, card: Card, images: Images, ours: Logits) -> Card:
    """Quantise what is worth it, unless a label changes by that; return the card of what is there then."""
    exact = (folder / ONNX).read_bytes()
    if not quantise(folder / ONNX, images):
        return card
    try:
        return _measured(folder, _vouch(folder, card), images, ours, "int8_difference", _CLOSE_IN_INT8)
    except JobError:
        _write(folder / ONNX, exact)
        return _vouch(folder, card)


def _difference(folder: Path, card: Card, images: Images, ours: Logits, close: float) -> float:
    """Load the model as the job does, and return how far its logits are from ours.

    Raises JobError (DEFECT) if a label differs though the two best probabilities are not that close.
    """
    logits = ours[:, :10]
    run = load(folder, "cpu", preprocessing=card.preprocessing).logits
    theirs = np.concatenate([run(images[at : at + _BATCH]) for at in range(0, len(images), _BATCH)])
    difference = float(np.abs(theirs[:, : ours.shape[1]] - ours).max())
    best = [np.sort(probabilities(said[:, :10], card.temperature), axis=1) for said in (ours, theirs)]
    apart = np.logical_or(*(one[:, -1] - one[:, -2] >= close for one in best))
    differ = int((apart & (theirs[:, :10].argmax(axis=1) != logits.argmax(axis=1))).sum())
    if differ or not np.isfinite(difference):
        raise JobError(
            ExitCode.DEFECT,
            f"onnxruntime and torch read {differ:,} of {len(images):,} digits differently (their logits are "
            f"{difference:.3g} apart), so no model was written. This is a defect of the export: please "
            "report it with the versions of torch, onnx and onnxruntime.",
        )
    return round(difference, 8)


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


def _write_onnx(network: ReaderAndJudge, path: Path) -> None:
    """Export with any batch size: input `images` uint8 [N, 28, 28], output `logits` float32 [N, 10].

    With a judge there is also `reject_score`, float32 [N].
    """
    example = torch.zeros(2, 28, 28, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # the exporter reports each of its steps
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["images"],
            output_names=["logits"] if network.judge is None else ["logits", "reject_score"],
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

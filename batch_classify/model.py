"""The model folder, and running it: onnxruntime on CPU, torch on CUDA.

Knows 28×28 pictures and logits; knows nothing of scans, thresholds' use, or how a model is trained.
No pickle is ever loaded, and torch is imported only where a GPU is asked for or found.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_classify.errors import ExitCode, JobError

DEFAULT_MODEL = Path(__file__).parent / "models" / "default"
ONNX, WEIGHTS, CARD = "model.onnx", "weights.safetensors", "card.json"
DEVICES = ("auto", "cpu", "cuda")
SCHEMA = 1
_LARGEST_CARD, _LARGEST_FILE = 2**20, 2**30  # bytes; our largest network has a thousandth of that
_TORCH_BATCH = 512  # always full, so that a GPU runs the same kernels whatever the size of the job's batch
PRECISION = {"cpu": "single", "cuda": "half"}
_LEAST_BATCH = 16  # a GPU without the memory for these has none to speak of

Images = NDArray[np.uint8]
Logits = NDArray[np.float32]
Runtime = Callable[[Images], Logits]


@dataclass(frozen=True, slots=True)
class Card:
    """What a model says about itself; the contents of card.json.

    `review_below` is the confidence under which an answer goes to a human, set on held-out digits so that at
    most `target_error` of the accepted answers are wrong; `operating_points` has it for other target errors.
    `judge` holds the layers of the second network, which tells digits from what is none: a picture whose
    reject score is above `reject_above` is no digit. `files` holds the SHA-256 of the others.
    """

    name: str
    architecture: Sequence[Mapping[str, Any]]
    preprocessing: int
    temperature: float
    review_below: float
    target_error: float
    operating_points: Mapping[str, float] = field(default_factory=dict)
    judge: Sequence[Mapping[str, Any]] | None = None
    reject_above: float = 1.0
    classes: Sequence[int] = tuple(range(10))
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    def to_json(self) -> str:
        """Write the card as indented JSON, one line at the end."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its card, the hash of its card, the device it runs on and its network.

    `logits` takes uint8 [N, 28, 28], ink bright on 0, and gives float32 [N, 11]: of the ten digits, and of
    there being none (minus infinity without a judge). On CPU a picture's logits are the same to the bit
    whatever else is in the batch.
    """

    card: Card
    sha256: str
    device: str
    logits: Runtime


def load(folder: Path | None = None, device: str = "auto", *, preprocessing: int, wait: bool = True) -> Model:
    """Load a model folder (default: the shipped one) onto `device`: auto, cpu or cuda.

    Raises JobError (MODEL) if the folder is missing, damaged or made for another version of the
    preprocessing, and JobError (ENVIRONMENT) if CUDA is asked for and cannot be used. Unless it is to `wait`,
    the CPU's runtime is loaded in a thread, and `logits` raises what is wrong with it.
    """
    folder = folder or DEFAULT_MODEL
    card, sha256 = read_card(folder)
    if card.preprocessing != preprocessing:
        raise _bad(
            folder,
            f"was trained on preprocessing version {card.preprocessing} and this program has "
            f"version {preprocessing}",
            "Train it again with batch-classify-train fit, or use the version of this program that made it.",
        )
    files = {name: _checked(folder, name, sha256) for name, sha256 in card.files.items()}
    if chosen_device(device) == "cuda":
        return Model(card, sha256, "cuda", _torch(folder, card, "cuda", files[WEIGHTS]))
    runtime = partial(_onnxruntime, folder, files[ONNX])
    return Model(card, sha256, "cpu", runtime() if wait else _soon(runtime))


def read_card(folder: Path) -> tuple[Card, str]:
    """Read and check a model's card; return it with the SHA-256 of its bytes. Raises JobError (MODEL)."""
    try:
        data = _bounded(folder, CARD, _LARGEST_CARD)
    except OSError as error:
        raise _bad(folder, f"is not there or not readable ({CARD}: {error.strerror})") from error
    try:
        card = Card(**json.loads(data))
        _check(card)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(folder, f"has a {CARD} that makes no sense ({error})") from error
    return card, hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a model's file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    """Read a file that the card describes; what was checked is what is used, whatever happens to the file."""
    try:
        data = _bounded(folder, name, _LARGEST_FILE)
    except OSError as error:
        raise _bad(folder, f"is incomplete ({name}: {error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _bad(folder, f"is damaged: {name} is not the file that {CARD} describes")
    return data


def _bounded(folder: Path, name: str, most: int) -> bytes:
    with (folder / name).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _bad(folder, f"has a {name} of more than {most:,} bytes")
    return data


def chosen_device(device: str) -> str:
    """Settle `auto` on cuda where there is a GPU that torch can use, else on cpu.

    Raises JobError (ENVIRONMENT) if cuda is asked for and cannot be used, (USAGE) for any other word.
    """
    if device not in DEVICES:
        raise JobError(ExitCode.USAGE, f"--device {device}: choose one of {', '.join(DEVICES)}.")
    if device == "cpu" or (device == "auto" and not _driver_sees_gpu()):
        return "cpu"
    try:
        import torch

        if torch.cuda.is_available():
            return "cuda"
        cause = "torch finds no usable GPU"
    except ImportError as error:
        cause = f"torch cannot be imported: {error}"
    if device == "auto":
        return "cpu"
    raise JobError(
        ExitCode.ENVIRONMENT,
        f"--device cuda: {cause}. Check the driver with nvidia-smi and that torch was built for CUDA, "
        "or use --device cpu.",
    )


def _check(card: Card) -> None:
    """Raise ValueError unless the card's values can be worked with."""
    if card.schema != SCHEMA:
        raise ValueError(f"schema {card.schema}, and this program knows {SCHEMA}")
    if list(card.classes) != list(range(10)):
        raise ValueError("its classes are not the digits 0 to 9")
    if not 0 < card.temperature < math.inf:
        raise ValueError("its temperature is not above 0")
    named = {"review_below": card.review_below, "reject_above": card.reject_above}
    for name, threshold in {**named, **card.operating_points}.items():
        if not 0 <= threshold <= 1:
            raise ValueError(f"its {name} is not between 0 and 1")
    if not {ONNX, WEIGHTS} <= card.files.keys():
        raise ValueError(f"it does not name {ONNX} and {WEIGHTS}")
    if any(Path(name).name != name for name in card.files):
        raise ValueError("it names a file outside of the folder")


def _soon(load: Callable[[], Runtime]) -> Runtime:
    """Load in a thread, for which waits who asks first."""
    loading = ThreadPoolExecutor(1).submit(load)
    return lambda images: loading.result()(images)


def _onnxruntime(folder: Path, onnx: bytes) -> Runtime:
    # Microsoft's builds otherwise write an identifier of the machine into ~/.cache, to report their use with.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they come back as exceptions too
    try:
        session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        given = [output.name for output in session.get_outputs()]
        wanted = ["logits", *(["reject_score"] if "reject_score" in given else [])]
        session.run(wanted, {"images": np.zeros((1, 28, 28), np.uint8)})
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise _bad(folder, f"cannot be run by onnxruntime ({error})") from error

    def run(images: Images) -> Logits:
        return _joined(*session.run(wanted, {"images": images}))

    return run


def _joined(logits: Logits, scores: Logits | None = None) -> Logits:
    """Return the logits [N, 10] with the reject scores [N] as their last column."""
    last = np.full(len(logits), -np.inf, np.float32) if scores is None else scores
    return np.column_stack([logits, last]).astype(np.float32, copy=False)


def _torch(folder: Path, card: Card, device: str, weights: bytes) -> Runtime:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load as load_weights

    from batch_classify.network import build_model

    try:
        network = build_model(card.architecture, card.judge)
        network.load_state_dict(load_weights(weights))
    except (ValueError, RuntimeError, SafetensorError) as error:
        raise _bad(folder, f"cannot be loaded by torch ({error})") from error
    network.to(device).eval()
    on_gpu = device == "cuda"
    size = _TORCH_BATCH

    def read(images: Images) -> Logits:
        """Read in full batches; while the GPU is at one, the next is on its way there."""
        full = np.zeros((-(-len(images) // size) * size, *images.shape[1:]), np.uint8)
        full[: len(images)] = images
        here = torch.from_numpy(full).pin_memory() if on_gpu else torch.from_numpy(full)
        # Half precision changes no label of 2,000 validation digits, and no probability by more than 0.011.
        with torch.inference_mode(), torch.autocast(device, torch.float16, enabled=on_gpu):
            parts = [network(part.to(device, non_blocking=True)) for part in here.split(size)]
            outputs = [torch.cat(output).float().cpu().numpy() for output in zip(*parts, strict=True)]
        return _joined(*outputs)[: len(images)]

    def run(images: Images) -> Logits:
        nonlocal size
        while True:
            try:
                return read(images)
            except torch.OutOfMemoryError as error:
                if size <= _LEAST_BATCH:
                    raise JobError(
                        ExitCode.ENVIRONMENT,
                        f"the GPU has no memory for {size} pictures of 28×28. See with nvidia-smi what takes "
                        "it, or use --device cpu.",
                    ) from error
                size //= 2
                torch.cuda.empty_cache()

    return run


def _driver_sees_gpu() -> bool:
    """Ask the CUDA driver itself, since importing torch to ask takes two seconds and 600 MB."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _bad(folder: Path, problem: str, remedy: str = "") -> JobError:
    remedy = remedy or "Name a folder that batch-classify-train fit has written, or leave out --model."
    return JobError(ExitCode.MODEL, f"the model folder {folder} {problem}. {remedy}")

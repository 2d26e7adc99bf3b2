"""The networks that can be trained, each a list of layers; `batch_classify.network` builds them."""

from __future__ import annotations

from typing import Any

from batch_classify.errors import ExitCode, JobError
from batch_classify.network import Architecture


def _conv(channels: int, size: int = 3, stride: int = 1) -> list[dict[str, Any]]:
    """Return a convolution, batch normalisation and ReLU; onnxruntime fuses the three."""
    shape = {"kernel_size": size, "padding": size // 2, "stride": stride}
    return [
        {"layer": "conv", "out_channels": channels, **shape, "bias": False},
        {"layer": "batch_norm"},
        _RELU,
    ]


def _plain_conv(channels: int, padding: int) -> list[dict[str, Any]]:
    """Return a 3×3 convolution and ReLU, as tutorials have it."""
    return [{"layer": "conv", "out_channels": channels, "kernel_size": 3, "padding": padding}, _RELU]


def _dense(*widths: int) -> list[dict[str, Any]]:
    """Return hidden layers of these widths, each with ReLU, and the ten logits; the loss has the softmax."""
    hidden = [layer for width in widths for layer in ({"layer": "linear", "out_features": width}, _RELU)]
    return [{"layer": "flatten"}, *hidden, {"layer": "linear", "out_features": 10}]


_NORMALISE = {"layer": "normalise", "mean": 33.3, "std": 78.6}  # of MNIST's training pixels, in grey levels
_ZERO_TO_ONE = {"layer": "normalise", "mean": 0.0, "std": 255.0}
_MINUS_ONE_TO_ONE = {"layer": "normalise", "mean": 127.5, "std": 127.5}
_RELU = {"layer": "relu"}
_HALVE = {"layer": "max_pool", "kernel_size": 2}


def _vgg(*blocks: tuple[int, ...], outputs: int = 10) -> list[dict[str, Any]]:
    """Return blocks of convolutions to these channels, all but the last ended by pooling, and the logits.

    After Simonyan & Zisserman (2015).
    """
    convolved = [[layer for channels in block for layer in _conv(channels)] for block in blocks]
    return [
        *(layer for block in convolved[:-1] for layer in (*block, _HALVE)),
        *convolved[-1],
        *_logits(outputs),
    ]


def _logits(count: int) -> list[dict[str, Any]]:
    return [
        {"layer": "flatten"},
        {"layer": "dropout", "p": 0.2},
        {"layer": "linear", "out_features": count},
    ]


_TINY = _vgg((16,), (32,), (48,), ())

VGG_TINY: Architecture = [_NORMALISE, *_TINY]
"""23,000 parameters, 1.7 million multiply-adds a picture."""


def _strided(outputs: int = 10) -> list[dict[str, Any]]:
    """Return convolutions with strides, and the logits: a third of the time of `VGG_TINY`, which pools."""
    return [*_conv(16, 5, stride=2), *_conv(32, stride=2), *_conv(64, stride=2), *_logits(outputs)]


def _cascade(*careful: tuple[int, ...], quick: Architecture = _TINY) -> Architecture:
    """Return a quick network, and where it is not sure blocks of convolutions to these channels."""
    # Turned below 0.7 to 0.99, all read as many of the validation digits: docs/experiments.md 28.
    unsure = {"sure": 0.99, "turns": [-8.0, 8.0], "turn_below": 0.9}
    return [_NORMALISE, {"layer": "cascade", "quick": quick, "careful": _vgg(*careful), **unsure}]


_CAREFUL = (32,), (48, 48), (96, 96), (128,)

VGG_CASCADE = _cascade(*_CAREFUL)
"""`VGG_TINY`, and where it is not sure 282,000 parameters and 14 million multiply-adds more."""

_WIDE = (48,), (72, 72), (144, 144), (192,)

VGG_CASCADE_WIDE = _cascade(*_WIDE)
"""`VGG_TINY`, and where it is not sure 626,000 parameters and 32 million multiply-adds more."""

VGG_CASCADE_STRIDED = _cascade(*_WIDE, quick=_strided())
"""The same with a quick network of 34,000 parameters and 0.6 million multiply-adds: what ships."""

JUDGE: Architecture = [
    _NORMALISE,
    {
        "layer": "cascade",
        "quick": _strided(outputs=2),
        "careful": _vgg(*_CAREFUL, outputs=2),
        "sure": 0.99,
    },
]
"""Whether there is a digit, or none: a network with strides that sees every picture, and a careful one."""

MLP_4: Architecture = [_ZERO_TO_ONE, *_dense(256, 128, 64)]
MLP_128_64: Architecture = [_ZERO_TO_ONE, *_dense(128, 64)]
MLP_128_128: Architecture = [_MINUS_ONE_TO_ONE, *_dense(128, 128)]
CNN_3: Architecture = [
    _ZERO_TO_ONE,
    *_plain_conv(32, padding=0),
    *_plain_conv(64, padding=0),
    *_plain_conv(64, padding=0),
    *_dense(),
]
CNN_2: Architecture = [
    _ZERO_TO_ONE,
    *_plain_conv(32, padding=1),
    _HALVE,
    *_plain_conv(64, padding=1),
    _HALVE,
    *_dense(128),
]

DEFAULT = "vgg-cascade"
ARCHITECTURES: dict[str, Architecture] = {
    DEFAULT: VGG_CASCADE,
    "vgg-cascade-wide": VGG_CASCADE_WIDE,
    "vgg-cascade-strided": VGG_CASCADE_STRIDED,
    "vgg-tiny": VGG_TINY,
    "mlp-4": MLP_4,
    "mlp-128-64": MLP_128_64,
    "mlp-128-128": MLP_128_128,
    "cnn-3": CNN_3,
    "cnn-2": CNN_2,
}


def architecture_of(name: str) -> Architecture:
    """Return the architecture with this name. Raises JobError (USAGE) if there is none."""
    if name not in ARCHITECTURES:
        raise JobError(ExitCode.USAGE, f"--arch {name}: choose one of {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def name_of(architecture: Architecture) -> str | None:
    """Return the name of an architecture, if it has one here."""
    return next((name for name, layers in ARCHITECTURES.items() if layers == architecture), None)

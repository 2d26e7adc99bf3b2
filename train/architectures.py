"""The networks that can be trained, each a list of layers; `batch_classify.network` builds them."""

from __future__ import annotations

from typing import Any

from batch_classify.network import Architecture


def _conv(channels: int) -> list[dict[str, Any]]:
    """Return a 3×3 convolution, batch normalisation and ReLU; onnxruntime fuses the three."""
    return [
        {"layer": "conv", "out_channels": channels, "kernel_size": 3, "padding": 1, "bias": False},
        {"layer": "batch_norm"},
        {"layer": "relu"},
    ]


_NORMALISE = {"layer": "normalise", "mean": 33.3, "std": 78.6}  # of MNIST's training pixels, in grey levels
_HALVE = {"layer": "max_pool", "kernel_size": 2}

VGG_SMALL: Architecture = [
    _NORMALISE,
    *_conv(16),
    _HALVE,
    *_conv(32),
    *_conv(32),
    _HALVE,
    *_conv(64),
    *_conv(64),
    _HALVE,
    *_conv(128),
    {"layer": "flatten"},
    {"layer": "dropout", "p": 0.2},
    {"layer": "linear", "out_features": 10},
]
"""155,000 parameters, 6.2 million multiply-adds a picture (after Simonyan & Zisserman 2015)."""

"""A network from its description: the list of layers that a model's card holds, as a torch module.

Serves training and GPUs. The CPU path runs `model.onnx` and never imports this module, which imports torch.
Knows nothing of weights, files or training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

Layer = Mapping[str, Any]
"""One layer: its kind under `layer`, and beside it what that kind takes, such as `channels` and `size`."""

Architecture = Sequence[Layer]


class Normalise(nn.Module):
    """Pixels uint8 [N, 28, 28] to float32 [N, 1, 28, 28], less `mean` and over `std` (grey levels)."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise a batch."""
        return (images.unsqueeze(1).float() - self.mean) / self.std


class Cascade(nn.Module):
    """A quick network that reads every picture, and a careful one for those of which it is not sure.

    The quick one is `sure` of a picture if its softmax is at least that (Viola & Jones 2001 for the cascade,
    Teerapittayanon et al. 2016 for leaving early where the softmax allows it). Takes [N, …] and gives logits
    [N, 10]; in training both read every picture and give [2N, 10], the quick one's first.
    """

    def __init__(self, quick: Architecture, careful: Architecture, sure: float) -> None:
        super().__init__()
        self.quick, self.careful, self.sure = _sequence(quick), _sequence(careful), sure

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Read a batch."""
        logits: torch.Tensor = self.quick(images)
        if self.training:
            return torch.cat([logits, self.careful(images)])
        unsure = logits.softmax(1).amax(1) < self.sure
        if not torch.compiler.is_exporting():
            # Both on all, so that a GPU runs the same kernels whatever is in the batch.
            return torch.where(unsure.unsqueeze(1), self.careful(images), logits)
        places = unsure.nonzero().squeeze(1)
        torch._check(places.shape[0] != 0)  # for the exporter; onnxruntime takes none of them as well
        return logits.index_copy(0, places, self.careful(images[places]))


_LAYERS: dict[str, Callable[..., nn.Module]] = {
    "normalise": Normalise,
    "cascade": Cascade,
    "conv": nn.LazyConv2d,
    "batch_norm": nn.LazyBatchNorm2d,
    "relu": nn.ReLU,
    "max_pool": nn.MaxPool2d,
    "average_pool": nn.AvgPool2d,
    "flatten": nn.Flatten,
    "dropout": nn.Dropout,
    "linear": nn.LazyLinear,
}


def build(architecture: Architecture) -> nn.Sequential:
    """Build the network; input uint8 [N, 28, 28], output logits float32 [N, 10].

    Raises ValueError if a layer is unknown or the layers do not fit together.
    """
    try:
        network = _sequence(architecture).eval()
        logits = network(torch.zeros(1, 28, 28, dtype=torch.uint8))  # gives the lazy layers their sizes
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"the layers do not make a network ({error})") from error
    if logits.shape != (1, 10):
        raise ValueError(f"the network gives {tuple(logits.shape[1:])} instead of ten logits")
    return network


def _sequence(architecture: Architecture) -> nn.Sequential:
    return nn.Sequential(
        *(
            _LAYERS[layer["layer"]](**{k: v for k, v in layer.items() if k != "layer"})
            for layer in architecture
        )
    )

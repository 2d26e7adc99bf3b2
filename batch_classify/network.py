"""A network from its description: the list of layers that a model's card holds, as a torch module.

Serves training and GPUs. The CPU path runs `model.onnx` and never imports this module, which imports torch.
Knows nothing of weights, files or training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
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

    A network is `sure` of a picture if its softmax is at least that (Viola & Jones 2001 for the cascade,
    Teerapittayanon et al. 2016 for leaving early where the softmax allows it). Where the careful one's is
    less than `turn_below` (`sure`, unless given), its logits are the mean over the picture and the picture
    turned by `turns`, in degrees.

    Takes [N, C, H, W] and gives logits [N, classes]. In training it gives [2N, classes], the quick one's
    first; there the careful one reads the half of which the quick one is least sure, much as it will later,
    and the rest are the quick one's logits again, without a gradient (compare Jiang et al. 2019, selective
    backprop). Where the careful one is not to learn, it gives the quick one's logits alone.
    """

    def __init__(
        self,
        quick: Architecture,
        careful: Architecture,
        sure: float,
        turns: Sequence[float] = (),
        turn_below: float | None = None,
    ) -> None:
        super().__init__()
        self.quick, self.careful, self.turns = _sequence(quick), _sequence(careful), turns
        self.sure, self.turn_below = sure, sure if turn_below is None else turn_below

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Read a batch."""
        logits: torch.Tensor = self.quick(images)
        if self.training:
            if not any(weights.requires_grad for weights in self.careful.parameters()):
                return logits
            known = logits.detach()
            places = known.softmax(1).amax(1).topk((len(known) + 1) // 2, largest=False).indices
            return torch.cat(
                [logits, known.float().index_copy(0, places, self.careful(images[places]).float())]
            )
        return _where_below(self.sure, logits, images, self._read_carefully)

    def _read_carefully(self, images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.careful(images)
        return _where_below(self.turn_below, logits, images, self._read_turned) if self.turns else logits

    def _read_turned(self, images: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        views = torch.cat([turned(images, angle) for angle in self.turns])
        others: torch.Tensor = self.careful(views).reshape(len(self.turns), *known.shape)
        return (known + others.sum(0)) / (1 + len(self.turns))


def _where_below(
    sure: float,
    logits: torch.Tensor,
    images: torch.Tensor,
    read: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Replace the logits [N, C] whose softmax is below `sure` by what `read` makes of pictures and logits."""
    unsure = logits.softmax(1).amax(1) < sure
    if images.is_cuda:
        # Both on all, so that a GPU runs the same kernels whatever is in the batch.
        return torch.where(unsure.unsqueeze(1), read(images, logits), logits)
    places = unsure.nonzero().squeeze(1)
    if torch.compiler.is_exporting():
        torch._check(places.shape[0] != 0)  # onnxruntime takes none of them as well
    return logits.index_copy(0, places, read(images[places], logits[places]))


def turned(images: torch.Tensor, angle: float) -> torch.Tensor:
    """Turn pictures float [N, C, H, W] about their middle by `angle` degrees; the border goes on outside."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    matrix = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], dtype=images.dtype, device=images.device)
    grid = F.affine_grid(matrix, [1, *images.shape[1:]], align_corners=False)
    grids = grid.expand(images.shape[0], -1, -1, -1)
    return F.grid_sample(images, grids, padding_mode="border", align_corners=False)


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


class ReaderAndJudge(nn.Module):
    """The network that reads the digit, and beside it the one that judges whether there is one.

    Takes uint8 [N, 28, 28] and gives the logits float32 [N, 10] and, with a judge, the reject score
    float32 [N]: the logarithm of the odds that there is no digit.
    """

    def __init__(self, reader: nn.Module, judge: nn.Module | None) -> None:
        super().__init__()
        self.reader, self.judge = reader, judge

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Read and judge a batch."""
        logits: torch.Tensor = self.reader(images)
        if self.judge is None:
            return (logits,)
        verdict = self.judge(images)
        return logits, verdict[:, 1] - verdict[:, 0]


def build_model(architecture: Architecture, judge: Architecture | None) -> ReaderAndJudge:
    """Build both networks of a model, untrained. Raises ValueError as `build` does."""
    return ReaderAndJudge(build(architecture), None if judge is None else build(judge, outputs=2))


def build(architecture: Architecture, outputs: int = 10) -> nn.Sequential:
    """Build a network; input uint8 [N, 28, 28], output logits float32 [N, outputs].

    Raises ValueError if a layer is unknown or the layers do not fit together.
    """
    try:
        network = _sequence(architecture).eval()
        logits = network(torch.zeros(1, 28, 28, dtype=torch.uint8))  # gives the lazy layers their sizes
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"the layers do not make a network ({error})") from error
    if logits.shape != (1, outputs):
        raise ValueError(f"the network gives {tuple(logits.shape[1:])} instead of {outputs} logits")
    return network


def _sequence(architecture: Architecture) -> nn.Sequential:
    return nn.Sequential(
        *(
            _LAYERS[layer["layer"]](**{k: v for k, v in layer.items() if k != "layer"})
            for layer in architecture
        )
    )

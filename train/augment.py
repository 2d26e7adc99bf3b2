"""Digits as other hands, pens and scanners would have made them, a batch at a time on its device.

Knows pictures that `preprocess` has made; knows nothing of labels or networks.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by

_KNOTS = 5  # control points a side of the elastic field


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Vary pictures, float32 [N, 28, 28] from 0 to 255; the result has the same shape and range.

    Shape first (affine and elastic in one resampling; Simard et al. 2003), then the pen's width, then
    its darkness, blur and noise.
    """
    varied = _bend(images.unsqueeze(1) / 255, generator)
    varied = _vary_width(varied, generator)
    varied = _soften(varied, generator)
    return (varied.squeeze(1) * 255).clamp(0, 255)


def _uniform(
    n: int, low: float, high: float, images: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    values = torch.rand(n, generator=generator, device=images.device)
    return low + (high - low) * values


def _some(n: int, share: float, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a mask [n, 1, 1, 1] that is 1 for about `share` of the pictures."""
    return (torch.rand(n, 1, 1, 1, generator=generator, device=images.device) < share).float()


def _bend(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n = len(images)
    angle = _uniform(n, -12, 12, images, generator) * math.pi / 180
    shear = _uniform(n, -0.2, 0.2, images, generator)
    widen = 1 / _uniform(n, 0.82, 1.12, images, generator)
    heighten = 1 / _uniform(n, 0.9, 1.1, images, generator)
    shift_x, shift_y = (_uniform(n, -1.5, 1.5, images, generator) / 14 for _ in range(2))
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([cos * widen, (shear * cos - sin) * widen, shift_x], dim=1),
        torch.stack([sin * heighten, (shear * sin + cos) * heighten, shift_y], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    knots = torch.randn(n, 2, _KNOTS, _KNOTS, generator=generator, device=images.device)
    reach = _uniform(n, 0, 0.06, images, generator).view(-1, 1, 1, 1)
    field = F.interpolate(knots * reach, size=images.shape[-2:], mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + field.permute(0, 2, 3, 1), align_corners=False)


def _vary_width(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Move a third of the pictures towards a thicker stroke and a third towards a thinner one."""
    n = len(images)
    choice = torch.rand(n, 1, 1, 1, generator=generator, device=images.device)
    amount = _uniform(n, 0, 0.9, images, generator).view(-1, 1, 1, 1)
    thicker = F.max_pool2d(images, 3, stride=1, padding=1)
    thinner = -F.max_pool2d(-images, 3, stride=1, padding=1)
    images = images + (choice < 1 / 3) * amount * (thicker - images)
    # Full erosion would leave nothing of a thin stroke.
    return images + (choice > 2 / 3) * 0.5 * amount * (thinner - images)


def _soften(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n = len(images)
    blurred = F.avg_pool2d(images, 3, stride=1, padding=1)
    images = images + _some(n, 0.3, images, generator) * (blurred - images)
    darkness = 1 - _some(n, 0.3, images, generator) * _uniform(n, 0, 0.5, images, generator).view(-1, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    strength = _some(n, 0.2, images, generator) * _uniform(n, 0, 0.12, images, generator).view(-1, 1, 1, 1)
    return images * darkness + noise * strength

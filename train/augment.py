"""Digits as other hands, pens and scanners would have made them, a batch at a time on its device.

Knows pictures that `preprocess` has made; knows nothing of labels or networks.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by

_KNOTS = 5  # control points a side of the elastic field
_RARELY = 0.06  # of the pictures suffer each of the rougher changes


def augment(images: torch.Tensor, generator: torch.Generator, *, gentle: bool = False) -> torch.Tensor:
    """Vary pictures, float32 [N, 28, 28] from 0 to 255; the result has the same shape and range.

    What a few of them suffer first: an outline instead of strokes, a stray line, specks. Then the shape
    (affine and elastic in one resampling; Simard et al. 2003), the pen's width, its darkness, blur and noise.
    If `gentle`, only the shape varies.
    """
    varied = images.unsqueeze(1) / 255
    for change in [_bend] if gentle else [_hollow, _cross, _speckle, _bend, _vary_width, _soften]:
        varied = change(varied, generator)
    return (varied.squeeze(1) * 255).clamp(0, 255)


def _uniform(
    n: int, low: float, high: float, images: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    values = torch.rand(n, generator=generator, device=images.device)
    return low + (high - low) * values


def _some(n: int, share: float, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a mask [n, 1, 1, 1] that is 1 for about `share` of the pictures."""
    return (torch.rand(n, 1, 1, 1, generator=generator, device=images.device) < share).float()


def _hollow(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Leave of some only the outline of their strokes, as of outlined print or a worn felt pen."""
    outlines = (1.5 * (F.max_pool2d(images, 3, stride=1, padding=1) - images)).clamp(0, 1)
    return images + _some(len(images), _RARELY, images, generator) * (outlines - images)


def _cross(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a stray line through some: straight or wavy, whole or dashed, from side to side or upright."""
    n, side = len(images), images.shape[-1]
    along = torch.arange(side, device=images.device, dtype=torch.float32)
    start, end = (_uniform(n, 0, side - 1, images, generator).unsqueeze(1) for _ in range(2))
    period, phase = (_uniform(n, low, 12, images, generator).unsqueeze(1) for low in (4, 0))
    height = _uniform(n, -2, 3, images, generator).clamp(min=0).unsqueeze(1)  # two fifths are straight
    wave = 4 * ((along + phase) / period % 1 - 0.5).abs() - 1
    places = start + (end - start) * along / (side - 1) + height * wave
    drawn = (along + phase) / period % 1 < _uniform(n, 0.4, 1.4, images, generator).unsqueeze(1)
    distance = (along.view(1, side, 1) - places.unsqueeze(1)).abs()
    lines = (1.4 - distance).clamp(0, 1) * drawn.unsqueeze(1)
    upright = _some(n, 0.5, images, generator).squeeze(1) > 0
    lines = torch.where(upright, lines.mT, lines).unsqueeze(1)
    shade = _some(n, _RARELY, images, generator) * _uniform(n, 0.3, 1, images, generator).view(-1, 1, 1, 1)
    return torch.maximum(images, lines * shade)


def _speckle(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn a few pixels of some into ink or paper."""
    share = _some(len(images), _RARELY, images, generator) * 0.2
    share = share * torch.rand(share.shape, generator=generator, device=images.device)
    draw = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(draw < share, (draw < share / 2).float(), images)


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

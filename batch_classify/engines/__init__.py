"""The engines that `--engine` names, a module each; its `engine` takes a `Setup` and gives a `job.Engine`.

An engine only moves batches through the steps; what becomes of a batch is written once, in the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch_classify.uri import Uri


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine may need before there is work: the model's folder, and where results end up.

    `address` is that of a cluster to join; without one an engine starts what it needs.
    """

    model: Path
    results: Path | Uri
    address: str | None = None

"""A folder of scanned digits in, a table and a page of answers out.

Names are loaded on first use, so that `batch-classify --help` pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batch_classify.classifier import Classifier, Prediction
    from batch_classify.job import classify_folder

__version__ = "0.1.0"
__all__ = ["Classifier", "Prediction", "__version__", "classify_folder"]

_HOME = {
    "Classifier": "batch_classify.classifier",
    "Prediction": "batch_classify.classifier",
    "classify_folder": "batch_classify.job",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

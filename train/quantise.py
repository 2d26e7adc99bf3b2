"""The careful networks of a model in whole numbers of 8 bits, with which a CPU is almost twice as fast.

By static quantisation (Jacob et al. 2018) of their convolutions, as onnxruntime does it. The quick networks
stay as they are: smaller ones take longer that way (experiments 31 and 39). Knows an ONNX file and pictures;
not whether what it says is as good as before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from batch_classify.model import Images

_CAREFUL = ".careful."  # in the names of their weights
_LEAST, _MOST = 1000, 4096  # pictures; one of ten or so reaches a careful network


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Gives the pictures once, all together."""

    def __init__(self, images: Images) -> None:
        self._batches = iter([{"images": images}])

    def get_next(self) -> dict[str, Images] | None:
        return next(self._batches, None)


def quantise(path: Path, images: Images) -> bool:
    """Quantise the careful networks of an exported model in its place; return whether that was done.

    It needs such networks, and a thousand pictures.

    `images`, uint8 [N, 28, 28], are digits, of which some show how large the values between the layers get.
    Weights have 7 bits, so that no sum overflows on processors without VNNI, and all give the same.
    """
    nodes = onnx.load(path).graph.node
    names = [node.name for node in nodes if node.op_type == "Conv" and _CAREFUL in node.input[1]]
    if not names or len(images) < _LEAST:
        return False
    with TemporaryDirectory() as place, _without_advice():
        prepared = Path(place, "prepared.onnx")
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            _Pictures(images[:: -(-len(images) // _MOST)]),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=names,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
    return True


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep what the library would advise its user to do off the terminal."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)

"""Classify a folder as tutorials do: one image at a time through PIL, torchvision's transforms and a network.

    python benchmarks/opponents/loop.py FOLDER TABLE FILES

Takes the first so many FILES. The network is `cnn-2` with random weights, which take as long as trained ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torchvision import transforms

from batch_classify.network import build
from train.architectures import CNN_2


def main() -> None:
    """Classify one by one and write a table with pandas."""
    network = build(CNN_2)[1:]  # ToTensor does the first layer's work
    transform = transforms.Compose(
        [transforms.Grayscale(), transforms.Resize((28, 28)), transforms.ToTensor()]
    )
    rows = []
    with torch.no_grad():
        for file in sorted(Path(sys.argv[1]).glob("*/*"))[: int(sys.argv[3])]:
            probabilities = network(transform(Image.open(file)).unsqueeze(0)).softmax(1)
            label = int(probabilities.argmax())
            rows.append((file, label, float(probabilities[0, label])))
    pd.DataFrame(rows, columns=["file", "label", "confidence"]).to_csv(sys.argv[2], index=False)


if __name__ == "__main__":
    main()

"""Classify a folder as a careful PyTorch script does: a Dataset, a DataLoader with two workers, batches.

    python benchmarks/opponents/dataset.py FOLDER TABLE

The network is `cnn-2` with random weights, which take as long as trained ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from batch_classify.network import build
from train.architectures import CNN_2


class Pictures(Dataset[tuple[str, torch.Tensor]]):
    """Files as their names and float32 [1, 28, 28] from 0 to 1."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.transform = transforms.Compose(
            [transforms.Grayscale(), transforms.Resize((28, 28)), transforms.ToTensor()]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[str, torch.Tensor]:
        file = self.files[number]
        with Image.open(file) as picture:
            return str(file), self.transform(picture)


def main() -> None:
    """Classify in batches and write a table with pandas."""
    files = sorted(Path(sys.argv[1]).glob("*/*"))
    network = build(CNN_2)[1:]  # ToTensor has done the first layer's work
    parts = []
    with torch.inference_mode():
        for names, pictures in DataLoader(Pictures(files), batch_size=256, num_workers=2):
            confidences, labels = network(pictures).softmax(1).max(1)
            parts.append(
                pd.DataFrame({"file": names, "label": labels.numpy(), "confidence": confidences.numpy()})
            )
    pd.concat(parts).to_csv(sys.argv[2], index=False)


if __name__ == "__main__":
    main()

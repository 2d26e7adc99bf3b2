"""Fixtures that several modules' tests share."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batch_classify.classifier import Classifier

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(autouse=True)
def hears_ctrl_c() -> None:
    """Let commands under test hear Ctrl-C; a background shell, or a command run in here, leaves us deaf."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fake_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose network is one random layer: real in all but what it has learnt."""
    import torch

    from batch_classify.model import Card
    from batch_classify.network import build
    from batch_classify.preprocess import VERSION
    from train.export import write_model

    torch.manual_seed(0)
    architecture = [
        {"layer": "normalise", "mean": 33.0, "std": 78.0},
        {"layer": "flatten"},
        {"layer": "linear", "out_features": 10},
    ]
    card = Card(
        name="fake",
        architecture=architecture,
        preprocessing=VERSION,
        temperature=1.5,
        review_below=0.5,
        target_error=0.01,
        operating_points={"0.01": 0.5, "0.001": 0.9},
    )
    folder = tmp_path_factory.mktemp("models") / "fake"
    write_model(folder, build(architecture), card)
    return folder


@pytest.fixture(scope="session")
def classifier(fake_model: Path) -> Classifier:
    """The fake model, loaded on the CPU."""
    return Classifier.load(fake_model, "cpu")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser once for all tests."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = "chromium", "chromium-browser", "google-chrome"
    chromium = next((found for found in map(shutil.which, names) if found), None)
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python read each file, and not C many at a time."""
    monkeypatch.setattr("batch_classify.decode.read_small", lambda paths, _: (b"", [[-1]] * len(paths)))

"""How often garbage is looked for, in `batch_classify.garbage`."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from batch_classify.garbage import spare_what_is_loaded


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Put everything back in the end."""
    threshold, enabled = gc.get_threshold(), gc.isenabled()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    (gc.enable if enabled else gc.disable)()


@pytest.mark.usefixtures("as_it_was")
def test_what_is_there_is_spared_and_what_comes_is_not() -> None:
    """Garbage made from then on is found, if seldom."""
    gc.disable()
    spare_what_is_loaded()
    assert gc.get_freeze_count() > 10_000
    assert gc.isenabled() and gc.get_threshold()[0] > 10_000
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() > 0

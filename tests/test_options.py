"""Options that both commands take, in `batch_classify.options`."""

from __future__ import annotations

import pytest
import typer

from batch_classify.options import share


@pytest.mark.parametrize(("text", "number"), [("1%", 0.01), ("0.3%", 0.003), ("0%", 0.0), ("100%", 1.0)])
def test_a_share(text: str, number: float) -> None:
    """It is written in percent."""
    assert share(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "%", "0.3", "x%", "101%", "-1%", "nan%"])
def test_no_share(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(typer.BadParameter, match="such as"):
        share(text)

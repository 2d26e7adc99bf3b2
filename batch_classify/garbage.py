"""How often Python looks for garbage: seldom, since what it would look through here is nearly all in use.

Knows nothing of what is made.
"""

from __future__ import annotations

import gc

_OBJECTS = (
    1_000_000  # made before it looks; in a run of 100,000 files 50 are garbage, and to look 9 times took 3 %
)


def spare_what_is_loaded() -> None:
    """Take all that there is for lasting, so that nobody looks for garbage in it, not even at the end."""
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()

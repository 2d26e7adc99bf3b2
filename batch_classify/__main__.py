"""`python -m batch_classify`, the same as `batch-classify`."""

import gc
import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    # What is made while a command starts stays until it ends: looking for garbage in it, again and again,
    # took a tenth of a short run. `cli` has it looked for once the work begins.
    gc.disable()
    # NumPy's threads for linear algebra, of which there is none here, would spin for 50 ms of each start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imported here, since worker processes import this module too and have no use for a command line.
    with suppress(OSError):  # what is wrong is told when workers are needed
        if any(map(os.path.isdir, sys.argv[1:])):
            # A folder is read by workers, whose libraries are loaded while ours are.
            from batch_classify import pool

            pool.start_ahead()
    from batch_classify import cli

    cli.main()


if __name__ == "__main__":
    main()

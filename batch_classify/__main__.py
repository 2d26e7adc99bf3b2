"""`python -m batch_classify`, the same as `batch-classify`."""

import gc


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    # What is made while a command starts stays until it ends: looking for garbage in it, again and again,
    # took a tenth of a short run. `cli` has it looked for once the work begins.
    gc.disable()

    # Imported here, since worker processes import this module too and have no use for a command line.
    from batch_classify import cli

    cli.main()


if __name__ == "__main__":
    main()

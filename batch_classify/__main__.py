"""`python -m batch_classify`, the same as `batch-classify`."""


def main() -> None:
    """Run the command; exits with a code of `ExitCode`."""
    # Imported here, since worker processes import this module too and have no use for a command line.
    from batch_classify import cli

    cli.main()


if __name__ == "__main__":
    main()

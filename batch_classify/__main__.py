"""`python -m batch_classify`, the same as `batch-classify`."""

from batch_classify.cli import main

if __name__ == "__main__":  # worker processes import this module too
    main()

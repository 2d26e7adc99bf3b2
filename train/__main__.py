"""`python -m train`, the same as `batch-classify-train`."""

from train.cli import main

if __name__ == "__main__":  # worker processes import this module too
    main()

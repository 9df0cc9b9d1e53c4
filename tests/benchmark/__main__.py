"""python -m tests.benchmark: how fast the worker is, beside what else one might pick."""

import sys

from tests.benchmark.command import main

if __name__ == "__main__":
    sys.exit(main())

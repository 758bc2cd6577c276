"""``python -m benchmarks [SUITE ...]``: run all suites, or those that are named."""

from __future__ import annotations

import sys

from benchmarks import timing

if __name__ == "__main__":
    sys.exit(timing.main(sys.argv[1:]))

"""`python -m purelink`: the command line, also from a zip or where scripts are not installed."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`levqor-errors` and `python -m levqor_errors`. The base install is the client alone; this says what is missing."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line, or say in one line what to install for it."""
    # A start makes two hundred thousand objects, of which next to none is garbage; to look for it again and again, as
    # Python does by default, takes an eighth of the time. The collector sets its own number when it serves.
    gc.set_threshold(100_000)
    try:
        from .cli import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("levqor_errors"):
            raise
        install = "pip install 'levqor-errors[collector]'"
        sys.exit(f"levqor-errors: the command line needs {error.name}; install it with: {install}")
    run()


if __name__ == "__main__":
    main()

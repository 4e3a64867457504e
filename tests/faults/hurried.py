"""The real `levqor-errors`, with other times in its alerts: `hurried.py sender.PROBE_SECONDS=1 CLOCK=/a/file …`.

The first arguments are constants of modules of `alerts/`, and a file in which stands by how many seconds the clock of
the alerts is set forward. `alert_support.hurry` has collectors run it in the place of `levqor-errors`.
"""

from __future__ import annotations

import importlib
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from levqor_errors.alerts import clock

_right = clock.now


def _set(path: Path) -> datetime:
    return _right() + timedelta(seconds=float(path.read_text()))


if __name__ == "__main__":
    while "=" in sys.argv[1]:
        name, _, value = sys.argv.pop(1).partition("=")
        if name == "CLOCK":
            # Before anything takes the right one as its default.
            vars(clock)["now"] = partial(_set, Path(value))
        else:
            path, _, constant = name.rpartition(".")
            module = vars(importlib.import_module(f"levqor_errors.alerts.{path}"))
            assert constant in module
            module[constant] = float(value)
    from levqor_errors.__main__ import main

    main()

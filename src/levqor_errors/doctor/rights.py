"""What this user may do with files. Asked by the looks at database and journal."""

from __future__ import annotations

import os
from pathlib import Path


def may_write(directory: Path) -> bool:
    """Whether this user can make files there, by who he is in effect, as opening a file has it."""
    by_effect = os.access in os.supports_effective_ids
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK, effective_ids=by_effect)

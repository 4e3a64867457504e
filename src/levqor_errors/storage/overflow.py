"""Where events go that are of new groups and may not open issues of their own (`NewEvent.may_open`)."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from ..grouping import Group

#: What the parts of such a group begin with; no group of an event's own does.
OVERFLOW: Final = "overflow"


def overflow(service: str) -> Group:
    """The one such group of a service."""
    parts = (OVERFLOW, service)
    return Group(
        hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32], "More new errors than issues may be opened", parts
    )

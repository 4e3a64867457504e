"""Variables that nothing reads, though somebody may think so: misspelt ones, and one that must not be there.

`LEVQOR_ERRORS_URLS` is in nobody's way, and so nothing else ever tells of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from .. import config
from .finding import Finding, doubtful

#: Names that begin so are most likely meant for us.
_FAMILIES: Final = ("LEVQOR_", "TELEGRAM_", "SMTP_", "ALERT_", "SUMMARY_", "CANARY_")
#: How like a name has to be (difflib's ratio): `SMTP_PASS` and `SMTP_PASSWORD` have 0.82, `SMTP_SERVER` and `SMTP_USER`
#: 0.8; and where it may well be another program's, `DATABASE_PAHT` and `DATABASE_PATH` 0.92, `DATABASE_USER` and
#: `DATABASE_URL` 0.88.
_LIKE: Final = 0.81
_VERY_LIKE: Final = 0.9
#: What the first front end of this project's kind had: a bundler writes it into the pages' scripts.
_PUBLISHED: Final = "NEXT_PUBLIC_INTERNAL_SECRET"


def look(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Names that are not read."""
    if environ.get(_PUBLISHED):
        yield doubtful(
            "settings", "settings", f"{_PUBLISHED} publishes the owner's secret: it is written into the pages' scripts",
            "remove it, build the pages anew, and set another INTERNAL_SECRET",
        )  # fmt: skip
    known = config.variables()
    for name in sorted(environ.keys() - known - {_PUBLISHED}):
        family = next((prefix for prefix in _FAMILIES if name.startswith(prefix)), None)
        # Of a variable that is set already this is no misspelling.
        free = [one for one in sorted(known) if one not in environ]
        near = difflib.get_close_matches(name.upper(), free, 1, _VERY_LIKE if family is None else _LIKE)
        if near:
            yield doubtful("settings", "settings", f"{name} is not read by anything here", f"did you mean {near[0]}?")
        elif family is not None:
            there = ", ".join(one for one in sorted(known) if one.startswith(family))
            yield doubtful("settings", "settings", f"{name} is not read by anything here", f"there are {there}")

"""The real collector, which waits one second for a database where it would wait five.

`test_r5_foreign_lock.py` and `test_r11_postgres_trouble.py` run it in the collector's place: that its waits end, and
what is told then, is what they are about. Takes the same arguments as `levqor-errors`.
"""

from __future__ import annotations

from typing import Final

from levqor_errors.__main__ import main
from levqor_errors.storage.postgres import connections
from levqor_errors.storage.sqlite.storage import SqliteStorage

SECONDS: Final = 1

if __name__ == "__main__":
    defaults = SqliteStorage.__init__.__kwdefaults__
    assert defaults is not None
    assert defaults["busy_seconds"] > SECONDS
    defaults["busy_seconds"] = float(SECONDS)
    for name in ("CONNECT_SECONDS", "LOCK_SECONDS"):
        assert vars(connections)[name] > SECONDS
        vars(connections)[name] = SECONDS
    main()

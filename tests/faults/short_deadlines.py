"""The real collector, with connections cut off after so many seconds as its first argument says.

The other arguments are those of `levqor-errors`; `test_r10_connections.py` runs it in the collector's place. With 0
seconds it has uvicorn's own protocol instead of ours, which has no deadlines: to show that the test would see that.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from levqor_errors.__main__ import main
from levqor_errors.collector import server
from levqor_errors.collector.connections import Deadlines


def _unbounded(_connections: object, **options: object) -> HttpToolsProtocol:
    return HttpToolsProtocol(**options)  # type: ignore[arg-type]


if __name__ == "__main__":
    seconds = int(sys.argv.pop(1))
    if not seconds:
        vars(server)["BoundedProtocol"] = _unbounded
    # The package has a function under this name.
    command = importlib.import_module("levqor_errors.cli.collector")
    vars(command)["serve"] = partial(server.serve, deadlines=Deadlines(head=seconds, body=seconds, idle=seconds))
    main()

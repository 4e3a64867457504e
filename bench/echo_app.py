"""The limit of the framework: a Starlette route that decodes JSON and answers with it, under the collector's server.

python bench/echo_app.py            prints its port
"""

from __future__ import annotations

from types import SimpleNamespace

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from levqor_errors.collector.connections import Connections
from levqor_errors.collector.server import bind, serve


async def echo(request: Request) -> Response:
    """Back what came."""
    return Response(orjson.dumps(orjson.loads(await request.body())), 201, media_type="application/json")


if __name__ == "__main__":
    listener = bind("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/api/errors/log", echo, methods=["POST"])])
    app.state.collector = SimpleNamespace(connections=Connections(), feed=SimpleNamespace(close=lambda: None))
    serve(app, listener)

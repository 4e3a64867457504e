"""`create_app()` inside somebody's own application: every route, link and cookie keeps to the prefix."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from levqor_errors.collector import create_app
from levqor_errors.collector.assets import VERSIONED
from levqor_errors.config import CollectorSettings
from stream_support import listening
from support import SECRET, Database, event_ids, served, wait_until


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_the_collector_works_mounted(framework: str, database: Database) -> None:
    collector = create_app(CollectorSettings(str(database), SECRET))
    host: ASGIApp
    if framework == "starlette":
        host = Starlette(routes=[Mount("/monitor", collector)])
    else:
        fastapi = FastAPI()
        fastapi.mount("/monitor", collector)
        host = fastapi
    with served(host) as url, httpx.Client(base_url=f"{url}/monitor") as client:
        answer = client.post("/api/errors/log", json={"message": "from a mounted collector"})
        assert answer.status_code == 201
        assert event_ids(database) == [answer.json()["event_id"]]
        assert client.get("/api/errors/recent").status_code == 401
        assert client.get("/api/errors/recent", headers={"X-Internal-Secret": SECRET}).json()["count"] == 1

        to_login = client.get("/owner/errors", headers={"Accept": "text/html"})
        assert to_login.headers["location"] == "/monitor/login?next=%2Fowner%2Ferrors"
        signed_in = client.post("/login", data={"secret": SECRET})
        assert signed_in.headers["location"] == "/monitor/owner/errors"
        assert "Path=/monitor;" in signed_in.headers["set-cookie"]
        page = client.get("/owner/errors")
        assert "from a mounted collector" in page.text
        assert f'href="/monitor{VERSIONED}/style.css"' in page.text
        assert client.get("/static/style.css").status_code == 200
        assert 'data-stream="/monitor/api/errors/stream?after=' in page.text
        with listening(client) as listener:
            client.post("/api/errors/log", json={"message": "live from a mounted collector"})
            wait_until(lambda: listener.messages == ["live from a mounted collector"])
    collector.state.collector.close()

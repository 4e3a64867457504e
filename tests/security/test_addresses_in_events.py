"""An address in an event, a source map or a built file is text: nobody ever asks for what is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import httpx
import pytest

from source_map_support import dump, map_of, nobody_asks
from support import CollectorProcess, Database, owner


def test_no_address_in_an_event_or_a_map_is_fetched(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector()
    with nobody_asks() as stranger, owner(collector.url) as api:
        places = [f"{stranger}/app.js", f"{stranger}/none.js", f"//{stranger.partition('//')[2]}/app.js"]
        event = {
            "message": f"see {stranger}",
            "source": "frontend",
            "release": "1",
            "path_or_screen": f"{stranger}/page",
            "stack": "\n".join(["Error: x", *(f"    at f ({place}:1:1)" for place in places)]),
            "context": {
                "exceptions": [
                    {
                        "type": "Error",
                        "value": f"//# sourceMappingURL={stranger}/app.js.map",
                        "frames": [{"file": place, "line": 1, "column": 1, "function": "f"} for place in places],
                    }
                ],
                "sourceMappingURL": f"{stranger}/app.js.map",
            },
        }
        stored = api.post("/api/errors/log", json=event).json()["id"]
        for frames in ("stored", "original"):
            assert api.get(f"/api/errors/{stored}", params={"frames": frames}).status_code == 200
        # A map that names others, and has no source in it: its address is all that there is.
        body = dump(map_of(sources=["src/a.js"], sourceRoot=stranger, file=f"{stranger}/app.js"))
        for name in (f"{stranger}/app.js", f"{stranger}/b.js"):
            assert api.post("/api/sourcemaps", params={"release": "1", "name": name}, content=body).status_code == 201
        shown = api.get(f"/api/errors/{stored}", params={"frames": "original"}).json()["event"]
        first, second, third = shown["context"]["exceptions"][0]["frames"]
        assert first["file"] == third["file"] == "src/a.js"
        assert second["file"] == f"{stranger}/none.js"
        assert "source" not in first
        assert api.get(f"/owner/errors/{stored}").status_code == 200
        # An index map of the old form, whose parts are elsewhere.
        parts = dump({"version": 3, "sections": [{"offset": {"line": 0, "column": 0}, "url": f"{stranger}/a.map"}]})
        assert api.post("/api/sourcemaps", params={"release": "1", "name": "/c.js"}, content=parts).status_code == 400


@pytest.mark.sqlite
def test_the_test_sees_who_asks(collector_url: str) -> None:
    with (
        pytest.raises(AssertionError, match="somebody has connected"),
        nobody_asks() as stranger,
        contextlib.suppress(httpx.TimeoutException),
    ):
        httpx.get(stranger, timeout=0.5)

"""What descriptions of routes are put together from: answers, parameters, who may. For `openapi*.py`."""

from __future__ import annotations

from typing import Any, Final

from .openapi_schemas import EMPTY, ref

RETRY_AFTER: Final = {
    "Retry-After": {
        "required": True,
        "description": "Seconds after which trying again makes sense.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def answer(description: str, schema: dict[str, Any], *, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """An answer in JSON."""
    described = {"description": description, "content": {"application/json": {"schema": schema}}}
    return {**described, "headers": headers} if headers else described


def response(name: str) -> dict[str, str]:
    """A reference to one of `RESPONSES`."""
    return {"$ref": f"#/components/responses/{name}"}


RESPONSES: Final = {
    "Invalid": answer("A parameter that cannot be used; the error names it.", ref("Error")),
    "Unauthorized": answer("No secret and no session.", ref("Error")),
    "NotFound": answer("There is none.", ref("Error")),
    "TooManyGuesses": answer("Too many wrong secrets from this address.", ref("Error"), headers=RETRY_AFTER),
    "Unavailable": answer(
        "The database does not answer now, or there is no room for more connections.",
        ref("Error"),
        headers=RETRY_AFTER,
    ),
    "Malformed": answer("Not HTTP. The connection is closed.", ref("Error")),
    "TooSlow": answer("The request did not arrive in time. The connection is closed.", ref("Error")),
    "HeadersTooLarge": answer("More or longer headers than are read. The connection is closed.", ref("Error")),
    "NoRoom": answer("More connections than there may be.", ref("Error"), headers=RETRY_AFTER),
}
#: What the server answers by itself, before a request has reached its route.
ANY: Final = {
    "400": response("Malformed"),
    "408": response("TooSlow"),
    "431": response("HeadersTooLarge"),
    "503": response("NoRoom"),
}
GUARDED: Final = {
    **ANY,
    "401": response("Unauthorized"),
    "429": response("TooManyGuesses"),
    "503": response("Unavailable"),
}
OWNER: Final[list[dict[str, list[str]]]] = [{"secret": []}, {"session": []}]
ANYONE: Final[list[dict[str, list[str]]]] = []
#: Without a key, too: whether one is needed is the owner's setting (`INGEST_KEYS`).
SENDER: Final[list[dict[str, list[str]]]] = [{}, {"key": []}, {"key_in_query": []}]


def query(name: str, schema: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    """A parameter, which may be left out."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description, **more}


def or_empty(*schemas: dict[str, Any]) -> dict[str, Any]:
    """One of these, or an empty text, as forms send it for none."""
    return {"anyOf": [*schemas, EMPTY]}

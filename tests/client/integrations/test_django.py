"""Django, in a process of its own, for it is set up once a process: one unhandled error is one event."""

from __future__ import annotations

import json
from pathlib import Path

from client_support import run_script
from integration_support import check

DJANGO = """
    import json, logging, sys
    import django
    from django.conf import settings
    from django.core.exceptions import PermissionDenied
    from django.core.wsgi import get_wsgi_application
    from django.http import Http404, HttpResponse, StreamingHttpResponse
    from django.urls import path
    from levqor_errors import ErrorHandler, init
    from levqor_errors.integrations import wsgi
    from levqor_errors.integrations.django import report_from_django
    from levqor_errors.testing import capture_events

    settings.configure(DEBUG=False, SECRET_KEY="x" * 60, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                       DEFAULT_EXCEPTION_REPORTER_FILTER="django.views.debug.SafeExceptionReporterFilter")
    django.setup()
    logging.getLogger().addHandler(ErrorHandler(service="logged"))
    init(service="of init")
    report_from_django(service="shop")
    report_from_django(service="shop")

    def ok(request):
        return HttpResponse("fine")

    def fail(request):
        raise ValueError("it broke")

    async def fail_async(request):
        raise ValueError("it broke")

    def log_and_fail(request):
        try:
            raise ValueError("it broke")
        except ValueError:
            logging.getLogger("shop").exception("logged before")
            raise

    def missing(request):
        raise Http404

    def denied(request):
        raise PermissionDenied

    urlpatterns = [path("ok", ok), path("fail", fail), path("fail-async", fail_async), path("denied", denied),
                   path("log-and-fail", log_and_fail), path("missing", missing)]

    from django.test import Client
    results = {}
    for method, where in (("GET", "/ok"), ("GET", "/fail"), ("POST", "/fail"), ("GET", "/fail-async"),
                          ("GET", "/log-and-fail"), ("GET", "/missing"), ("GET", "/denied"), ("GET", "/no-such")):
        with capture_events() as events:
            client = Client(raise_request_exception=False, headers={"user-agent": "test/1", "cookie": "a=hunter2abc"})
            response = client.generic(method, where, QUERY_STRING="order=5&token=hunter2abc&next=%2Fhome")
        results[f"{method} {where}"] = {"status": response.status_code, "events": events}

    # Under the WSGI middleware as well, as its documentation allows.
    with capture_events() as events:
        app = wsgi.ErrorMiddleware(get_wsgi_application(), service="outer")
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/fail", "QUERY_STRING": "", "SERVER_NAME": "x",
                   "SERVER_PORT": "80", "wsgi.input": sys.stdin.buffer, "wsgi.url_scheme": "http"}
        body = b"".join(app(environ, lambda *arguments: None))
    results["wsgi"] = {"status": 500, "events": events}
    print(json.dumps(results))
"""


def test_django(tmp_path: Path) -> None:
    result = run_script(tmp_path, DJANGO)
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout)
    assert {name: one["status"] for name, one in results.items()} == {
        "GET /ok": 200, "GET /fail": 500, "POST /fail": 500, "GET /fail-async": 500, "GET /log-and-fail": 500,
        "GET /missing": 404, "GET /denied": 403, "GET /no-such": 404, "wsgi": 500,
    }  # fmt: skip
    check(results["GET /fail"]["events"], "ValueError: it broke", "/fail")
    check(results["POST /fail"]["events"], "ValueError: it broke", "/fail", "POST")
    check(results["GET /fail-async"]["events"], "ValueError: it broke", "/fail-async")
    # Logged by the service itself, which knows nothing of the request.
    assert [event["message"] for event in results["GET /log-and-fail"]["events"]] == ["logged before"]
    for name in ("GET /ok", "GET /missing", "GET /denied", "GET /no-such"):
        assert results[name]["events"] == []
    (event,) = results["wsgi"]["events"]
    assert (event["service"], event["path_or_screen"]) == ("shop", "/fail")

"""What goes wrong in the shop's services. `browser.py` has the same of its pages; `events.py` makes events of both.

Texts have places for values: `{order}`, `{sku}`, `{ms}` … (`events.py` knows them all).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .rhythm import Span
from .shop import PRODUCTION, STAGING


class Raised(NamedTuple):
    """One exception of a chain, the outermost first.

    Attributes:
        kind: its type.
        value: its text.
        places: names of places (`sources.txt`), the innermost last; in a browser `function file:line:column`.
        via: `cause`, `context` or `member`; what it is to the one it belongs to.
        of: which one that is.
    """

    kind: str
    value: str
    places: tuple[str, ...] = ()
    via: str | None = None
    of: int = 0


class Fault(NamedTuple):
    """A fault.

    Attributes:
        service: whose.
        severity: how bad.
        message: what is logged.
        weight: its part of all events; 0: see `times`.
        when: its spans.
        times: days before now at which it happened, once each, however many events there are in all.
        raised: the exceptions.
        template: the logging call's own message, where it was one.
        request: method and path, where there was a request.
        visitor: whether a customer was there.
        crumbs: what happened before, oldest first: `category: message`.
        environment: where.
        name: by which `telling.py` calls it.
    """

    service: str
    severity: str
    message: str
    weight: float = 0
    when: tuple[Span, ...] = (Span(),)
    times: tuple[float, ...] = ()
    raised: tuple[Raised, ...] = ()
    template: str | None = None
    request: str | None = None
    visitor: bool = False
    crumbs: tuple[str, ...] = ()
    environment: str = PRODUCTION
    name: str = ""


_ROUTE: Final = ("lib.session", "lib.route")
_PAY: Final = (
    "http: POST https://payments.shop.example/v1/quote → 200", "sql: SELECT cart WHERE user = {user}",
    "checkout: address checked",
)  # fmt: skip

SERVICES: Final = (
    Fault(
        "payments", "warning", "the card of order {order} was declined: {decline}", 19, name="declined",
        template="the card of order %s was declined: %s", request="POST /v1/charge", visitor=True,
        crumbs=("http: POST https://gateway.example/v1/charges → 402",),
    ),
    Fault(
        "payments", "critical", "no answer within 8 s", 10, (Span(5.4, 5.335, 60, by_night_too=True), Span()),
        raised=(
            Raised("GatewayUnavailable", "no answer within 8 s", ("gateway.post", "gateway.unavailable")),
            Raised(
                "httpx.ConnectTimeout", "", ("gateway.post", "lib.httpx.post", "lib.httpx.mapped"), "cause"
            ),
            Raised("httpcore.ConnectTimeout", "", ("lib.httpcore.connect",), "cause", 1),
        ),
        request="POST /v1/charge", visitor=True, name="gateway",
        crumbs=("checkout: order {order} is complete", "http: POST https://gateway.example/v1/charges, try 1",
                "http: POST https://gateway.example/v1/charges, try 2"),
    ),
    Fault(
        "payments", "error", "a webhook was refused", 3,
        raised=(
            Raised("payments.webhooks.SignatureError", "signed {late} seconds ago; 300 are allowed",
                   (*_ROUTE, "webhooks.verify", "webhooks.late")),
        ),
        request="POST /webhooks/gateway",
    ),
    Fault(
        "payments", "critical", "order {order} was charged twice", times=(21.31, 12.62, 3.47), name="twice",
        raised=(
            Raised("ChargedTwice", "order {order} was charged twice: ch_{hex} and ch_{hex2}", ("ledger.twice",)),
        ),
        request="POST /webhooks/gateway", visitor=True,
        crumbs=("http: POST https://gateway.example/v1/charges → 500", "payments: the charge is tried again",
                "http: POST https://gateway.example/v1/charges → 201"),
    ),
    Fault(
        "payments", "info", "paid out {amount} € in {count} payments", 1.2, (Span(daily_at=4.5),),
        template="paid out %s € in %d payments",
    ),
    Fault(
        "checkout", "error", "order {order} cannot be placed", 8, (Span(8.9, 6.1, 5), Span(1.9, 0, 4)), name="address",
        raised=(
            Raised("CheckoutError", "order {order} cannot be placed", (*_ROUTE, "views.pay", "orders.cannot")),
            Raised("KeyError", "'shipping_address'", ("orders.ship_to",), "cause"),
        ),
        request="POST /checkout/pay", visitor=True, crumbs=_PAY,
    ),
    Fault(
        "checkout", "error", "division by zero", 4, (Span(22.8, 16.2),), name="voucher",
        raised=(
            Raised("ZeroDivisionError", "division by zero",
                   (*_ROUTE, "views.pay", "orders.total", "prices.discount", "prices.divide")),
        ),
        request="POST /checkout/pay", visitor=True, crumbs=(*_PAY, "checkout: voucher WELCOME10 taken"),
    ),
    Fault(
        "checkout", "error", "no quote from any carrier", 4,
        raised=(
            Raised("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)",
                   (*_ROUTE, "views.review", "shipping.group")),
            Raised("httpx.HTTPStatusError", "Server error '502 Bad Gateway' for url 'https://carrier-a.example/v2/rates'",
                   ("shipping.status", "lib.httpx.status"), "member"),
            Raised("json.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)", ("shipping.parse",), "member"),
        ),
        request="GET /checkout/review", visitor=True,
    ),
    Fault(
        "checkout", "warning", "'{postcode}' is no postcode of Germany", 6,
        raised=(Raised("checkout.forms.InvalidAddress", "'{postcode}' is no postcode of Germany",
                       ("views.address", "forms.postcode")),),
        request="POST /checkout/address", visitor=True,
    ),
    Fault(
        "checkout", "error", "division by zero", 2, (Span(17, 16.4),), environment=STAGING,
        raised=(Raised("ZeroDivisionError", "division by zero", ("views.pay", "prices.divide")),),
        request="POST /checkout/pay",
    ),
    Fault(
        "catalog", "error", "QueuePool limit of size 5 overflow 10 reached, connection timed out", 6,
        (Span(), Span(13.3, 13.2, 0.8, by_night_too=True)),
        raised=(Raised("sqlalchemy.exc.TimeoutError",
                       "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
                       ("lib.flask", "api.products", "search.session", "lib.pool")),),
        request="GET /api/products?q={search}&page=2", visitor=True,
    ),
    Fault(
        "catalog", "warning", "the search for \"{search}\" took {ms} ms", 7,
        template="the search for \"%s\" took %d ms", request="GET /api/products?q={search}", visitor=True,
    ),
    Fault(
        "catalog", "error", "cannot identify image file", 1.5, name="image",
        raised=(Raised("PIL.UnidentifiedImageError", "cannot identify image file '/srv/images/{sku}.jpg'",
                       ("lib.flask", "api.image", "images.open", "lib.pil")),),
        request="GET /api/products/{sku}/image?w=640",
    ),
    Fault(
        "catalog", "info", "the search index was built in {ms} ms", 1.3, (Span(daily_at=3.1),),
        template="the search index was built in %d ms",
    ),
    Fault(
        "mailer", "warning", "Connection unexpectedly closed", 4, (Span(by_night_too=True),),
        raised=(Raised("smtplib.SMTPServerDisconnected", "Connection unexpectedly closed",
                       ("lib.celery", "tasks.send", "lib.smtp")),),
        crumbs=("celery: mailer.tasks.send_receipt, try 2 of 8",),
    ),
    Fault(
        "mailer", "error", "'order' is undefined", 1.2, (Span(3.1, 2.5, 2), Span(2.4, 2.3)), environment=STAGING,
        raised=(Raised("jinja2.exceptions.UndefinedError", "'order' is undefined",
                       ("lib.celery", "tasks.render", "lib.jinja")),),
    ),
    Fault(
        "warehouse", "warning", "stock imported: {count} items changed", 1.6, (Span(daily_at=2.5),),
        template="stock imported: %d items changed", name="stock",
    ),
    Fault(
        "warehouse", "critical", "could not extend file: No space left on device", times=(11.27, 1.27), name="disk",
        raised=(
            Raised("psycopg.errors.DiskFull",
                   'could not extend file "base/16384/24681": No space left on device',
                   ("sync.main", "sync.set_stock", "models.update", "lib.psycopg")),
        ),
        crumbs=("sync: the file of today has 18,204 lines", "sync: 9,000 lines done"),
    ),
)  # fmt: skip

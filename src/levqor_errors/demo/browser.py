"""What goes wrong in the browsers of the shop's customers, and of those who work there."""

from __future__ import annotations

from typing import Final

from .faults import Fault, Raised
from .rhythm import Span

_CLICKED: Final = ("navigation: / → /products/{sku}", "click: button.add-to-cart", "fetch: POST /api/cart → 201")

BROWSER: Final = (
    Fault(
        "shop-web", "error", "Cannot read properties of undefined (reading 'price')", 9, (Span(8.8),),
        raised=(
            Raised("TypeError", "Cannot read properties of undefined (reading 'price')",
                   ("renderTotals cart.js:1:28107", "updateCart cart.js:1:29542", "dispatch vendor.js:2:11876")),
        ),
        request="GET /cart", visitor=True, crumbs=(*_CLICKED, "navigation: /products/{sku} → /cart"), name="price",
    ),
    Fault(
        "shop-web", "warning", "Failed to fetch", 14, (Span(), Span(5.4, 5.335, 0.2, by_night_too=True)),
        raised=(
            Raised("TypeError", "Failed to fetch", ("load product.js:1:6120", "refresh product.js:1:8811")),
        ),
        request="GET /products/{sku}", visitor=True, crumbs=("navigation: / → /products/{sku}", "console: offline"),
    ),
    Fault(
        "shop-web", "info", "ResizeObserver loop completed with undelivered notifications.", 10, name="resize",
        request="GET /products/{sku}", visitor=True,
    ),
    Fault(
        "shop-web", "error", "Loading chunk {chunk} failed.", 4,
        (*(Span(days, days - 0.4, 3) for days in (22.9, 15.9, 8.9, 1.9)), Span()),
        raised=(
            Raised("ChunkLoadError", "Loading chunk {chunk} failed. (error: https://shop.example/assets/{chunk}.js)",
                   ("requireChunk runtime.js:1:2210", "lazy vendor.js:2:40711")),
        ),
        request="GET /checkout/review", visitor=True, crumbs=("navigation: /cart → /checkout/review",),
    ),
    Fault(
        "shop-web", "error", "The quota has been exceeded.", 2,
        raised=(Raised("QuotaExceededError", "The quota has been exceeded.", ("saveCart cart.js:1:3307",)),),
        request="GET /cart", visitor=True, crumbs=_CLICKED,
    ),
    Fault(
        "shop-web", "error", "Unhandled rejection: the card form did not load", 3, (Span(5.42, 5.33, 3), Span()),
        raised=(
            Raised("Error", "the card form did not load", ("mount pay.js:1:910", "start pay.js:1:1544")),
            Raised("DOMException", "The operation was aborted.", ("timeout pay.js:1:702",), "cause"),
        ),
        request="GET /checkout/pay", visitor=True, crumbs=("fetch: GET https://gateway.example/form.js → failed",),
    ),
    Fault(
        "admin-web", "error", "Invalid time value", 1.6, (Span(15.8),),
        raised=(Raised("RangeError", "Invalid time value", ("formatDay orders.js:1:5121", "rows orders.js:1:7719")),),
        request="GET /admin/orders", crumbs=("navigation: /admin → /admin/orders", "click: th.sort-by-date"),
    ),
)  # fmt: skip

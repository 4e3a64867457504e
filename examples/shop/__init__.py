"""A small shop with levqor_errors attached: two support chats and a Stripe webhook that fail in ways real ones do.

app.py             the application: routes, loggers, and where exceptions nobody expected end up
support_public.py  the chat that anyone may use
support_private.py the chat of signed-in customers, which knows their orders
page.py            the page with both chats, whose files are in static/
stripe_webhook.py  what Stripe tells about payments
signature.py       whether it was Stripe
store.py           stock, orders, and the webhook events that were worked off
settings.py        the environment
bodies.py          JSON that strangers send
break_it.py        sends the requests that make each failure happen
"""

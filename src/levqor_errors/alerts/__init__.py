"""Alerts: telling people. Comes after the storage, whose outbox says what is owed; ends at Telegram, email and others.

planner.py   what of the outbox is told now, later, together, or not at all
compose.py   what a message says, as a `Notice` that any channel can write down
sender.py    claims a message, hands it to its channel, marks what became of it
runner.py    the loop around these, and what is due by the clock
channels/    a folder or file a channel: transport, and templates beside it
"""

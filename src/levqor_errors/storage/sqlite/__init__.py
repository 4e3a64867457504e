"""SQLite, one file that its owner owns.

storage.py      the protocol's methods, health
open.py         opening a file, or refusing it
inspect.py      a look from outside that changes nothing
connections.py  connections, transactions, what errors mean
schema.py       the tables, as migrations
transfer.py     copying everything to or from another database
process.py      the process that writes events, as the collector sees it
child.py        that process
write.py        a batch of events in one transaction
tallies.py      what is counted, appended and added up
search.py       the full-text index
dialects.py     what reading, alerts and others have to know of SQLite
space.py        how much room there is, and who is refused
backup.py       a copy beside a running collector
news.py         what was committed after a cursor, and when to look
upkeep.py       deleting what is old or too much, giving space back
turns.py        whose turn it is to write
driver.py       which SQLite

Nothing is imported here: the process that writes has no use for most of it.
"""

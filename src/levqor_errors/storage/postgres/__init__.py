"""PostgreSQL, for more than one collector.

storage.py      the protocol's methods, health
open.py         opening a database, or refusing it
inspect.py      a look from outside that changes nothing
connections.py  connections, transactions, what errors mean
schema.py       the tables, as steps under a lock
partitions.py   the day tables that events lie in
write.py        a batch of events in one transaction
upkeep.py       adding up counts, dropping days, thinning
search.py       what reading has to know of PostgreSQL
news.py         what was committed after a cursor
listen.py       when to look for it
exchange.py     what collectors tell each other of their limits
transfer.py     copying everything to or from another database
"""

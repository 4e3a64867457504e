"""The doctor: looks at all that an error monitor needs, says what is wrong and what to do. Changes nothing.

examination.py  all of it, in the order in which it is shown
finding.py      what a look comes to
settings.py     the variables; names.py, those that nothing reads
database.py     the database, of either kind
secret.py       the owner's secret
collector.py    the collector, as services see it
clock.py        the clock, against others'
client.py       the journal of services on this machine
alerts.py       what is owed, and who looks after it
hidden.py       what no line may show
channels.py     each channel's sign-in, and a test message
rights.py       what this user may write
words.py        sizes and times for people
report.py       for the terminal and for machines

`cli/doctor.py` is the command.
"""

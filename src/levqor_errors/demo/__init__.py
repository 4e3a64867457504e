"""A month of a small web shop that never was: for newcomers, pictures and benches. Used by `levqor-errors demo`.

Nothing of it goes past the product: events pass the gate and the grouping, are written by `Storage.write`, and the
alerts' own runner decides, under a clock that is moved on, what would have been told.

shop.py      the shop: services, releases, customers, what they browse with
sources.py   the shop's source code, as far as stacks lead through it (sources.txt)
faults.py    what goes wrong in its services
scripts.py   source maps of what its browsers run (scripts.txt)
browser.py   what goes wrong in its customers' browsers
rhythm.py    when: days, nights, weekends, incidents
events.py    one fault at one time, as a client would have sent it
telling.py   the alerts of that month, and what the owner did
month.py     what happens, in its order
fill.py      all of it into a database
"""

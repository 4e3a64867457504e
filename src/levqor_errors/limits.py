"""Every bound on what anyone may send, in one table.

`event.normalize` cuts or refuses by these, `collector/body.py` stops reading by them, and docs/events.md and the
OpenAPI document quote them. Characters are Unicode code points; bytes are bytes.
"""

from __future__ import annotations

from typing import Final

# -- fields of an event: longer text is cut in its middle, and the cut says how much it took ---------------------
MESSAGE_CHARS: Final = 8_192
STACK_CHARS: Final = 65_536
SERVICE_CHARS: Final = 100
PATH_CHARS: Final = 2_048
#: The longest address that SMTP can carry is 254 (RFC 5321 errata 1690); some put a name beside it.
EMAIL_CHARS: Final = 320
ENVIRONMENT_CHARS: Final = 64
RELEASE_CHARS: Final = 200
FINGERPRINT_PARTS: Final = 16
FINGERPRINT_CHARS: Final = 200
#: All that a page shows of one event, its ids and instants included.
EVENT_CHARS: Final = (
    MESSAGE_CHARS + STACK_CHARS + SERVICE_CHARS + PATH_CHARS + EMAIL_CHARS + ENVIRONMENT_CHARS + RELEASE_CHARS + 200
)

# -- an event's context: what is over is cut, and a mark stays in its place ---------------------------------------
#: An exception chain with frames and local variables is nine levels deep; twelve leaves room for the user's own.
CONTEXT_DEPTH: Final = 12
#: Values in all, of lists and objects together. A chain of 10 exceptions with 40 frames each needs about 6,000.
CONTEXT_NODES: Final = 10_000
#: Entries of a single list or object.
CONTEXT_BREADTH: Final = 1_000
CONTEXT_KEY_CHARS: Final = 200
CONTEXT_TEXT_CHARS: Final = 8_192
#: All keys and texts of one context together.
CONTEXT_CHARS: Final = 262_144
#: Integers past this become text: SQLite's and PostgreSQL's 64-bit columns end here.
INTEGER_MAX: Final = 2**63 - 1

# -- a sender's clock ---------------------------------------------------------------------------------------------
#: A journal may be delivered after a long outage; a clock further back than this is wrong instead.
CLOCK_BEHIND_SECONDS: Final = 30 * 24 * 3600
CLOCK_AHEAD_SECONDS: Final = 5 * 60

# -- a request ----------------------------------------------------------------------------------------------------
BODY_BYTES: Final = 2 * 1024 * 1024
#: After gzip. Ordinary batches of events compress about eight to one.
INFLATED_BYTES: Final = 8 * 1024 * 1024
#: Values of a body, by its braces, brackets and commas, counted before it is decoded: a gzip body of 16 KB can hold
#: millions of `{}`, of which each becomes an object of 64 bytes or more.
BODY_VALUES: Final = 400_000
BATCH_EVENTS: Final = 1_000
SECRET_BYTES: Final = 1_024
#: What follows a member of gzip is looked at anew, so their number must not be the sender's choice.
GZIP_MEMBERS: Final = 100
#: All bodies together, from the first byte to the answer, counting of each what is beyond its first 16 KiB: whoever
#: holds back large bodies leaves room for ordinary events.
BODIES_BYTES: Final = 64 * 1024 * 1024
BODY_FREE_BYTES: Final = 16 * 1024
#: About what a decoded value takes beside its text: measured 30 for a number, 117 for an object of one key.
VALUE_BYTES: Final = 100

# -- a connection (collector/connections.py, protocol.py); in seconds of a sweep, so up to one late --------------------
#: From the first moment, or the first byte of a further request, to the end of the head.
HEAD_SECONDS: Final = 10
#: From the end of the head to the end of the body: 2 MiB over a line of 600 kbit/s.
BODY_SECONDS: Final = 30
#: Between two requests. Proxies keep an idle connection for 60; whoever keeps it shorter loses the race for it.
IDLE_SECONDS: Final = 75
#: An answer of which the client takes nothing.
STALL_SECONDS: Final = 60
#: A sender that was refused while it wrote has this long to read why, before a reset may destroy the answer.
LINGER_SECONDS: Final = 5
#: When there is no room: a body or an answer under way this long may be given up for a new connection.
PATIENCE_SECONDS: Final = 3
#: Request line and fields; also a body's trailers, and anything else between the parts of a body.
HEAD_BYTES: Final = 32 * 1024
HEAD_FIELDS: Final = 100
#: Requests that a client sends ahead of the answer to the one before, and their size together.
AHEAD_REQUESTS: Final = 16
AHEAD_BYTES: Final = 16 * 1024
#: Connections with more than BODY_FREE_BYTES of a body received that nobody has asked for yet. One read gives up to
#: 256 KB, and reading pauses at 64 KB.
UNREAD_BODIES: Final = 200
CONNECTIONS: Final = 4_000
#: Newcomers beside them that are being told that there is no room; past it they are closed without a word.
REFUSALS: Final = 1_000
#: What all whose connection is given up or not taken are told to wait.
RETRY_SECONDS: Final = 2
#: File descriptors that both together leave to the database and to the log.
SPARE_FILES: Final = 128
#: How many descriptors the process asks the system for at start, as far as it may.
FILES: Final = 65_536

# -- an answer ----------------------------------------------------------------------------------------------------
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 500
#: A page of `recent` ends early past this, so that 500 hostile events of 64 KB cannot make an answer of 32 MB.
PAGE_BYTES: Final = 4 * 1024 * 1024
SEARCH_CHARS: Final = 200
#: Where only the events themselves tell how many match (a search, an issue with a release), so many are counted at
#: most, the newest; and so many are looked at that have the words, or are of the issue. It takes some milliseconds.
MATCHES_COUNTED: Final = 1_000
MATCHES_LOOKED_AT: Final = 2_500
#: So many that have the words are looked at for a page of the owner's list, where a filter leaves few of them.
PAGE_LOOKED_AT: Final = 20_000

# -- a live stream (collector/feed.py, stream.py) -----------------------------------------------------------------
#: Of one process, all together. Each costs the database a query a second while events come, unless its filters are
#: another's too.
STREAMS: Final = 50
#: News are read and given out at most so often, in seconds.
STREAM_SECONDS: Final = 1.0
#: Each time so many are sent one by one; the rest is a number.
STREAM_EVENTS: Final = 20
#: News that are read in one go: of a second of the heaviest load, or for whoever comes back. Who is further behind is
#: told to read pages anew.
STREAM_CATCH_UP: Final = 20_000
#: Between two comments that show a stream to be alive; proxies give up one that is silent for 60.
HEARTBEAT_SECONDS: Final = 15.0
#: A read of the database is broken off after this. What a page needs takes milliseconds; a search for a word that most
#: events have, in a range that has few, may take long.
READ_SECONDS: Final = 10.0

# -- the writer's queue -------------------------------------------------------------------------------------------
QUEUE_EVENTS: Final = 20_000
QUEUE_CHARS: Final = 64 * 1024 * 1024
COMMIT_EVENTS: Final = 2_000

# -- the database -------------------------------------------------------------------------------------------------
#: The write-ahead log is some megabytes, unless somebody keeps reading an old state of the database.
WAL_WARN_BYTES: Final = 64 * 1024 * 1024

# -- who may send, and how much (collector/limiter.py); `RATE_LIMIT` is one client's events a second ----------------
#: A request costs as many events as it has, or one for each of these bytes: a maximal event is not one small one.
EVENT_BYTES: Final = 8_192
#: So many seconds of its rate one may send at once: at 200 events a second, 20,000.
BURST_SECONDS: Final = 100
#: Rates of one service and of all senders together, as multiples of one client's.
SERVICE_SHARE: Final = 5
TOTAL_SHARE: Final = 20
#: Clients remembered, by address, or network for IPv6.
CLIENTS: Final = 10_000
#: New names of services an hour. Every statistic has a row an hour for each name, for good.
NEW_SERVICES_CLIENT: Final = 100
NEW_SERVICES: Final = 1_000
SERVICES: Final = 10_000
#: New issues an hour; further new errors go into one issue a service.
NEW_ISSUES_CLIENT: Final = 500
NEW_ISSUES: Final = 5_000
#: Environments and releases (pairs of both) by which one service's events are counted in one hour. A count stays for
#: good.
COUNTED_NAMES: Final = 100
#: Users of an issue that are told apart; past them it has "more than" so many.
ISSUE_USERS: Final = 10_000
#: Releases that an issue which is resolved in the next one knows as old ones; the latest.
OLD_RELEASES: Final = 200
#: Rules by which the owner has parts of groups treated otherwise: of one service, and in all.
GROUPING_RULES_SERVICE: Final = 200
GROUPING_RULES: Final = 1_000
#: Issues that are opened for stored events of one issue when it is regrouped; events past them stay where they are.
REGROUP_ISSUES: Final = 1_000
#: Groups remembered to have an issue already.
SEEN_GROUPS: Final = 20_000
#: A client that was told to wait and does not: bodies past these sizes as sent are refused unread. gzip inflates up to
#: a thousand times.
UNREAD_BYTES: Final = 64 * 1024
UNREAD_GZIP_BYTES: Final = 4 * 1024
#: How often the collectors of one database tell each other what they let through (collector/sharing.py), and how many
#: clients or services at most.
EXCHANGE_SECONDS: Final = 1.0
TOLD_KEYS: Final = 1_000
#: Less than this part of its rate is not told: two events a second, by default, of one client.
UNTOLD_PART: Final = 0.01
#: Entries of X-Forwarded-For that are looked at, from the right. Real chains have one to four proxies.
PROXY_HOPS: Final = 20

# -- what the owner does with issues (storage/issues/) ------------------------------------------------------------
#: In one go.
TRIAGE_ISSUES: Final = 500
#: A mute always ends: 90 days, or so many more events.
MUTE_SECONDS: Final = 90 * 24 * 3600
MUTE_EVENTS: Final = 1_000_000
NOTE_CHARS: Final = 4_000
#: Days for which an issue's hourly counts and its history are kept.
ISSUE_DAYS: Final = 90

# -- source maps (source_map.py, collector/source_maps.py) ----------------------------------------------------------
#: A map with the sources in it. One of a megabyte of minified code has four to ten; a large application's vendor file
#: has twenty.
SOURCE_MAP_BYTES: Final = 32 * 1024 * 1024
#: The same as it is sent and stored; such maps compress about five to one.
SOURCE_MAP_SENT_BYTES: Final = 16 * 1024 * 1024
#: Mappings of one map. Each takes 24 bytes of memory and a microsecond to read.
SOURCE_MAP_SEGMENTS: Final = 2_000_000
#: Values in a map's JSON: its sources and names, mostly.
SOURCE_MAP_VALUES: Final = 1_000_000
SOURCE_MAP_NAME_CHARS: Final = 1_024
#: Of one release. A large application is built into some hundred files.
SOURCE_MAPS: Final = 5_000
#: All that are stored, and what part of `MAX_DATABASE_BYTES` they may be.
SOURCE_MAPS_BYTES: Final = 4 * 1024**3
SOURCE_MAPS_SHARE: Final = 4
#: Uploads under way, from the first byte to the answer: two of the largest.
SOURCE_MAP_BODIES_BYTES: Final = 96 * 1024 * 1024
#: Maps that were read for a page, kept for the next one.
SOURCE_MAP_CACHE_BYTES: Final = 64 * 1024 * 1024
#: For all frames of one event; what is not found by then is shown as it came.
SOURCE_MAP_SECONDS: Final = 5.0
#: Lines of the source before and after the one that a frame is at, and their length.
SOURCE_LINES: Final = 5
SOURCE_LINE_CHARS: Final = 200

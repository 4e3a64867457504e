"""The journal: every event is one line in a file before `log_error()` returns, so that it outlives the process.

A directory of segments, named `<rank>-<uuid7>.jsonl`: rank 0 is critical, 3 is info, so that the order of the names is
the order of shipping, and the least severe and oldest are the first to go when the directory is full. A lock (flock,
which ends with its process) says whose a segment is:

    open         locked by the process that appends to it
    closed       not locked: any process's shipper may take it. A process that dies closes its segments that way.
    in delivery  locked by a shipper, which removes it when the collector has committed all of it

Where the directory cannot be written, events wait in memory, with one warning. From here `shipper.py` takes them on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import stat
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ..ids import uuid7
from .losses import Losses
from .segment import Segment, read_all

try:
    import fcntl
except ImportError:  # Windows has no flock: memory only.
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("levqor_errors.client")

SEGMENT_BYTES: Final = 1024 * 1024
#: All segments of the directory together, of all processes.
SPOOL_BYTES: Final = 64 * 1024 * 1024
#: Events that wait in memory where there is no directory.
MEMORY_EVENTS: Final = 1_000
MEMORY_BYTES: Final = 16 * 1024 * 1024
#: What the collector did not take, kept for a person to look at.
SET_ASIDE_BYTES: Final = 1024 * 1024
SET_ASIDE: Final = "set-aside.jsonl"
RANKS: Final = {"critical": 0, "error": 1, "warning": 2, "info": 3}
_SUFFIX: Final = ".jsonl"
_DRAFT_SUFFIX: Final = ".new"
#: Seconds after which a draft is one that its process did not live to finish.
_DRAFT_AGE: Final = 3600.0
#: Seconds that a fork may wait for another thread's append, which takes microseconds.
_FORK_WAIT: Final = 2.0
_NAME: Final = re.compile(r"[0-3]-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl", re.ASCII)


def directory_of(spool: Path, url: str) -> Path:
    """A directory for each collector: services of one user may report to different ones.

    Its name is a hash, since an address may have a password in it.
    """
    # Imported here, as all that an import of this package would make every service wait for.
    import hashlib

    return spool / hashlib.sha256(url.encode()).hexdigest()[:16]


class _NoRoomError(Exception):
    """The directory is full of events that are worth more."""


class _OpenSegment:
    """A segment that this process appends to."""

    __slots__ = ("descriptor", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size


class Journal:
    """One process's view of a directory of segments.

    Args:
        directory: made, with mode 0700, when the first event comes.
        header: what is the same for all events of this process; the first line of each of its segments.
        losses: where events that there is no room for are counted.
        most_bytes: what all segments together may hold.
    """

    def __init__(
        self, directory: Path, header: dict[str, Any], losses: Losses, *, most_bytes: int = SPOOL_BYTES
    ) -> None:
        self.directory = directory
        self.header = header
        self._losses = losses
        self._most_bytes = most_bytes
        self._warned = False
        self._reset()

    def _reset(self) -> None:
        # Re-entrant: a signal handler or a __del__ may log while this very thread is appending.
        self._lock = threading.RLock()
        self._open: dict[int, _OpenSegment] = {}
        self._memory: deque[bytes] = deque()
        self._memory_bytes = 0
        self._lines: deque[tuple[int, bytes]] = deque()
        self._appending = False
        self._taken: set[int] = set()
        self._unseen = False
        self._finished = False

    def append(self, rank: int, line: bytes) -> None:
        """Write one event; never raises OSError.

        Args:
            rank: of `RANKS`, by its severity.
            line: JSON with a newline at its end and none within.
        """
        failure: OSError | None = None
        with self._lock:
            self._lines.append((rank, line))
            # The lock lets its own thread in again: a signal handler or a destructor that logs in the middle of this
            # leaves its event to the call that it interrupts.
            while self._lines and not self._appending:
                self._appending = True
                try:
                    while self._lines:
                        failure = self._write(*self._lines.popleft()) or failure
                finally:
                    self._appending = False
        # Outside of the lock: a handler of the host's may have a lock of its own, and wait in it for ours.
        if failure is not None:
            self._warn(failure)

    def _write(self, rank: int, line: bytes) -> OSError | None:
        try:
            segment = self._open.get(rank)
            if segment is None:
                segment = self._open[rank] = self._create(rank)
            written = os.write(segment.descriptor, line)
            if written < len(line):
                # The disk filled up within the line: what is there of it would spoil the next one.
                os.ftruncate(segment.descriptor, segment.size)
                raise OSError("no space for a whole line")
            segment.size += written
            if segment.size >= SEGMENT_BYTES or self._finished:
                self._close(rank)
        except OSError as error:
            self._remember([line])
            return error
        except _NoRoomError:
            self._losses.add("spool_full")
        return None

    def rotate(self) -> None:
        """Close the open segments, so that they can be delivered."""
        with self._lock:
            for rank in tuple(self._open):
                self._close(rank)

    def rescue(self) -> None:
        """Write anew what is in open segments that somebody has removed, with their directory perhaps: it would not
        outlive this process. For the shipper, now and then while they stay open; at their end it is done anyway.
        """
        with self._lock, contextlib.suppress(OSError):
            for rank, segment in tuple(self._open.items()):
                if _is_removed(segment.descriptor):
                    self._close(rank)

    def finish(self) -> None:
        """Close the open segments, and from here on every segment after its first event: nobody closes them later."""
        with self._lock:
            self._finished = True
            self.rotate()

    def closed(self) -> list[Path]:
        """Segments that might be taken, in the order of shipping; some of them may be other processes' open ones."""
        self._unseen = False
        return sorted(self._paths())

    def take(self, path: Path) -> Segment | None:
        """Take a segment for delivery; `None` if another process has it, or it is gone."""
        with self._lock:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError:
                return None
            # Known from here on, so that a child forked at any moment closes its copy.
            self._taken.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            # Another shipper may have delivered and removed it between our open() and our lock.
            if status.st_nlink and stat.S_ISREG(status.st_mode):
                return Segment(self.release, path, descriptor, read_all(descriptor, status.st_size))
        except OSError:
            pass
        self.release(descriptor, unlock=False)
        return None

    def release(self, descriptor: int, *, unlock: bool = True) -> None:
        """Let go of a taken segment."""
        with self._lock:
            self._taken.discard(descriptor)
            if unlock:
                _unlock(descriptor)
            os.close(descriptor)

    def take_memory(self) -> list[bytes]:
        """The events that wait in memory, which are the caller's to deliver or to give back."""
        with self._lock:
            lines = list(self._memory)
            self._memory.clear()
            self._memory_bytes = 0
            return lines

    def give_back(self, lines: Iterable[bytes]) -> None:
        """Events of `take_memory` that were not delivered."""
        with self._lock:
            newer = self.take_memory()
            self._remember([*lines, *newer])

    def set_aside(self, line: bytes) -> None:
        """Keep what the collector does not take, or what is no event, where a person can look at it."""
        path = self.directory / SET_ASIDE
        line = line.rstrip(b"\n")[: SET_ASIDE_BYTES // 2] + b"\n"
        with self._lock, contextlib.suppress(OSError):
            if path.exists() and path.stat().st_size + len(line) > SET_ASIDE_BYTES:
                path.replace(path.with_suffix(".jsonl.1"))
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    def has_events(self) -> bool:
        """Whether this process has appended anything that `closed` has not shown, or keeps something in memory."""
        return bool(self._open or self._memory or self._lines or self._unseen)

    def has_memory(self) -> bool:
        """Whether anything waits that would end with this process."""
        return bool(self._memory)

    def size(self) -> int:
        """Bytes that wait, of all processes."""
        return sum(self._sizes().values()) + sum(map(len, tuple(self._memory)))

    def before_fork(self) -> bool:
        """Let no other thread be in the middle of opening or appending while the process is copied.

        Returns:
            Whether `after_fork_in_parent` is to follow.
        """
        return self._lock.acquire(timeout=_FORK_WAIT)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork(self, header: dict[str, Any]) -> None:
        """In a forked child: what is open or taken is the parent's, and the lock may be held by a thread that is gone.

        The copies of its descriptors are closed and not unlocked: a lock belongs to all copies together.

        Args:
            header: what is the same for all events of the child.
        """
        self.header = header
        for descriptor in (*self._taken, *(segment.descriptor for segment in self._open.values())):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._reset()

    def _create(self, rank: int, lines: bytes = b"") -> _OpenSegment:
        """A new segment, locked, with these lines in it already.

        Raises:
            OSError: there is nowhere to write it.
            _NoRoomError: the directory is full.
        """
        if fcntl is None:
            raise OSError("no file locks on this system")
        self._make_room(rank)
        # Each by itself: a mode holds for the last of several only, and a daemon's umask may be 0.
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{rank}-{uuid7()}{_SUFFIX}"
        # Under a name that nobody takes until it is locked: a shipper would find it empty and remove it.
        draft = self.directory / f".{name}{_DRAFT_SUFFIX}"
        content = json.dumps(self.header).encode() + b"\n" + lines
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.write(descriptor, content)
            if size < len(content):
                raise OSError("no space for a new segment")
            draft.rename(self.directory / name)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        return _OpenSegment(descriptor, size)

    def _close(self, rank: int) -> None:
        segment = self._open.pop(rank, None)
        if segment is None:
            return
        self._unseen = True
        if _is_removed(segment.descriptor):
            # What is in it would go with the descriptor.
            lines = os.pread(segment.descriptor, segment.size, 0).partition(b"\n")[2]
            try:
                _let_go(self._create(rank, lines).descriptor)
            except (OSError, _NoRoomError):
                self._remember(lines.splitlines(keepends=True))
        _let_go(segment.descriptor)

    def _make_room(self, rank: int) -> None:
        """Give up the oldest closed segments of the lowest severity until a new one fits, but none for a lesser one.

        Raises:
            _NoRoomError: what is there is more severe.
        """
        self._remove_drafts()
        sizes = self._sizes()
        excess = sum(sizes.values()) + SEGMENT_BYTES - self._most_bytes
        for path in sorted(sizes, key=lambda path: (-int(path.name[0]), path.name)):
            if excess <= 0:
                return
            if int(path.name[0]) < rank:
                raise _NoRoomError
            segment = self.take(path)
            if segment is not None:
                self._losses.add("spool_full", len(segment.records))
                excess -= sizes[path]
                segment.remove()

    def _remove_drafts(self) -> None:
        for draft in self.directory.glob(f".*{_SUFFIX}{_DRAFT_SUFFIX}"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _DRAFT_AGE:
                    draft.unlink()

    def _sizes(self) -> dict[Path, int]:
        sizes: dict[Path, int] = {}
        for path in self._paths():
            with contextlib.suppress(OSError):
                sizes[path] = path.stat().st_size
        return sizes

    def _paths(self) -> list[Path]:
        try:
            names = os.listdir(self.directory)  # noqa: PTH208 - names are all it takes
        except OSError:
            return []
        return [self.directory / name for name in names if _NAME.fullmatch(name)]

    def _remember(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._memory.append(line)
            self._memory_bytes += len(line)
        while len(self._memory) > MEMORY_EVENTS or self._memory_bytes > MEMORY_BYTES:
            self._memory_bytes -= len(self._memory.popleft())
            self._losses.add("memory_full")

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "no journal in %s (%s): events wait in memory and are lost if this process is killed",
                self.directory,
                error.strerror or error,
            )


def _is_removed(descriptor: int) -> bool:
    """Whether the file has no name any more."""
    return os.fstat(descriptor).st_nlink == 0


def _let_go(descriptor: int) -> None:
    # By name, and not only by closing: a forked child may still have a copy.
    _unlock(descriptor)
    os.close(descriptor)


def _unlock(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)

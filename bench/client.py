"""What the client costs its host, beside sentry-sdk, in one run: `make bench-client`.

Each case runs in a process of its own, ours and theirs in turn, several rounds; the ratio is of the medians.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = 5
SDKS = ("levqor", "sentry")


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """A sink's port."""
    with subprocess.Popen([sys.executable, HERE / "sink.py"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def dead_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(sdk: str, case: str, port: int) -> dict[str, float]:
    """One case of one SDK."""
    done = subprocess.run(
        [sys.executable, HERE / "sdk_case.py", sdk, case, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        check=True, text=True,
    )  # fmt: skip
    result: dict[str, float] = json.loads(done.stdout)
    return result


def arrived(port: int) -> int:
    """How many distinct events the sink got since it was asked last."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
        return int(json.load(answer)["count"])


def import_seconds(module: str) -> float:
    """The time of a process that imports it, less that of one that imports nothing."""

    def once(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    pairs = [(once(f"import {module}"), once("pass")) for _ in range(ROUNDS * 3)]
    return statistics.median(with_it - without for with_it, without in pairs)


def row(name: str, ours: float, theirs: float, unit: str, bar: str) -> None:
    """A line of the table."""
    print(f"| {name} | {ours:,.1f} {unit} | {theirs:,.1f} {unit} | {theirs / ours:.1f} | {bar} |", flush=True)


def main() -> None:
    """Print the table."""
    print("| caller's cost, median | levqor-errors | sentry-sdk | times cheaper | bar |")
    print("|---|---:|---:|---:|---|", flush=True)
    ours_by_sink: dict[str, float] = {}
    with sink() as listening:
        for case, name, bar in (
            ("message", "a message", "20"),
            ("exception", "an exception, ten frames", "50"),
            ("logging", "logger.error with that exception", "50"),
        ):
            for where, port in (("collector up", listening), ("collector down", dead_port())):
                results: dict[str, list[float]] = {sdk: [] for sdk in SDKS}
                for _ in range(ROUNDS):
                    for sdk in SDKS:
                        results[sdk].append(run(sdk, case, port)["median"])
                ours, theirs = (statistics.median(results[sdk]) for sdk in SDKS)
                row(f"{name}, {where}", ours, theirs, "µs", bar)
                if case == "message":
                    ours_by_sink[where] = ours
        up, down = ours_by_sink["collector up"], ours_by_sink["collector down"]
        print(f"| a message, down against up | {down / up:.2f} | | | 1 |")
        arrived(listening)
        counts, memory = {}, {}
        for sdk in SDKS:
            memory[sdk] = run(sdk, "burst", listening)["kib"] / 1024
            counts[sdk] = arrived(listening)
        print(f"| arrived of a burst of 10,000 | {counts['levqor']:,} | {counts['sentry']:,} | | 10,000 |")
        print(f"| memory that the burst took | {memory['levqor']:.1f} MiB | {memory['sentry']:.1f} MiB | | |")
    ours, theirs = import_seconds("levqor_errors") * 1000, import_seconds("sentry_sdk") * 1000
    row("import", ours, theirs, "ms", "4")


if __name__ == "__main__":
    main()

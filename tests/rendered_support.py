"""A site that is rendered on a server and hydrated in the browser (tests/browser/rendered), with the client as it is
published: React's own server and client, and of Next.js what calls our helpers. Next.js itself would take minutes.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support import SETTINGS, clean_environ

HERE = Path(__file__).parent / "browser" / "rendered"
JS = Path(__file__).parents[1] / "js"
#: What a collector or a service may have in its environment, each with a value that can be found.
ENVIRON = {name: f"value-of-{name.lower()}-Zx81qQ4vLk0P" for name in (*SETTINGS, "NEXT_PUBLIC_INTERNAL_SECRET")}


class RenderedSite(NamedTuple):
    """The site, running."""

    url: str
    #: The script that a browser gets.
    bundle: str


@contextmanager
def rendered_site(collector_url: str, directory: Path) -> Iterator[RenderedSite]:
    """The site on a free port, built and run by somebody who has all of `ENVIRON`.

    Args:
        collector_url: where both of its sides report to.
        directory: an empty one.
    """
    packages = directory / "node_modules"
    package = packages / "levqor-errors"
    package.mkdir(parents=True)
    shutil.copy(JS / "package.json", package)
    # Not the one in js/dist, which may be of yesterday.
    subprocess.run(
        [JS / "node_modules/.bin/tsc", "-p", JS / "tsconfig.esm.json", "--outDir", package / "dist/esm"],
        check=True, timeout=100,
    )  # fmt: skip
    theirs = {"NEXT_PUBLIC_API_URL": collector_url, "LEVQOR_ERRORS_URL": collector_url}
    ours = {"LEVQOR_ERRORS_SERVICE": "web", "LEVQOR_ERRORS_RELEASE": "7", "LEVQOR_ERRORS_ENVIRONMENT": "test"}
    environ = clean_environ(**{**ENVIRON, **theirs, **ours})
    esbuild = JS / "node_modules/esbuild/lib/main.js"
    subprocess.run(
        ["node", HERE / "build.mjs", esbuild, f"{packages}:{JS / 'node_modules'}", directory],
        check=True, env=environ, timeout=100,
    )  # fmt: skip
    script = directory / "client.js"
    with subprocess.Popen(
        ["node", directory / "server.cjs", script], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        try:
            yield RenderedSite(f"http://127.0.0.1:{process.stdout.readline().strip()}", script.read_text())
        finally:
            process.kill()

"""The package's version, read from its installed metadata: pyproject.toml is the one place that has it."""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("levqor-errors")

"""An ErrorHandler is on the root logger all the time, since frameworks log what they do not handle as well."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from client_support import attached
from levqor_errors import ErrorHandler


@pytest.fixture(autouse=True)
def root_handler() -> Iterator[None]:
    with attached(ErrorHandler(service="logged"), level=logging.WARNING):
        yield

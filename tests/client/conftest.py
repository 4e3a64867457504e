"""Fixtures for the client's tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from client_support import attached, no_client_yet
from levqor_errors import ErrorHandler, scope
from levqor_errors.testing import capture_events


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No client yet, and nothing around an event."""
    with no_client_yet(), scope():
        yield


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    """What is reported during the test, with the default options."""
    with capture_events() as captured:
        yield captured


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One with an `ErrorHandler`."""
    with attached(ErrorHandler(service="shop"), "shop.cart") as one:
        yield one

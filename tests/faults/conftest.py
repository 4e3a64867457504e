"""Fixtures for the fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The host sees nothing: no output, and no warning of the client's own."""
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("levqor_errors")] == []
    assert tuple(capfd.readouterr()) == ("", "")

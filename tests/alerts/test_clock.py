"""The alerts' clock: what is lately, by clocks that differ a little, and by one that was set back."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from levqor_errors.alerts import clock

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "within"),
    [(-61, False), (-60, False), (-59, True), (0, True), (clock.SKEW_SECONDS, True), (clock.SKEW_SECONDS + 1, False),
     (3600, False)],
)  # fmt: skip
def test_what_lies_within_the_last_minute(seconds: float, within: bool) -> None:
    assert clock.is_within(clock.after(NOW, seconds), 60, NOW) is within

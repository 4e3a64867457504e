"""Settings of more than a text: what is taken, and that an error names the key and never the value."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from levqor_errors.config import CollectorSettings
from levqor_errors.errors import ConfigError

GOOD: list[tuple[str, str, str, Any]] = [
    ("RATE_LIMIT", "50", "rate_limit", 50.0),
    ("RATE_LIMIT", "0.5", "rate_limit", 0.5),
    ("RATE_LIMIT", " OFF ", "rate_limit", None),
    ("TRUSTED_PROXIES", "127.0.0.1, 10.1.2.3/8,fd00::/8", "trusted_proxies",
     (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    ("ALLOWED_ORIGINS", "https://shop.example, http://localhost:3000", "allowed_origins",
     ("https://shop.example", "http://localhost:3000")),
    ("ALLOWED_ORIGINS", "*", "allowed_origins", ("*",)),
    ("INGEST_KEYS", "shop:abcdefgh,*:12345678,a:b:xyz_xyz_xyz", "ingest_keys",
     {"abcdefgh": "shop", "12345678": "*", "xyz_xyz_xyz": "a:b"}),
    ("RETENTION_DAYS", "30", "retention_days", 30),
    ("RETENTION_DAYS", "off", "retention_days", None),
    ("MAX_DATABASE_BYTES", "5GB", "max_database_bytes", 5 * 1024**3),
    ("MAX_DATABASE_BYTES", "1.5 GiB", "max_database_bytes", 3 * 1024**3 // 2),
    ("MAX_DATABASE_BYTES", "2000000", "max_database_bytes", 2_000_000),
    ("MIN_FREE_BYTES", "0", "min_free_bytes", None),
    ("MIN_FREE_BYTES", "64k", "min_free_bytes", 65_536),
]  # fmt: skip

BAD = [
    ("RATE_LIMIT", ["-1", "nan", "inf", "1e3", "lots", "0.01", "٣"]),
    ("TRUSTED_PROXIES", ["*", "10.0.0.0/99", "proxy.internal", "1.2.3"]),
    ("ALLOWED_ORIGINS", ["null", "other.example", "https://shop.example/", "https://*.shop.example", "HTTPS://a.b",
                         "https://user:pw@a.b", "*, https://a.b", "https://a.b/path", "https://[::1"]),
    ("INGEST_KEYS", ["justakey1", "shop:short", "shop:with space", ":abcdefgh", "a:samesame,b:samesame",
                     "shop:abc/defgh", f"{'x' * 101}:abcdefgh"]),
    # 0 is for good, and what only looks like it must not delete everything.
    ("RETENTION_DAYS", ["-1", "1.5", "week", "999999", "00"]),
    ("MAX_DATABASE_BYTES", ["5 bananas", "-5GB", "1", "1e9", "10KB"]),
    ("MIN_FREE_BYTES", ["much", "-1"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "text", "field", "value"), GOOD)
def test_a_setting_is_read(key: str, text: str, field: str, value: object) -> None:
    assert getattr(CollectorSettings.from_env({key: text}), field) == value


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in BAD for text in texts])
def test_a_setting_that_cannot_be_used_is_named_and_not_shown(key: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CollectorSettings.from_env({key: text})
    assert caught.value.key == key
    assert len(text) < 8 or text not in str(caught.value)


@pytest.mark.parametrize("key", [key for key, _ in BAD])
def test_an_empty_setting_is_its_default(key: str) -> None:
    assert CollectorSettings.from_env({key: ""}) == CollectorSettings()


def test_no_key_and_no_secret_is_shown() -> None:
    settings = CollectorSettings.from_env({"INGEST_KEYS": "shop:abcdefgh", "INTERNAL_SECRET": "hunter2hunter2"})
    shown: Callable[[object], str] = repr
    assert "abcdefgh" not in shown(settings)
    assert "hunter2" not in shown(settings)

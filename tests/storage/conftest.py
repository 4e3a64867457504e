"""A storage of the test's own, on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levqor_errors.storage import Storage, open_storage
from support import Database


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    yield storage
    storage.close()

"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from ..config import DEFAULT_URL

Database = Annotated[
    str | None,
    typer.Option(
        help="The SQLite file, or a PostgreSQL address (default: DATABASE_URL, DATABASE_PATH, or levqor.db).",
        show_default=False,
    ),
]
Url = Annotated[
    str | None, typer.Option(help=f"The collector's address (default: LEVQOR_ERRORS_URL, or {DEFAULT_URL}).")
]

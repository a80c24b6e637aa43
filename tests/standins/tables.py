"""Tables of decisions: each row stands under the words that say what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


def cases(names: str, rows: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test once for each row, which is a tuple of arguments, or the one argument itself."""
    table = [pytest.param(*(row if isinstance(row, tuple) else (row,)), id=shows) for shows, row in rows.items()]
    return pytest.mark.parametrize(names.split(), table)

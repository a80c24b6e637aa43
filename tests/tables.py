"""Tables of decisions: each row stands under the words that say what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(shown: Mapping[str, object]) -> list[Any]:
    """Return the rows for `parametrize`; a row is a tuple of arguments, or the one argument itself."""
    return [pytest.param(*(row if isinstance(row, tuple) else (row,)), id=words) for words, row in shown.items()]


def cases(names: str, shown: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test once for each row."""
    return pytest.mark.parametrize(names.split(), rows(shown))

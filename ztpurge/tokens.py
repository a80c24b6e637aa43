"""The token that calls carry: given, or got by logging in and renewed when it ends, once for all workers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ztpurge.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable


class Tokens:
    """One token at a time; `log_in` gets another within so many seconds, and `on_new` hears of it before its use."""

    def __init__(
        self,
        token: str,
        *,
        log_in: Callable[[float], str] | None = None,
        on_new: Callable[[str], None] = lambda _token: None,
    ) -> None:
        self._token = token
        self._log_in = log_in
        self._on_new = on_new
        self._lock = threading.Lock()
        self._refusal: ApiError | None = None

    def get(self, timeout: float) -> str:
        """Return the token, logging in if there is none yet; raise ApiError if that fails."""
        with self._lock:
            return self._token or self._renew(timeout)

    def replace(self, stale: str, timeout: float) -> str | None:
        """Return another token for one that was refused, None where there is none; raise ApiError if that fails."""
        with self._lock:
            if self._token != stale:
                return self._token  # somebody else has renewed it meanwhile
            return self._renew(timeout) if self._log_in else None

    def _renew(self, timeout: float) -> str:
        if self._log_in is None or self._refusal:
            raise self._refusal or AssertionError("a token or a way to get one is an input's business")
        try:
            token = self._log_in(timeout)
        except ApiError as error:
            if error.is_final:
                self._refusal = error  # wrong credentials stay wrong; a locked account helps nobody
            raise
        self._on_new(token)
        self._token = token
        return token

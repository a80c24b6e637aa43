"""The token that calls carry: given, or got by logging in and renewed when it ends, once for all workers."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable


class Tokens:
    """One token at a time; `log_in` gets another within so many seconds. Who comes meanwhile shares how that ends."""

    def __init__(self, token: str, *, log_in: Callable[[float], str] | None = None) -> None:
        self._token = token
        self._log_in = log_in
        self._lock = threading.Lock()
        self._attempt: Future[str] | None = None  # the login that is under way
        self._refusal: ApiError | None = None

    def get(self, timeout: float) -> str:
        """Return the token, logging in if there is none yet; raise ApiError if that fails."""
        return self._token or self._renew("", timeout)

    def replace(self, stale: str, timeout: float) -> str | None:
        """Return another token for one that was refused, None where there is none; raise ApiError if that fails."""
        return self._renew(stale, timeout) if self._log_in else None

    def _renew(self, stale: str, timeout: float) -> str:
        with self._lock:
            if self._token != stale:
                return self._token  # somebody else has renewed it meanwhile
            if self._log_in is None or self._refusal:
                raise self._refusal or AssertionError("a token or a way to get one is an input's business")
            attempt, under_way = Future[str](), self._attempt
            if under_way is None:
                self._attempt = attempt
        if under_way is not None:
            return _share(under_way, timeout)
        try:
            token = self._log_in(timeout)
        except BaseException as error:
            with self._lock:
                self._attempt = None
                if isinstance(error, ApiError) and error.is_final:
                    self._refusal = error  # wrong credentials stay wrong; a locked account helps nobody
            attempt.set_exception(error)
            raise
        with self._lock:
            self._attempt = None
            self._token = token
        attempt.set_result(token)
        return token


def _share(attempt: Future[str], timeout: float) -> str:
    try:
        return attempt.result(timeout)
    except TimeoutError as error:
        raise ApiError(Failure.TIMEOUT, f"no token within {timeout:.3g} s") from error

"""Door to the CDN's API: one method a call, every failure an ApiError.

What an answer means is read in `answers.py`, whether to ask again decided in `retry.py`. Importing it costs 100 ms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ztpurge.answers import Receipt, read_receipt, read_token
from ztpurge.errors import ApiError, Failure
from ztpurge.tokens import Tokens
from ztpurge.transport import exchange, make_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.clock import Clock
    from ztpurge.plan import Batch
    from ztpurge.transport import Answer

_MAX_ANSWER = 256 * 1024  # bytes; the longest documented answer has under 200
_REMEDIES = {
    Failure.TIMEOUT: "If that lasts, raise `request-timeout`: the service asks each provider behind the host in turn",
    Failure.UNREACHABLE: "Check that the runner can reach `api-url`",
}


@dataclass(frozen=True, slots=True)
class Login:
    """How to be let in: a token, or a name and a password to get one with."""

    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


class Cdn:
    """The API of one account."""

    def __init__(
        self,
        api_url: str,
        login: Login,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        on_token: Callable[[str], None] = lambda _token: None,
    ) -> None:
        self._api_url = api_url
        self._login = login
        self._clock = clock
        self._session = make_session(api_url, environ)
        self._tokens = Tokens(login.token, log_in=self._log_in if login.username else None, on_new=on_token)

    def purge(self, batch: Batch, timeout: float) -> Receipt:
        """Ask for the purge of a batch and return the API's receipt, within `timeout` seconds; raise ApiError.

        A token that was refused is replaced once, where there is a password to get another with.
        """
        end = self._clock.now() + timeout
        token = self._tokens.get(timeout)
        try:
            return self._purge(batch, token, end)
        except ApiError as error:
            another = self._tokens.replace(token, timeout) if error.failure is Failure.AUTH else None
            if another is None:
                raise error.without(token) from None
        try:
            return self._purge(batch, another, end)
        except ApiError as error:
            raise error.without(token, another) from None

    def _purge(self, batch: Batch, token: str, end: float) -> Receipt:
        answer = self._post("/cdn_api/purge", {batch.kind: batch.entries}, end - self._clock.now(), token=token)
        return read_receipt(answer, now=self._clock.wall())

    def _log_in(self, timeout: float) -> str:
        """Get a token; one body serves both of the documented forms."""
        name, password = self._login.username, self._login.password
        body = {
            "username": name,
            "password": password,
            "auth": {"passwordCredentials": {"username": name, "password": password}},
        }
        try:
            answer = self._post("/cdn_api/tokens", body, timeout)
            return read_token(answer, now=self._clock.wall())
        except ApiError as error:
            raise error.without(password) from None

    def _post(self, path: str, body: Mapping[str, object], timeout: float, *, token: str = "") -> Answer:
        if timeout <= 0:
            raise ApiError(Failure.TIMEOUT, "no time was left for the call")
        try:
            return exchange(
                self._session,
                "POST",
                self._api_url + path,
                data=json.dumps(body, separators=(",", ":")),
                headers={"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})},
                timeout=timeout,
                most=_MAX_ANSWER,
            )
        except ApiError as error:
            raise ApiError(error.failure, error.cause, remedy=_REMEDIES.get(error.failure, "")) from error

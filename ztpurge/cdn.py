"""Door to the CDN's API: one method a call, every failure an ApiError.

What an answer means is read in `answers.py`, whether to ask again decided in `retry.py`. Importing it costs 100 ms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from ztpurge.answers import Live, Receipt, Task, read_live, read_receipt, read_task, read_token
from ztpurge.errors import ApiError, Failure, blot
from ztpurge.tokens import Tokens
from ztpurge.transport import exchange, make_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.clock import Clock
    from ztpurge.plan import Batch
    from ztpurge.transport import Answer

T = TypeVar("T")
_WORTH_HIDING = 8  # characters: no token is shorter, and a short one may be in an id by chance
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
        """Ask for the purge of a batch and return the API's receipt, within `timeout` seconds; raise ApiError."""
        return self._submit("/cdn_api/purge", {batch.kind: batch.entries}, timeout)

    def prefetch(self, batch: Batch, timeout: float) -> Receipt:
        """Have the edges fetch the URLs of a batch anew; as `purge` otherwise."""
        return self._submit("/cdn_api/prefetch", {"urls": batch.entries}, timeout)

    def status(self, req_id: str, timeout: float) -> Task:
        """Ask what became of a purge or prefetch, within `timeout` seconds; raise ApiError."""
        path = f"/cdn_api/req_status/{quote(req_id, safe='')}"

        def ask(token: str, seconds: float) -> Task:
            answer = self._exchange("GET", path, seconds, token=token)
            task = read_task(answer, req_id, now=self._clock.wall())
            secrets = (token, self._login.password)
            shown = tuple(blot(entry, *secrets) for entry in task.entries)
            return replace(task, word=blot(task.word, *secrets), entries=shown)

        return self._with_token(ask, timeout)

    def live(self, req_id: str, *, is_prefetch: bool, timeout: float) -> Live:
        """Ask what each provider behind the service says of a reqId now; raise ApiError if there is no answer."""
        path = f"/cdn_api/{'prefetch' if is_prefetch else 'purge'}/{quote(req_id, safe='')}"
        token = self._tokens.get(timeout)  # that of the question for the task, which sees to it that it is good
        live = read_live(self._exchange("GET", path, timeout, token=token))
        secrets = (token, self._login.password)
        shown = (replace(one, name=blot(one.name, *secrets), word=blot(one.word, *secrets)) for one in live.providers)
        return replace(live, providers=tuple(shown))

    def _submit(self, path: str, body: Mapping[str, object], timeout: float) -> Receipt:
        def submit(token: str, seconds: float) -> Receipt:
            answer = self._exchange("POST", path, seconds, body=body, token=token)
            receipt = read_receipt(answer, now=self._clock.wall())
            if len(token) >= _WORTH_HIDING and token in receipt.req_id:
                raise ApiError(Failure.UNREADABLE, "the API gave the token back as a reqId")
            return receipt

        return self._with_token(submit, timeout)

    def _with_token(self, call: Callable[[str, float], T], timeout: float) -> T:
        """Call with the token; one that was refused is replaced once, where there is a password to get another with."""
        end = self._clock.now() + timeout
        token = self._tokens.get(timeout)
        try:
            return call(token, end - self._clock.now())
        except ApiError as error:
            another = self._tokens.replace(token, timeout) if error.failure is Failure.AUTH else None
            if another is None:
                raise error.without(token) from None
        try:
            return call(another, end - self._clock.now())
        except ApiError as error:
            raise error.without(token, another) from None

    def _log_in(self, timeout: float) -> str:
        """Get a token; one body serves both of the documented forms."""
        name, password = self._login.username, self._login.password
        body = {
            "username": name,
            "password": password,
            "auth": {"passwordCredentials": {"username": name, "password": password}},
        }
        try:
            answer = self._exchange("POST", "/cdn_api/tokens", timeout, body=body)
            return read_token(answer, now=self._clock.wall())
        except ApiError as error:
            raise error.without(password) from None

    def _exchange(
        self, method: str, path: str, timeout: float, *, body: Mapping[str, object] | None = None, token: str = ""
    ) -> Answer:
        if timeout <= 0:
            raise ApiError(Failure.TIMEOUT, "no time was left for the call")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return exchange(
                self._session,
                method,
                self._api_url + path,
                data=None if body is None else json.dumps(body, separators=(",", ":")),
                headers=headers | ({"X-Auth-Token": token} if token else {}),
                timeout=timeout,
                most=_MAX_ANSWER,
            )
        except ApiError as error:
            raise ApiError(error.failure, error.cause, remedy=_REMEDIES.get(error.failure, "")) from error

"""Door to the CDN's API: one method a call, every failure an ApiError; logging in, and again when a token ends.

What an answer means is read in `answers.py`, whether to ask again decided in `calls/`; both get answers without
secrets. Importing it costs 100 ms.
"""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from ztpurge.calls.transport import Request, Session
from ztpurge.cdn.answers import WORDS, Live, Receipt, Task, find_token, read_live, read_receipt, read_task, refuse_login
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.redaction import Secrets
    from ztpurge.calls.transport import Answer, Exchange
    from ztpurge.cdn.answers import TaskKind
    from ztpurge.cdn.plan import Batch

T = TypeVar("T")
_MAX_ANSWER = 256 * 1024  # bytes; the longest documented answer has under 200
# what an answer is understood by; to show such a word gives nobody's password away
# fmt: off
_PROTOCOL = frozenset({
    "0", "1", "2", "OK", "Unauthorized", "access", "code", "delete", "dirs", "error", "failure", "id", "init",
    "message", "msg", "path", "prepare", "rate", "reqId", "result", "ret", "run", "status", "success", "successRate",
    "success_rate", "task", "taskContent", "taskId", "taskStatus", "taskType", "title", "token", "unknow", "urls",
    "wait", "ws_api", "yy_api", "zt_api", *WORDS,
})
# fmt: on
_REFUSALS = frozenset({Failure.AUTH, Failure.REJECTED})
_REMEDIES = {
    Failure.TIMEOUT: "If that lasts, raise `request-timeout`: the service asks each provider behind the host in turn",
    Failure.UNREACHABLE: "Check that the runner can reach `api-url`",
    Failure.AWAY: "Check that the service is up and the runner can reach `api-url`, then run the job again",
    Failure.NO_NAME: "Check the host in `api-url`",
}
_SENT = {Failure.TIMEOUT, Failure.UNREACHABLE}
_ODD_CHARACTERS = {  # which the service's own JSON does not take as they are
    "a quotation mark": r'["]',
    "a backslash": r"[\\]",
    "a character that is not ASCII": r"[^\x00-\x7f]",
    "a control character": r"[\x00-\x1f]",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Where the API is, and how to be let in: a token, or a name and a password to get one with."""

    api_url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


class Cdn:
    """The API of one account.

    `on_token` hears of each token that a login brings, before it is used, `on_exchange` of each request.
    """

    def __init__(  # noqa: PLR0913 - what a door is opened with
        self,
        account: Account,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        secrets: Secrets,
        on_token: Callable[[str], None],
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._secrets = secrets
        secrets.add(account.token)
        secrets.add_login(account.username, account.password)
        self._on_token = on_token
        self._session = Session(account.api_url, environ, on_exchange=on_exchange)
        self._tokens = Tokens(account.token, self._log_in if account.username else None)

    def purge(self, batch: Batch, timeout: float) -> Receipt:
        """Ask for the purge of a batch and return the API's receipt, within `timeout` seconds; raise ApiError."""
        return self._submit("/cdn_api/purge", batch, timeout)

    def prefetch(self, batch: Batch, timeout: float) -> Receipt:
        """Have the edges fetch the URLs of a batch anew; as `purge` otherwise."""
        return self._submit("/cdn_api/prefetch", batch, timeout)

    def status(self, req_id: str, timeout: float) -> Task:
        """Ask what became of a purge or prefetch, within `timeout` seconds; raise ApiError."""
        path = f"/cdn_api/req_status/{quote(req_id, safe='')}"

        def ask(token: str, seconds: float) -> Task:
            answer = self._shown(self._exchange("GET", path, seconds, token=token))
            return read_task(answer, req_id, now=self._clock.wall())

        return self._with_token(ask, timeout)

    def live(self, req_id: str, kind: TaskKind, timeout: float) -> Live:
        """Ask what each provider behind the service says of a reqId now; raise ApiError if there is no answer."""
        path = f"/cdn_api/{'prefetch' if kind == 'prefetch' else 'purge'}/{quote(req_id, safe='')}"
        token = self._tokens.get(timeout)  # that of the question for the task, which sees to it that it is good
        return read_live(self._shown(self._exchange("GET", path, timeout, token=token)))

    def _submit(self, path: str, batch: Batch, timeout: float) -> Receipt:
        body: dict[str, object] = {"urls" if batch.kind == "prefetch" else batch.kind: batch.entries}
        if batch.project_id:
            body["project_id"] = batch.project_id
            if self._account.username:  # beside a project the service takes it from here, for its record of the call
                body["username"] = self._account.username

        def submit(token: str, seconds: float) -> Receipt:
            try:
                answer = self._shown(self._exchange("POST", path, seconds, body=body, token=token))
            except ApiError as error:
                error.maybe_accepted = seconds > 0 and error.failure in _SENT
                raise
            return read_receipt(answer, now=self._clock.wall())

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
                raise
        return call(another, end - self._clock.now())

    def _log_in(self, timeout: float) -> str:
        """Get a token; a name or password that the service's own JSON would break is sent escaped if it was refused."""
        end = self._clock.now() + timeout
        name, password = self._account.username, self._account.password
        escaped = json.dumps(name)[1:-1], json.dumps(password)[1:-1]
        try:
            return self._log_in_as(name, password, timeout)
        except ApiError as error:
            if error.failure not in _REFUSALS or escaped == (name, password):
                raise
        try:
            return self._log_in_as(*escaped, end - self._clock.now())
        except ApiError as error:
            if error.failure not in _REFUSALS:
                raise
            kinds = " and ".join(kind for kind, one in _ODD_CHARACTERS.items() if re.search(one, name + password))
            remedy = (
                f"Check the secrets behind `username` and `password`; they hold {kinds}, which the service may not "
                "take: try a password without"
            )
            raise ApiError(error.failure, error.cause, remedy=remedy, status=error.status) from None

    def _log_in_as(self, name: str, password: str, timeout: float) -> str:
        """Get a token with these flat fields; one body serves both of the documented forms."""
        credentials = {"username": self._account.username, "password": self._account.password}
        body = {"username": name, "password": password, "auth": {"passwordCredentials": credentials}}
        answer = self._exchange("POST", "/cdn_api/tokens", timeout, body=body)
        token = find_token(answer)
        if token is None:
            refuse_login(self._shown(answer), now=self._clock.wall())
        self._secrets.add(token)
        self._on_token(token)
        return token

    def _shown(self, answer: Answer) -> Answer:
        """Return an answer as everybody may read it."""
        return replace(answer, body=self._secrets.redact_body(answer.body, public=_PROTOCOL))

    def _exchange(
        self, method: str, path: str, timeout: float, *, body: Mapping[str, object] | None = None, token: str = ""
    ) -> Answer:
        if timeout <= 0:
            raise ApiError(Failure.TIMEOUT, "no time was left for the call")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"X-Auth-Token": token} if token else {}
        data = None if body is None else json.dumps(body, separators=(",", ":"))
        # a login has a password where others have a token, and its answer has the token
        request = Request(
            method,
            self._account.api_url + path,
            headers,
            data,
            hidden=self._account.username if "username" in (body or {}) else "",
            is_private=not token,
        )
        try:
            return self._session.exchange(request, timeout=timeout, most=_MAX_ANSWER, secrets=self._secrets)
        except ApiError as error:
            raise ApiError(error.failure, error.cause, remedy=_REMEDIES.get(error.failure, "")) from error


class Tokens:
    """One token at a time; `log_in` gets another within so many seconds. Who comes meanwhile shares how that ends."""

    def __init__(self, token: str, log_in: Callable[[float], str] | None) -> None:
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
            try:
                return under_way.result(timeout)
            except TimeoutError as error:
                raise ApiError(Failure.TIMEOUT, f"no token within {timeout:.3g} s") from error
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

"""Door to GitHub's API: one call, its tries, and what its refusals mean.

Asks on the host of GITHUB_API_URL alone, and tells which permission is lacking. Gitea's and Forgejo's API serves too as
far as it has the same calls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ztpurge.calls.scheduler import retry_after
from ztpurge.calls.transport import Request, Session
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ztpurge.calls.redaction import Secrets
    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.calls.transport import Answer, Exchange

_MAX_ANSWER = 200_000_000  # bytes; 100,000 entries take some 30 MB
_SOON = 15.0  # seconds
_SECONDARY = "secondary rate limit"  # what GitHub says of it: there is no code
_NOT_THERE = frozenset({400, 404, 409, 422})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Need:
    """Which permission a call takes, and what helps without the call."""

    permission: str
    otherwise: str


CONTENTS = Need("contents: read", "Check out with `fetch-depth: 0`, so that the API is not needed")


class Api:
    """One repository, as GITHUB_API_URL shows it to a token; `on_exchange` hears of each request."""

    def __init__(
        self,
        environ: Mapping[str, str],
        token: str,
        scheduler: Scheduler,
        secrets: Secrets,
        *,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._api = environ.get("GITHUB_API_URL", "").rstrip("/")
        self._repository = environ.get("GITHUB_REPOSITORY", "")
        self._token = token
        # a call that hangs is left at once when the run is to stop: it only reads
        self._scheduler = replace(scheduler, grace_at_stop=0.0)
        self._secrets = secrets
        secrets.add(token)
        self._session = Session(self._api, environ, on_exchange=on_exchange)

    def _soon(self, *, retries: int) -> Scheduler:
        """Return a scheduler for what is not worth a long wait."""
        seconds = (retries + 1) * _SOON
        soon = replace(self._scheduler, retries=retries, request_timeout=min(self._scheduler.request_timeout, _SOON))
        return soon.within(seconds, f"a limit of {seconds:g} s")

    def _find(self, path: str, parse: Callable[[Any], _T]) -> _T | None:
        """Get something of the repository; None if it is not there."""
        found = self._ask(path, parse, need=CONTENTS, scheduler=self._scheduler, may_lack=_NOT_THERE)
        return found[0] if found else None

    def _give(
        self, path: str, parse: Callable[[Any], _T], *, need: Need = CONTENTS, scheduler: Scheduler | None = None
    ) -> _T:
        """Get what must be there."""
        return self._ask(path, parse, need=need, scheduler=scheduler or self._scheduler)[0]

    def _ask(
        self,
        path: str,
        parse: Callable[[Any], _T],
        *,
        need: Need,
        scheduler: Scheduler,
        may_lack: frozenset[int] = frozenset(),
    ) -> tuple[_T, ...]:
        """Return what an answer says, nothing for a status of `may_lack`; leave the call once the run is to stop."""
        asked = f"GitHub's API, asked for {for_log(self._secrets.redact(path), limit=200)}"
        url = f"{self._api}/repos/{self._repository}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

        request = Request("GET", url, headers)

        def call(timeout: float) -> tuple[Any, ...]:
            answer = self._session.exchange(request, timeout=timeout, most=_MAX_ANSWER, secrets=self._secrets)
            if answer.status in may_lack:
                return ()
            return (_read(answer, need, now=scheduler.clock.wall(), secrets=self._secrets),)

        # in a thread of its own, since a socket that blocks hears of no signal
        tried = next((found for _, found in scheduler.each((call,), scheduler.call)), None)
        if tried is None:
            why = self._scheduler.why_over()  # none where it was worth no longer wait
            cause = f"no answer, and {why}" if why else "no answer in time"
            raise ZtpurgeError(f"{asked}: {cause}", remedy=need.otherwise, place="since")
        if tried.error:
            remedy = tried.error.remedy or need.otherwise
            raise ZtpurgeError(f"{asked}: {tried.error.cause}", remedy=remedy, place="since") from tried.error
        try:
            return tuple(map(parse, tried.value or ()))
        except ZtpurgeError as error:
            raise ZtpurgeError(f"{asked}: {error.cause}", remedy=need.otherwise, place="since") from error


def _read(answer: Answer, need: Need, *, now: float, secrets: Secrets) -> Any:  # noqa: ANN401 - JSON
    """Return the document as it is: a password may be a folder's name, too. What is said of errors is redacted."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        document = {}
        if answer.status == 200:
            raise ApiError(Failure.UNREADABLE, "it answered something that is not JSON", status=200) from error
    if answer.status == 200:
        return document
    said = document.get("message") if isinstance(document, dict) else None
    cause = f"it answered {answer.status}: {for_log(secrets.redact(str(said)), limit=200)}"
    status, pause = answer.status, 60.0 if _SECONDARY in str(said) else _pause(answer, now)
    if pause is not None:
        raise ApiError(Failure.BUSY, cause, remedy=need.otherwise, status=status, retry_after=pause)
    if status == 401:
        raise ApiError(Failure.AUTH, cause, remedy="Check `github-token`; its default is the job's own", status=status)
    if status in {403, 404}:
        otherwise = f"{need.otherwise[0].lower()}{need.otherwise[1:]}"
        remedy = f"Give the job the permission `{need.permission}`, or {otherwise}"
        raise ApiError(Failure.REJECTED, cause, remedy=remedy, status=status)
    raise ApiError(Failure.SERVER if status >= 500 else Failure.REJECTED, cause, status=status)


def _pause(answer: Answer, now: float) -> float | None:
    """Return the seconds until GitHub takes calls again, None if that is not what it says.

    See "Rate limits for the REST API" in GitHub's documentation: `retry-after`, else `x-ratelimit-reset`.
    """
    if answer.status not in {403, 429}:
        return None
    after = answer.headers.get("retry-after")
    if after is not None:
        return retry_after(after, now=now)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1.0, float(reset) - now)
    return 60.0 if answer.status == 429 else None

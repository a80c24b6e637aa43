"""What the API answered -> a receipt, a token, a task or the word of each provider, or a typed error.

Pure. The two shapes and the table of errors: the vendor's page on purging (2015) and what the service was seen to
answer; where the two differ, both are accepted. An answer without a reqId is never a success.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from ztpurge.calls.scheduler import retry_after
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import parse_url
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from ztpurge.calls.transport import Answer

_REQ_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_RENEW = (
    "Renew the token in the repository's secrets: it ends within a day or so; "
    "`username` and `password` in its place do not"
)
_CHECK_API_URL = "Check that `api-url` is the CDN's API"
_TOKEN = re.compile(r"[\x21-\x7e]{8,8192}")  # a shorter one, masked, would blot out words of everybody's log
_BETWEEN_URLS = re.compile(r",(?=https?://)")  # a URL may hold a comma itself
_CUT_AT = 80  # characters: the service cuts lists of entries here, in the middle of a URL; others may elsewhere

State = Literal["done", "failed", "pending"]
TaskKind = Literal["urls", "dirs", "prefetch"]
# `wait`, `init`, `prepare`, `run`, `unknow` (sic) and whatever else may come: still under way
_ENDS: dict[str, State] = {"success": "done", "failure": "failed", "error": "failed", "delete": "failed"}
_WORST_FIRST: tuple[State, ...] = ("failed", "pending", "done")
_ALL = 100.0
# the service's own words, by which alone it tells these: it has no code for them; the last one means the host
WORDS = {"invalid token": Failure.AUTH, "Could not find token": Failure.AUTH, "can not found sp": Failure.HOST}
_TASK_KINDS: dict[str, TaskKind] = {"0": "dirs", "1": "urls", "2": "prefetch"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the API gave for a call: the id to ask after it, and the percentage of providers that took it.

    `success_rate` is None if the answer says something of it that cannot be read, or contradicts itself; then `doubt`
    has its words.
    """

    req_id: str
    success_rate: float | None = 100.0
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What the service says of a reqId: the state, its own word for it, and what was asked for as far as it lists it.

    `is_cut`: it may list less than was asked for. `entries` are URLs as they were sent, never a part of one.
    """

    state: State
    word: str
    kind: TaskKind = "urls"
    entries: tuple[str, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """One of the CDNs behind the service: how far it is with a reqId, in its own word; none if it does not answer."""

    name: str
    state: State = "pending"
    word: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What the providers behind the service say of a reqId now; none of them if the answer does not tell.

    `has_call`: the service knows the question. Names and words are as the server wrote them.
    """

    providers: tuple[Provider, ...] = ()
    has_call: bool = True

    @property
    def state(self) -> State:
        """Done when every provider is, failed when one has failed."""
        states = {provider.state for provider in self.providers}
        return "failed" if "failed" in states else "done" if states == {"done"} else "pending"


def read_req_id(text: str) -> str | None:
    """Return a reqId, None for what cannot be one."""
    return text if _REQ_ID.fullmatch(text) else None


def read_receipt(answer: Answer, *, now: float) -> Receipt:
    """Read the answer to a purge; raise ApiError for everything but an accepted one. `now`: seconds since 1970."""
    document = _document(answer.body)
    wrapped = document.get("zt_api")
    facts = wrapped if isinstance(wrapped, dict) else document
    if not _is_of_provider(facts):
        _raise_if_redirect(answer)
    ret = facts.get("ret")
    # the document: `ret` 0 is success, anything else failure, whatever the status; the other shape has no `ret`
    if ret is not None and ret != 0:
        raise _refusal(answer, facts, now)
    went_well = answer.status < 300 and not facts.get("error")
    given = facts.get("reqId")
    req_id = read_req_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else None
    if req_id and went_well:
        return Receipt(req_id, _success_rate(facts))
    if req_id:
        # what made a task is not to be sent again, even if it did not go well
        return Receipt(req_id, None, _refusal(answer, facts, now).cause)
    if went_well and answer.status != 206:
        raise ApiError(
            Failure.UNREADABLE,
            f"the API answered {answer.status} without a reqId: {_excerpt(answer.body)}",
            remedy=_CHECK_API_URL,
            status=answer.status,
        )
    raise _refusal(answer, facts, now)


def read_task(answer: Answer, req_id: str, *, now: float) -> Task:
    """Read the answer to a question for a reqId; raise ApiError for everything but a task of that id."""
    _raise_if_redirect(answer)
    document = _document(answer.body)
    wrapped = document.get("zt_api")
    facts = wrapped if isinstance(wrapped, dict) else document
    ret = facts.get("ret")
    if answer.status < 300 and ret is not None and ret != 0:
        raise _refusal(answer, facts, now)
    task = facts.get("task")
    word = task.get("taskStatus") if isinstance(task, dict) else None
    if answer.status < 300 and isinstance(task, dict) and isinstance(word, str) and word:
        if str(task.get("taskId", req_id)) != req_id:
            cause = "the API answered with another task than the one asked for"
            raise ApiError(Failure.UNREADABLE, cause, status=answer.status)
        return _task(word, task)
    if answer.status < 300 and not facts.get("error"):
        raise ApiError(
            Failure.UNREADABLE,
            f"the API answered {answer.status} without a task: {_excerpt(answer.body)}",
            status=answer.status,
        )
    error = _refusal(answer, facts, now)
    if answer.status == 404 and _error_text(facts) and error.failure is Failure.REJECTED:
        remedy = "Check the reqId, and that it was made with the same account"
        raise ApiError(Failure.UNKNOWN_TASK, error.cause, remedy=remedy, status=404)
    raise error


def _task(word: str, task: dict[str, Any]) -> Task:
    content = task.get("taskContent")
    content = content if isinstance(content, str) else ""
    listed = _BETWEEN_URLS.split(content) if content else []
    is_cut = len(content) >= _CUT_AT  # a list that just fits looks the same
    entries = []
    for text in listed[:-1] if is_cut else listed:
        with contextlib.suppress(ZtpurgeError):
            parse_url(text)
            entries.append(text)
    return Task(
        _ENDS.get(word, "pending"),
        for_log(word, limit=40),
        _TASK_KINDS.get(str(task.get("taskType")), "urls"),
        tuple(entries),
        is_cut or len(entries) < len(listed),
    )


def read_live(answer: Answer) -> Live:
    """Read the answer to the question what each provider says of a reqId; never raises, since nobody needs it.

    The published server answers `{"ws_api": {"ret": 0, "result": {"status": ..}}, "zt_api": {"successRate": ..}}`, for
    a prefetch with a list of results. A comment there says that the call is not for users.
    """
    is_object = answer.body.lstrip().startswith(b"{")
    if not (200 <= answer.status < 300 and is_object):
        may_pass = answer.status in {408, 429} or answer.status >= 500
        return Live(has_call=may_pass or (is_object and answer.status not in {401, 403, 405}))
    document = _document(answer.body)
    own = document.get("zt_api")
    if "error" in document or not all(isinstance(said, dict) for said in document.values()):
        return Live()
    providers = tuple(_provider(name, said) for name, said in document.items() if name != "zt_api")
    live = Live(providers)
    # the rate is the share of providers that answered: one of them is missing
    is_contradictory = live.state == "done" and isinstance(own, dict) and _success_rate(own) != _ALL
    return Live() if is_contradictory else live


def _provider(name: str, said: dict[str, Any]) -> Provider:
    result = said.get("result")
    results = result if isinstance(result, list) else [result]
    words = [item["status"] for item in results if isinstance(item, dict) and isinstance(item.get("status"), str)]
    ret = said.get("ret")
    if ret != 0 or isinstance(ret, bool) or not words or len(words) < len(results):
        return Provider(name)
    by_state = {_ENDS.get(word, "pending"): word for word in reversed(words)}
    state = next(state for state in _WORST_FIRST if state in by_state)
    return Provider(name, state, by_state[state])


def find_token(answer: Answer) -> str | None:
    """Return the token that the answer to a login holds, a Keystone v2 document; None for all else."""
    token = _token_in(answer) if answer.status < 300 else None
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None


def refuse_login(answer: Answer, *, now: float) -> NoReturn:
    """Raise the ApiError of an answer to a login in which no token was found. `now`: seconds since 1970."""
    _raise_if_redirect(answer)
    document = _document(answer.body)
    if answer.status < 300 and "error" not in document:
        what = "without a token" if _token_in(answer) is None else "with what is no token"
        cause = f"the API answered the login {what}"
        raise ApiError(Failure.UNREADABLE, cause, remedy=_CHECK_API_URL, status=answer.status)
    error = _refusal(answer, document, now)
    # 400 beside HTTP 200: the service could not read the name or the password
    failure = Failure.REJECTED if _code(document) == 400 else error.failure
    if failure is not Failure.AUTH and _code(document) != 400:
        raise error
    raise ApiError(
        failure, error.cause, remedy="Check the secrets behind `username` and `password`", status=answer.status
    )


def _token_in(answer: Answer) -> object:
    access = _document(answer.body).get("access")
    token = access.get("token") if isinstance(access, dict) else None
    return token.get("id") if isinstance(token, dict) else None


def _raise_if_redirect(answer: Answer) -> None:
    if 300 <= answer.status < 400:
        raise ApiError(
            Failure.REDIRECT,
            f"the API answered {answer.status} and pointed elsewhere",
            remedy="Give the API's own address in `api-url`; redirects are not followed, or the token could leak",
            status=answer.status,
        )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _success_rate(facts: dict[str, Any]) -> float | None:
    """Read the rate, which the document spells both ways: all if there is none, None if it is no percentage."""
    lowest = _ALL
    for given in (facts.get("success_rate", _ALL), facts.get("successRate", _ALL)):
        is_text = isinstance(given, str) and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?\s*%?", given)
        rate = float(given.rstrip("% ")) if is_text else given
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 <= rate <= _ALL:
            return None
        lowest = min(lowest, float(rate))
    return lowest


def _refusal(answer: Answer, facts: dict[str, Any], now: float) -> ApiError:
    text = _error_text(facts) or _excerpt(answer.body)
    is_of_provider = _is_of_provider(facts)
    failure, remedy = _provider_failure(answer.status) if is_of_provider else _failure(answer.status, facts, text)
    who = "a provider behind the service" if is_of_provider else "the API"
    pause = answer.headers.get("retry-after")
    return ApiError(
        failure,
        f"{who} answered {answer.odd_status or answer.status}: {text}",
        remedy=remedy,
        status=answer.status,
        retry_after=None if pause is None else retry_after(pause, now=now),
    )


def _failure(status: int, facts: dict[str, Any], text: str) -> tuple[Failure, str]:
    told = WORDS.get(text)
    if 401 in {status, _code(facts)} or told is Failure.AUTH:
        return Failure.AUTH, _RENEW
    if status == 403 or told is Failure.HOST:
        remedy = "Check that the host belongs to the token's account and is deployed"
        if status == 403:  # the service has the same words for a stranger's host and for one in two projects
            remedy += "; if it stands in two of the account's projects, give the right `project-id` in `.ztpurge.yml`"
        return Failure.HOST, remedy
    if status in {429, 503}:
        return Failure.BUSY, "If that lasts, lower `concurrency` or set `pace: 1`"
    if status == 408 or status >= 500:
        return Failure.SERVER, ""
    if status >= 400:
        no_api = status == 404 and not facts
        return Failure.REJECTED, _CHECK_API_URL if no_api else "Check the URLs, and that the CDN knows their host"
    return (Failure.SERVER, "") if facts.get("ret") else (Failure.UNREADABLE, _CHECK_API_URL)


def _is_of_provider(facts: dict[str, Any]) -> bool:
    """Tell a refusal that the service passes on, under the provider's own status, from one of its own (seen)."""
    return not {"success_rate", "successRate"}.isdisjoint(facts)


def _provider_failure(status: int) -> tuple[Failure, str]:
    if status == 401:  # not about our token
        return Failure.SERVER, "The service could not log in at that provider; if that lasts, tell the CDN's support"
    if status in {429, 503}:
        return Failure.BUSY, "If that lasts, lower `concurrency` or set `pace: 1`"
    if status == 206 or (400 <= status < 500 and status != 408):
        return Failure.CONTENT, "Check the URL: that provider does not take it"
    return Failure.SERVER, "If that lasts, tell the CDN's support which provider's words these are"


def _error_text(facts: dict[str, Any]) -> str:
    error = facts.get("error", facts.get("msg"))
    if isinstance(error, dict):
        error = error.get("message")
    return for_log(error, limit=300) if isinstance(error, str) else ""


def _code(facts: dict[str, Any]) -> int | None:
    error = facts.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else None


def _excerpt(body: bytes) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))).strip()
    return for_log(text, limit=200) or "nothing"

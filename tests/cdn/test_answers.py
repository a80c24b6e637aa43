"""An answer is a receipt, a task or a typed error, whatever a server sends."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.calls.exchange import Answer
from ztpurge.calls.scheduler import retry_after
from ztpurge.cdn.answers import (
    Live,
    Provider,
    Receipt,
    Task,
    read_live,
    read_receipt,
    read_req_id,
    read_task,
)
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "fa97b5d1-929f-11e5-b504-e03f4978b2ff"
NOW = 1445412480.0  # Wed, 21 Oct 2015 07:28:00 GMT


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, names, body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(answered: Answer) -> ApiError:
    with pytest.raises(ApiError) as raised:
        read_receipt(answered, now=NOW)
    assert raised.value.status == answered.status
    return raised.value


@pytest.mark.parametrize(
    ("body", "status", "receipt"),
    [
        pytest.param(
            {"zt_api": {"ret": 0, "msg": "OK", "reqId": ID, "success_rate": 100.0}}, 200, Receipt(ID), id="doc"
        ),
        pytest.param({"reqId": ID, "successRate": 100.0}, 200, Receipt(ID), id="seen"),
        pytest.param(
            {"zt_api": {"ret": 0, "reqId": ID, "successRate": 50.0}}, 200, Receipt(ID, 50.0), id="doc's table"
        ),
        pytest.param({"reqId": ID, "success_rate": 33}, 200, Receipt(ID, 33.0), id="seen, the other spelling"),
        pytest.param({"reqId": ID, "successRate": 0}, 200, Receipt(ID, 0.0), id="no provider"),
        pytest.param({"zt_api": {"reqId": ID}}, 200, Receipt(ID), id="wrapped without ret"),
        pytest.param({"ret": 0, "reqId": ID}, 200, Receipt(ID), id="ret without wrapping"),
        pytest.param({"zt_api": None, "reqId": ID}, 200, Receipt(ID), id="wrapping that is none"),
        pytest.param({"reqId": ID}, 201, Receipt(ID), id="created"),
        pytest.param({"reqId": 123}, 200, Receipt("123"), id="reqId as a number"),
        pytest.param({"reqId": ID, "error": None}, 200, Receipt(ID), id="no error"),
        pytest.param({"reqId": ID}, 202, Receipt(ID), id="accepted"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps({"reqId": ID}).encode(), 200, Receipt(ID), id="byte order mark"),
    ],
)
def test_an_accepted_call_has_a_receipt(body: object, status: int, receipt: Receipt) -> None:
    assert read_receipt(answer(body, status), now=NOW) == receipt


@pytest.mark.parametrize(
    ("body", "status", "doubt"),
    [
        pytest.param({"reqId": ID, "msg": "oops"}, 500, "the API answered 500: oops", id="500"),
        pytest.param({"reqId": ID, "error": "x"}, 200, "the API answered 200: x", id="an error"),
        pytest.param(
            {"zt_api": {"ret": 0, "reqId": ID, "msg": "OK"}}, 500, "the API answered 500: OK", id="ret 0, 500"
        ),
        pytest.param(
            {"zt_api": {"ret": 0, "reqId": ID, "error": "x"}}, 200, "the API answered 200: x", id="ret 0, error"
        ),
        pytest.param({"ret": 0, "reqId": ID, "error": "x"}, 403, "the API answered 403: x", id="ret 0, 403"),
        pytest.param(
            {"reqId": ID, "error": "x", "successRate": 50.0},
            302,
            "a provider behind the service answered 302: x",
            id="a provider's 302",
        ),
    ],
)
def test_a_req_id_beside_a_failure_is_neither_lost_nor_believed(body: object, status: int, doubt: str) -> None:
    """It is not sent again, since it made a task, and not taken for done."""
    assert read_receipt(answer(body, status), now=NOW) == Receipt(ID, None, doubt)


PROVIDER = "a provider behind the service answered"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        *((status, Failure.CONTENT) for status in (206, 400, 402, 403, 404, 410, 413, 414, 418, 499)),
        *((status, Failure.SERVER) for status in (200, 301, 302, 307, 401, 408, 500, 502, 504, 599, 999)),
        *((status, Failure.BUSY) for status in (429, 503)),
    ],
)
@pytest.mark.parametrize("rate", [{"successRate": 50.0}, {"success_rate": 0}], ids=["seen", "documented"])
@pytest.mark.parametrize("words", ["no", "invalid token", "can not found sp", "h is not yours or not ready"])
def test_a_rate_without_a_req_id_is_a_providers_answer(
    status: int, failure: Failure, rate: dict[str, object], words: str
) -> None:
    """Whatever its status says of tokens, hosts or addresses is the provider's business, not the service's."""
    for body in ({"error": words, **rate}, {"zt_api": {"ret": 1, "msg": words, **rate}}):
        error = refusal(answer(body, status, location="http://elsewhere.example/"))
        assert (error.failure, error.cause) == (failure, f"{PROVIDER} {status}: {words}")
        assert "oken" not in error.remedy
        assert "api-url" not in error.remedy


def test_a_provider_that_took_some_needs_no_error() -> None:
    error = refusal(answer({"successRate": 50.0}, 206))
    assert (error.failure, error.cause) == (Failure.CONTENT, f'{PROVIDER} 206: {{"successRate": 50.0}}')


def test_a_provider_that_lets_the_service_not_in_is_not_about_our_token() -> None:
    error = refusal(answer({"error": {"code": 401, "message": "who?"}, "successRate": 0.0}, 401))
    assert (error.is_final, error.cause) == (False, f"{PROVIDER} 401: who?")
    assert error.remedy == "The service could not log in at that provider; if that lasts, tell the CDN's support"


@pytest.mark.parametrize(
    "rate",
    [None, True, False, "", "all", [], {}, -1, 100.1, 10**400, float("inf"), float("nan")],
    ids=lambda x: repr(x)[:9],
)
@pytest.mark.parametrize("name", ["success_rate", "successRate"])
def test_a_rate_that_is_none_is_not_taken_for_all(name: str, rate: object) -> None:
    assert read_receipt(answer({"reqId": ID, name: rate}), now=NOW) == Receipt(ID, None)


@pytest.mark.parametrize(("rate", "percent"), [("50.0", 50.0), ("0%", 0.0), ("100 %", 100.0)])
def test_a_rate_as_text_is_read(rate: str, percent: float) -> None:
    assert read_receipt(answer({"reqId": ID, "successRate": rate}), now=NOW) == Receipt(ID, percent)


def test_of_two_rates_the_worse_counts() -> None:
    body = {"reqId": ID, "success_rate": 100.0, "successRate": 50}
    assert read_receipt(answer(body), now=NOW) == Receipt(ID, 50.0)


HTML = b"<!DOCTYPE HTML PUBLIC>\n<title>500 Internal Server Error</title>\n<h1>Oops</h1><p>Sorry\n"
HTML_TEXT = "500 Internal Server Error Oops Sorry"


NOT_YOURS = "a.example is not yours or not ready"
REFUSED = {
    "no token": (b"Unauthorized", 401, Failure.AUTH, "401: Unauthorized"),
    "bad or expired token": ({"error": "invalid token"}, 400, Failure.AUTH, "400: invalid token"),
    "token's user unknown": ({"error": "Could not find token"}, 404, Failure.AUTH, "404: Could not find token"),
    "401 in 200": ({"error": {"code": 401, "message": "no", "title": "x"}}, 200, Failure.AUTH, "200: no"),
    "several hosts": ({"error": "A single host"}, 400, Failure.REJECTED, "400: A single host"),
    "host not on the account": ({"error": NOT_YOURS}, 403, Failure.HOST, f"403: {NOT_YOURS}"),
    "no provider": ({"error": "can not found sp"}, 404, Failure.HOST, "404: can not found sp"),
    "body was not JSON": (b"<p>Bad\nRequest</p>", 400, Failure.REJECTED, "400: Bad Request"),
    "404 of something else": (b"<h1>Not Found</h1>", 404, Failure.REJECTED, "404: Not Found"),
    "404 without an error": ({}, 404, Failure.REJECTED, "404: {}"),
    "404 without a body": (b"", 404, Failure.REJECTED, "404: nothing"),
    "gone": ({"error": "gone"}, 410, Failure.REJECTED, "410: gone"),
    "bug in the server": (HTML, 500, Failure.SERVER, f"500: {HTML_TEXT}"),
    "too many requests": (b"slow down", 429, Failure.BUSY, "429: slow down"),
    "unavailable": (b"", 503, Failure.BUSY, "503: nothing"),
    "request timeout": (b"", 408, Failure.SERVER, "408: nothing"),
    "bad gateway": (b"", 502, Failure.SERVER, "502: nothing"),
    "gateway timeout": (b"", 504, Failure.SERVER, "504: nothing"),
    "ret 1 with 200": ({"zt_api": {"ret": 1, "msg": "busy"}}, 200, Failure.SERVER, "200: busy"),
    "ret -1 with a reqId": ({"zt_api": {"ret": -1, "msg": "busy", "reqId": ID}}, 200, Failure.SERVER, "200: busy"),
    "ret 5 without wrapping": ({"ret": 5, "error": "no"}, 200, Failure.SERVER, "200: no"),
    "ret 1 with 400": ({"zt_api": {"ret": 1, "msg": "no"}}, 400, Failure.REJECTED, "400: no"),
    "ret 1, bad token": ({"zt_api": {"ret": 1, "msg": "invalid token"}}, 200, Failure.AUTH, "200: invalid token"),
    "error with 200": ({"error": "x"}, 200, Failure.UNREADABLE, "200: x"),
    "error of another type": ({"error": ["x"]}, 400, Failure.REJECTED, '400: {"error": ["x"]}'),
    "code of another type": ({"error": {"code": "401"}}, 400, Failure.REJECTED, '400: {"error": {"code": "401"}}'),
    "ret of another type": ({"zt_api": {"ret": [0]}}, 200, Failure.SERVER, "200: "),
    "ret as text": ({"zt_api": {"ret": "0", "reqId": ID}}, 200, Failure.SERVER, "200: "),
    "ret that is not a number": (b'{"ret": NaN, "reqId": "x"}', 200, Failure.SERVER, "200: "),
}


@pytest.mark.parametrize(("body", "status", "failure", "cause"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("pause", [None, "7", "soon"])
def test_what_is_refused_has_its_failure_and_its_pause(
    body: object, status: int, failure: Failure, cause: str, pause: str | None
) -> None:
    answered = answer(body, status, **({"retry_after": pause} if pause else {}))
    for error in (refusal(answered), task_refusal(answered)):
        assert error.failure is failure
        assert error.cause.startswith(f"the API answered {cause}")
        assert len(error.cause) < 400
        assert error.retry_after == (7.0 if pause == "7" else None)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_a_redirect_is_no_success(status: int) -> None:
    error = refusal(answer({"zt_api": {"ret": 0, "reqId": ID}}, status, location="http://evil.example/"))
    assert (error.failure, error.cause) == (Failure.REDIRECT, f"the API answered {status} and pointed elsewhere")
    assert "api-url" in error.remedy


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="none"),
        pytest.param({"zt_api": {"ret": 0, "msg": "OK", "success_rate": 100.0}}, id="ret 0 without one"),
        *(
            pytest.param({"reqId": req_id}, id=name)
            for name, req_id in {
                "empty": "",
                "null": None,
                "boolean": True,
                "fraction": 7.5,
                "list": [ID],
                "object": {"id": ID},
                "newline": f"{ID}\n",
                "newline and command": f"{ID}\n::error::x",
                "old command": "a##[set-output name=x]y",
                "blank": "a b",
                "slash": "../../x",
                "not ASCII": "\u0663",
                "leading dash": "-a",
                "too long": "a" * 129,
                "10 kB": "a" * 10_000,
            }.items()
        ),
        pytest.param(b"", id="empty body"),
        pytest.param(HTML, id="HTML"),
        pytest.param(b"OK", id="text"),
        pytest.param(b"null", id="JSON null"),
        pytest.param(b'["reqId"]', id="JSON list"),
        pytest.param(b'"reqId"', id="JSON text"),
        pytest.param(b'{"reqId": "x"', id="cut short"),
        pytest.param(b'{"reqId": "\xff"}', id="not UTF-8"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b'{"reqId": "x", "a": ' + b"9" * 10_000 + b"}", id="huge number"),
    ],
)
def test_an_answer_without_a_usable_req_id_is_no_success(body: object) -> None:
    error = refusal(answer(body))
    assert error.failure is Failure.UNREADABLE
    assert error.cause.startswith("the API answered 200 without a reqId: ")
    assert error.cause.isprintable()
    assert "##[" not in error.cause
    assert len(error.cause) < 300


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\n::error::b", r"a\n::error::b", id="newline"),
        pytest.param("##[error]b", r"#\#[error]b", id="old command"),
        pytest.param("::error::b", r"\::error::b", id="command"),
        pytest.param("\u202eb", r"\u202eb", id="bidi override"),
        pytest.param("x" * 1000, f"{'x' * 300}... (1000 characters)", id="long"),
    ],
)
@pytest.mark.parametrize("form", ["{}", '{{"message": {}}}'], ids=["text", "object"])
def test_a_servers_words_are_made_safe(form: str, text: str, shown: str) -> None:
    error = refusal(answer(b'{"error": ' + form.format(json.dumps(text)).encode() + b"}", 400))
    assert error.cause == f"the API answered 400: {shown}"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        pytest.param(b"<b>a</b>\r\n\t b", "a b", id="one line without tags"),
        pytest.param(b"\x1b[31m##[error]\xff", r"\x1b[31m#\#[error]" + "\ufffd", id="hostile"),
        pytest.param(b"x" * 5000, f"{'x' * 200}... (4000 characters)", id="long"),
        pytest.param(b" \n<br>", "nothing", id="nothing"),
    ],
)
def test_a_body_is_shown_in_part(body: bytes, shown: str) -> None:
    assert refusal(answer(body, 500)).cause == f"the API answered 500: {shown}"


PAUSES = {"0": 0.0, "120": 120.0, " 7 ": 7.0, "9999999999": 9999999999.0} | {
    "Wed, 21 Oct 2015 07:28:30 GMT": 30.0,
    "Wednesday, 21-Oct-15 07:28:30 GMT": 30.0,  # RFC 850
    "Wed, 21 Oct 2015 09:28:30 +0200": 30.0,
    "Wed, 21 Oct 2015 07:27:59 GMT": 0.0,  # gone by
}
NO_PAUSES = [
    "", " ", "soon", "-5", "1.5", "1e3", "inf", "\u0663", "9" * 400, "Wed, 21 Oct 2015 25:28:00 GMT",
    "Wed, 31 Feb 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 +9999",
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), [*PAUSES.items(), *((text, None) for text in NO_PAUSES)])
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, now=NOW) == seconds


@pytest.fixture
def _shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CST-8")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_shanghai")
@pytest.mark.parametrize(
    "text", ["Wed Oct 21 07:28:30 2015", "Wed, 21 Oct 2015 07:28:30 -0000"], ids=["asctime", "-0000"]
)
def test_a_date_without_a_zone_is_utc(text: str) -> None:
    assert retry_after(text, now=NOW) == 30.0


DATE_PARTS = ["Wed", "21", "Oct", "2015", "07:28:00", "GMT", "+", "-0000", "-", ",", ":", ".", "(", "99999999999"]


@given(st.text() | st.lists(st.sampled_from(DATE_PARTS)).map(" ".join))
@settings(deadline=None)
def test_any_retry_after_is_seconds_or_none(text: str) -> None:
    seconds = retry_after(text, now=NOW)
    assert seconds is None or 0 <= seconds < float("inf")


KEYS = st.sampled_from(["zt_api", "ret", "msg", "reqId", "success_rate", "successRate", "error", "code", "message"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([0, 401, ID, "invalid token"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.binary() | JSON.map(lambda value: json.dumps(value).encode())


@given(
    status=st.sampled_from([200, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503]) | st.integers(-1, 999),
    headers=st.dictionaries(st.just("retry-after"), st.text() | st.integers().map(str)),
    body=BODIES | st.dictionaries(KEYS, JSON).map(lambda value: json.dumps({"zt_api": value}).encode()),
)
@settings(deadline=None)
def test_any_answer_is_a_receipt_or_an_api_error(status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        receipt = read_receipt(Answer(status, headers, body), now=NOW)
    except ApiError as error:
        assert error.status == status  # noqa: PT017 - either end is fine
        assert "##[" not in str(error)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert receipt.req_id.isascii()
        assert receipt.req_id.encode() in body
        assert receipt.success_rate is None or 0 <= receipt.success_rate <= 100


A = "http://a.example"


def task(
    word: object = "run", content: object = f"{A}/1,{A}/2", kind: object = "1", **more: object
) -> dict[str, object]:
    return {"task": {"taskId": ID, "taskStatus": word, "taskType": kind, "taskContent": content, **more}}


def task_refusal(answered: Answer) -> ApiError:
    with pytest.raises(ApiError) as raised:
        read_task(answered, ID, now=NOW)
    assert len(str(raised.value).splitlines()) == 1
    assert "##[" not in str(raised.value)
    return raised.value


WORDS_OF_TASKS = {"success": "done"} | dict.fromkeys(["failure", "error", "delete"], "failed")
WORDS_OF_TASKS |= dict.fromkeys(
    ["run", "wait", "init", "prepare", "unknow", "unknown", "something new", "successful"], "pending"
)


@pytest.mark.parametrize(("word", "state"), WORDS_OF_TASKS.items())
@pytest.mark.parametrize("wrapped", [False, True], ids=["seen", "wrapped"])
def test_a_task_is_done_failed_or_pending(word: str, state: str, wrapped: bool) -> None:
    body = {"zt_api": {"ret": 0, "msg": "OK", **task(word)}} if wrapped else task(word)
    read = read_task(answer(body), ID, now=NOW)
    assert (read.state, read.word, read.kind, read.entries) == (state, word, "urls", (f"{A}/1", f"{A}/2"))


@pytest.mark.parametrize(
    ("content", "kind", "read"),
    [
        pytest.param(f"{A}/1", "1", Task("pending", "run", "urls", (f"{A}/1",)), id="one URL"),
        pytest.param(f"{A}/d/", "0", Task("pending", "run", "dirs", (f"{A}/d/",)), id="directory"),
        pytest.param(f"{A}/1", "2", Task("pending", "run", "prefetch", (f"{A}/1",)), id="prefetch"),
        pytest.param(f"{A}/1", 2, Task("pending", "run", "prefetch", (f"{A}/1",)), id="type as a number"),
        pytest.param(f"{A}/1", "3", Task("pending", "run", "urls", (f"{A}/1",)), id="type that is new"),
        pytest.param(f"{A}/1", None, Task("pending", "run", "urls", (f"{A}/1",)), id="no type"),
        pytest.param(f"{A}/1", ["1"], Task("pending", "run", "urls", (f"{A}/1",)), id="type that is none"),
        pytest.param(
            f"{A}/1,2,{A}/?a,b,https://a.example/3",
            "1",
            Task("pending", "run", "urls", (f"{A}/1,2", f"{A}/?a,b", "https://a.example/3")),
            id="commas in URLs",
        ),
        pytest.param("", "1", Task("pending", "run"), id="nothing"),
        pytest.param(None, "1", Task("pending", "run"), id="null"),
        pytest.param([f"{A}/1"], "1", Task("pending", "run"), id="a list"),
        pytest.param(7, "1", Task("pending", "run"), id="a number"),
        pytest.param(
            f"{A}/1,{A}/{'x' * 43}",
            "1",
            Task("pending", "run", "urls", (f"{A}/1", f"{A}/{'x' * 43}")),
            id="one character less than is cut",
        ),
        pytest.param(
            f"{A}/1,{A}/{'x' * 44}", "1", Task("pending", "run", "urls", (f"{A}/1",), is_cut=True), id="maybe cut"
        ),
        pytest.param(
            f"{A}/1,{A}/{'x' * 219}", "1", Task("pending", "run", "urls", (f"{A}/1",), is_cut=True), id="cut at 255"
        ),
        pytest.param(f"{A}/{'x' * 70}", "1", Task("pending", "run", is_cut=True), id="nothing whole is left"),
        pytest.param(
            f"{A}/1,http://[,{A}/2", "1", Task("pending", "run", "urls", (f"{A}/1", f"{A}/2"), is_cut=True), id="no URL"
        ),
        pytest.param("asse", "1", Task("pending", "run", is_cut=True), id="part of a URL"),
    ],
)
def test_what_a_task_lists_is_read(content: object, kind: object, read: Task) -> None:
    assert read_task(answer(task(content=content, kind=kind)), ID, now=NOW) == read


LISTS = st.lists(st.from_regex(r"http://a\.example/[a-z,]{0,40}", fullmatch=True), min_size=1, max_size=10)


@given(entries=LISTS)
def test_nothing_is_listed_that_was_not_sent(entries: list[str]) -> None:
    content = ",".join(entries)[:80]  # as the service was seen to cut it
    read = read_task(answer(task(content=content)), ID, now=NOW)
    assert list(read.entries) == entries[: len(read.entries)]
    assert read.is_cut or list(read.entries) == entries


def test_a_task_without_an_id_is_taken_for_the_one_asked_for() -> None:
    assert read_task(answer({"task": {"taskStatus": "success"}}), ID, now=NOW) == Task("done", "success")


def test_an_id_that_is_a_number_is_the_same_as_a_text() -> None:
    req_id = read_receipt(answer({"reqId": 123}), now=NOW).req_id
    assert read_task(answer({"task": {"taskId": 123, "taskStatus": "success"}}), req_id, now=NOW).state == "done"


@pytest.mark.parametrize(
    "word", ["a\n::error::b", "##[error]b", "\u202eb", "x" * 10_000, "\ud800", "::error::"], ids=ascii
)
def test_a_services_word_is_made_safe(word: str) -> None:
    read = read_task(answer(task(word)), ID, now=NOW)
    assert read.state == "pending"
    assert read.word.isprintable()
    assert "##[" not in read.word
    assert not read.word.startswith("::")
    assert len(read.word) < 80


NO_TASK = {
    "unknown": ({"error": "task id can not found"}, 404, Failure.UNKNOWN_TASK, "404: task id can not found"),
    "unknown, as object": ({"error": {"message": "no such"}}, 404, Failure.UNKNOWN_TASK, "404: no such"),
    "a task with 500": (task("success"), 500, Failure.SERVER, "500: "),
    "a task with 404": (task("success"), 404, Failure.REJECTED, "404: "),
    "redirect": ({}, 302, Failure.REDIRECT, "302 and pointed elsewhere"),
    "a task with a redirect": (task("success"), 302, Failure.REDIRECT, "302 and pointed elsewhere"),
    "HTML": (HTML, 200, Failure.UNREADABLE, f"200 without a task: {HTML_TEXT}"),
    "empty object": ({}, 200, Failure.UNREADABLE, "200 without a task: {}"),
    "empty body": (b"", 200, Failure.UNREADABLE, "200 without a task: nothing"),
    "null": (b"null", 200, Failure.UNREADABLE, "200 without a task: null"),
    "list": (b'["task"]', 200, Failure.UNREADABLE, "200 without a task"),
    "deep": (b"[" * 100_000, 200, Failure.UNREADABLE, "200 without a task"),
    "no task": ({"task": None}, 200, Failure.UNREADABLE, "200 without a task"),
    "list of tasks": ({"task": [{"taskStatus": "success"}]}, 200, Failure.UNREADABLE, "200 without a task"),
    "no word": ({"task": {"taskId": ID}}, 200, Failure.UNREADABLE, "200 without a task"),
    "empty word": (task(""), 200, Failure.UNREADABLE, "200 without a task"),
    "null for a word": (task(None), 200, Failure.UNREADABLE, "200 without a task"),
    "number for a word": (task(1), 200, Failure.UNREADABLE, "200 without a task"),
    "list for a word": (task(["success"]), 200, Failure.UNREADABLE, "200 without a task"),
    "another id": (task("success", taskId=ID[:-1]), 200, Failure.UNREADABLE, "with another task"),
    "empty id": (task("success", taskId=""), 200, Failure.UNREADABLE, "with another task"),
    "list for an id": (task("success", taskId=[ID]), 200, Failure.UNREADABLE, "with another task"),
}


@pytest.mark.parametrize(("body", "status", "failure", "cause"), NO_TASK.values(), ids=NO_TASK)
def test_what_is_no_task_has_its_failure(body: object, status: int, failure: Failure, cause: str) -> None:
    error = task_refusal(answer(body, status))
    assert (error.failure, error.status) == (failure, status)
    assert error.cause.startswith(f"the API answered {cause}")
    assert len(error.cause) < 400
    assert ("made with the same account" in str(error)) == (failure is Failure.UNKNOWN_TASK)


@pytest.mark.parametrize("ret", [1, -1, "0", [0]])
def test_a_task_in_an_answer_that_says_it_failed_is_not_done(ret: object) -> None:
    error = task_refusal(answer({"zt_api": {"ret": ret, "msg": "busy", **task("success")}}))
    assert error.failure is Failure.SERVER


@pytest.mark.parametrize("text", [ID, "7", "A.b_c:d-e", "a" * 128])
def test_a_req_id_is_taken_as_it_is(text: str) -> None:
    assert read_req_id(text) == text
    assert read_receipt(answer({"reqId": text}), now=NOW) == Receipt(text)


@pytest.mark.parametrize("text", ["a" * 129, "", "-a", "..", "a/b", "a b", "a\n", "a%2f", "a?b", "\u0663"])
def test_what_cannot_be_a_req_id_is_none(text: str) -> None:
    assert read_req_id(text) is None


TASK_KEYS = st.sampled_from(["taskId", "taskStatus", "taskType", "taskContent", "error", "ret"])
WORDS = st.sampled_from(["success", "failure", "run", "0", "1", "2", ID, f"{A}/1,{A}/2", f"{A}/" + "x" * 300, ","])
TASKS = st.dictionaries(TASK_KEYS, WORDS | JSON, max_size=6)
TASK_BODIES = (
    TASKS.map(lambda value: {"task": value})
    | st.tuples(TASKS, JSON).map(lambda pair: {"zt_api": {"ret": pair[1], "task": pair[0]}})
    | st.tuples(TASKS, JSON).map(lambda pair: {"error": pair[1], "task": pair[0]})
)


@given(
    status=st.sampled_from([200, 201, 204, 302, 400, 401, 404, 500, 503]) | st.integers(-1, 999),
    headers=st.dictionaries(st.just("retry-after"), st.text() | st.integers().map(str)),
    body=BODIES | TASK_BODIES.map(lambda value: json.dumps(value).encode()),
)
@settings(deadline=None)
def test_any_answer_is_a_task_or_an_api_error(status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        read = read_task(Answer(status, headers, body), ID, now=NOW)
    except ApiError as error:
        assert "##[" not in str(error)  # noqa: PT017 - either end is fine
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert status < 300
        assert read.word.isprintable()
        assert all(read.entries)
        assert read.state != "done" or b'"success"' in body
        assert read.kind in {"urls", "dirs", "prefetch"}


def one(status: object, ret: object = 0) -> dict[str, object]:
    return {"ret": ret, "msg": "OK", "result": {"status": status, "rate": "100%", "path": f"{A}/1", "reqId": "7"}}


ALL_ANSWERED = {"successRate": 100.0}
DONE, WAITS, FAILED, SILENT = one("success"), one("wait"), one("failure"), {"ret": -1, "msg": "timed out", "result": {}}
IS_DONE = Provider("ws_api", "done", "success")


@pytest.mark.parametrize(
    ("body", "providers", "state"),
    [
        pytest.param({"ws_api": DONE, "zt_api": ALL_ANSWERED}, (IS_DONE,), "done", id="one is done"),
        pytest.param(
            {"ws_api": DONE, "yy_api": DONE}, (IS_DONE, Provider("yy_api", "done", "success")), "done", id="all are"
        ),
        pytest.param(
            {"ws_api": DONE, "yy_api": WAITS, "zt_api": ALL_ANSWERED},
            (IS_DONE, Provider("yy_api", "pending", "wait")),
            "pending",
            id="one is late",
        ),
        pytest.param(
            {"ws_api": DONE, "yy_api": SILENT, "zt_api": {"successRate": 50.0}},
            (IS_DONE, Provider("yy_api")),
            "pending",
            id="one is silent",
        ),
        pytest.param(
            {"ws_api": FAILED, "yy_api": WAITS, "zz_api": SILENT},
            (Provider("ws_api", "failed", "failure"), Provider("yy_api", "pending", "wait"), Provider("zz_api")),
            "failed",
            id="one failed",
        ),
        pytest.param({"zt_api": ALL_ANSWERED}, (), "pending", id="no provider"),
        pytest.param({}, (), "pending", id="nothing"),
        pytest.param({"ws_api": DONE, "zt_api": {"successRate": 50.0}}, (), "pending", id="half of them is missing"),
        pytest.param({"ws_api": DONE, "zt_api": {"successRate": "?"}}, (), "pending", id="a rate that is none"),
        pytest.param({"ws_api": DONE, "error": "timed out"}, (), "pending", id="an error beside"),
        pytest.param({"reqId": ID, "successRate": 100.0}, (), "pending", id="the answer to a purge"),
        pytest.param({"zt_api": {"ret": 0, "reqId": ID, "success_rate": 100.0}}, (), "pending", id="documented"),
        pytest.param({"ws_api": DONE, "yy_api": None}, (), "pending", id="null for a provider"),
        pytest.param({"ws_api": DONE, "yy_api": "success"}, (), "pending", id="a text for a provider"),
        pytest.param({"ws_api": one("success", ret=1)}, (Provider("ws_api"),), "pending", id="ret is not 0"),
        pytest.param({"ws_api": one("success", ret="0")}, (Provider("ws_api"),), "pending", id="ret is a text"),
        pytest.param({"ws_api": one("success", ret=False)}, (Provider("ws_api"),), "pending", id="ret is no number"),
        pytest.param({"ws_api": {"result": {"status": "success"}}}, (Provider("ws_api"),), "pending", id="no ret"),
        pytest.param(
            {"ws_api": one("failure", ret=-1)}, (Provider("ws_api"),), "pending", id="silent, whatever it says"
        ),
        pytest.param({"ws_api": {"ret": 0}}, (Provider("ws_api"),), "pending", id="no result"),
        pytest.param({"ws_api": one(None)}, (Provider("ws_api"),), "pending", id="no word"),
        pytest.param({"ws_api": one(["success"])}, (Provider("ws_api"),), "pending", id="a list for a word"),
        pytest.param({"ws_api": one("SUCCESS")}, (Provider("ws_api", "pending", "SUCCESS"),), "pending", id="new word"),
    ],
)
def test_done_is_what_every_provider_calls_done(
    body: dict[str, object], providers: tuple[Provider, ...], state: str
) -> None:
    read = read_live(answer(body))
    assert (read, read.state) == (Live(providers), state)


@pytest.mark.parametrize(
    ("words", "provider"),
    [
        pytest.param(["success", "success"], Provider("ws_api", "done", "success"), id="all"),
        pytest.param(["success", "run", "wait"], Provider("ws_api", "pending", "run"), id="some are under way"),
        pytest.param(["wait", "failure", "success"], Provider("ws_api", "failed", "failure"), id="one failed"),
        pytest.param([], Provider("ws_api"), id="none"),
        pytest.param(["success", None], Provider("ws_api"), id="one without a word"),
    ],
)
def test_a_prefetch_is_done_when_each_of_its_urls_is(words: list[object], provider: Provider) -> None:
    results = [{"path": f"{A}/{number}", "status": word} for number, word in enumerate(words)]
    read = read_live(answer({"ws_api": {"ret": 0, "msg": "OK", "reqId": "7", "result": results}}))
    assert read.providers == (provider,)


def test_a_list_of_results_that_holds_something_else_proves_nothing() -> None:
    assert read_live(answer({"ws_api": {"ret": 0, "result": [{"status": "success"}, "success"]}})).state == "pending"


@pytest.mark.parametrize(
    ("body", "status", "has_call"),
    [
        pytest.param(HTML, 404, False, id="404 page"),
        pytest.param(HTML, 405, False, id="405 page"),
        pytest.param({"message": "Method Not Allowed"}, 405, False, id="405"),
        pytest.param(HTML, 200, False, id="page"),
        pytest.param(b"", 200, False, id="nothing"),
        pytest.param([], 200, False, id="list"),
        pytest.param(b"Unauthorized", 401, False, id="401"),
        pytest.param({"error": "not for users"}, 403, False, id="403"),
        pytest.param(HTML, 302, False, id="redirect"),
        pytest.param({"error": "can not found sp"}, 404, True, id="404 of the service: no provider of that id"),
        pytest.param({"error": "invalid token"}, 400, True, id="a token that ended meanwhile"),
        pytest.param(HTML, 500, True, id="bug in the server"),
        pytest.param(HTML, 503, True, id="503 of a proxy"),
        pytest.param(HTML, 429, True, id="too many questions"),
        pytest.param(b'{"ws_api": {"ret"', 200, True, id="cut off"),
    ],
)
def test_whether_a_server_lacks_the_call_is_told_from_what_may_pass(body: object, status: int, has_call: bool) -> None:
    assert read_live(answer(body, status)) == Live((), has_call=has_call)


PROVIDERS = st.dictionaries(
    st.text(max_size=9),
    st.fixed_dictionaries(
        {
            "ret": st.sampled_from([0, -1, 1, None, False, "0"]),
            "result": st.fixed_dictionaries({"status": st.sampled_from(["success", "failure", "wait"]) | JSON})
            | st.lists(st.fixed_dictionaries({"status": st.sampled_from(["success", "failure"]) | JSON}))
            | JSON,
        }
    )
    | JSON,
)


@given(
    status=st.sampled_from([200, 404, 500]) | st.integers(-1, 999),
    body=BODIES | PROVIDERS.map(json.dumps).map(str.encode),
)
@settings(deadline=None)
def test_any_answer_says_something_or_nothing_of_the_providers(status: int, body: bytes) -> None:
    read = read_live(Answer(status, {}, body))
    if read.state == "done":
        assert 200 <= status < 300
        assert {provider.word for provider in read.providers} == {"success"}
        said = json.loads(body)
        assert all(said[provider.name]["ret"] == 0 for provider in read.providers)
        assert {*said} - {"zt_api"} == {provider.name for provider in read.providers}

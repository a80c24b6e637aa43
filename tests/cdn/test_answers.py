"""An answer is a receipt, a task or a typed error, whatever a server sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.calls.transport import Answer
from ztpurge.cdn.answers import Live, Provider, Receipt, Task, read_live, read_receipt, read_req_id, read_task
from ztpurge.errors import ApiError, Failure

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


DOUBT = {"reqId": ID, "error": "x"}
NO_RATES: list[object] = [None, True, False, "", "all", [], {}, -1, 100.1, 10**400, float("inf"), float("nan")]
# fmt: off
RECEIPTS = {
    **{name: (body, status, Receipt(ID)) for name, (body, status) in {
        "doc": ({"zt_api": {"ret": 0, "msg": "OK", "reqId": ID, "success_rate": 100.0}}, 200),
        "seen": ({"reqId": ID, "successRate": 100.0}, 200), "no error": ({"reqId": ID, "error": None}, 200),
        "wrapped without ret": ({"zt_api": {"reqId": ID}}, 200), "ret without wrapping": ({"ret": 0, "reqId": ID}, 200),
        "wrapping that is none": ({"zt_api": None, "reqId": ID}, 200),
        "created": ({"reqId": ID}, 201), "accepted": ({"reqId": ID}, 202),
        "byte order mark": (b"\xef\xbb\xbf" + json.dumps({"reqId": ID}).encode(), 200),
    }.items()},
    "doc's table": ({"zt_api": {"ret": 0, "reqId": ID, "successRate": 50.0}}, 200, Receipt(ID, 50.0)),
    "seen, the other spelling": ({"reqId": ID, "success_rate": 33}, 200, Receipt(ID, 33.0)),
    "no provider": ({"reqId": ID, "successRate": 0}, 200, Receipt(ID, 0.0)),
    "reqId as a number": ({"reqId": 123}, 200, Receipt("123")),
    "of two rates the worse": ({"reqId": ID, "success_rate": 100.0, "successRate": 50}, 200, Receipt(ID, 50.0)),
    **{f"rate as text: {rate}": ({"reqId": ID, "successRate": rate}, 200, Receipt(ID, percent))
       for rate, percent in {"50.0": 50.0, "0%": 0.0, "100 %": 100.0}.items()},
    **{f"{name} that is none, and not taken for all: {rate!r:.9}": ({"reqId": ID, name: rate}, 200, Receipt(ID, None))
       for name in ("success_rate", "successRate") for rate in NO_RATES},
    # a reqId beside a failure made a task, so it is not sent again; nor is it taken for done
    "500": ({"reqId": ID, "msg": "oops"}, 500, Receipt(ID, None, "the API answered 500: oops")),
    "an error": (DOUBT, 200, Receipt(ID, None, "the API answered 200: x")),
    "ret 0, 500": ({"zt_api": {"ret": 0, "reqId": ID, "msg": "OK"}}, 500,
                   Receipt(ID, None, "the API answered 500: OK")),
    "ret 0, error": ({"zt_api": {"ret": 0, **DOUBT}}, 200, Receipt(ID, None, "the API answered 200: x")),
    "ret 0, 403": ({"ret": 0, **DOUBT}, 403, Receipt(ID, None, "the API answered 403: x")),
    "a provider's 302": ({**DOUBT, "successRate": 50.0}, 302,
                         Receipt(ID, None, "a provider behind the service answered 302: x")),
}
# fmt: on


@pytest.mark.parametrize(("body", "status", "receipt"), RECEIPTS.values(), ids=RECEIPTS)
def test_what_has_a_req_id_is_a_receipt_whose_doubts_are_neither_lost_nor_believed(
    body: object, status: int, receipt: Receipt
) -> None:
    assert read_receipt(answer(body, status), now=NOW) == receipt


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


def test_a_provider_that_took_some_needs_no_error_and_one_that_lets_the_service_not_in_is_not_about_our_token() -> None:
    error = refusal(answer({"successRate": 50.0}, 206))
    assert (error.failure, error.cause) == (Failure.CONTENT, f'{PROVIDER} 206: {{"successRate": 50.0}}')
    error = refusal(answer({"error": {"code": 401, "message": "who?"}, "successRate": 0.0}, 401))
    assert (error.is_final, error.cause) == (False, f"{PROVIDER} 401: who?")
    assert error.remedy == "The service could not log in at that provider; if that lasts, tell the CDN's support"


@cases("body status is_named", {
    "refused as a stranger's": ({"error": "a.example is not yours or not ready"}, 403, True),
    "without a provider": ({"error": "can not found sp"}, 404, False),
})  # fmt: skip
def test_the_remedy_of_a_403_names_the_project(body: object, status: int, is_named: bool) -> None:
    assert ("`project-id`" in refusal(answer(body, status)).remedy) == is_named


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
    **{f"{status}": (b"", status, Failure.SERVER, f"{status}: nothing") for status in (408, 502, 504)},
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


# fmt: off
NO_REQ_IDS = {
    "empty": "", "null": None, "boolean": True, "fraction": 7.5, "list": [ID], "object": {"id": ID},
    "newline": f"{ID}\n", "newline and command": f"{ID}\n::error::x", "old command": "a##[set-output name=x]y",
    "blank": "a b", "slash": "../../x", "not ASCII": "\u0663", "leading dash": "-a",
    "too long": "a" * 129, "10 kB": "a" * 10_000,
}
NO_RECEIPTS = {
    "none": {}, "ret 0 without one": {"zt_api": {"ret": 0, "msg": "OK", "success_rate": 100.0}},
    **{name: {"reqId": req_id} for name, req_id in NO_REQ_IDS.items()},
    "empty body": b"", "HTML": HTML, "text": b"OK", "JSON null": b"null", "JSON list": b'["reqId"]',
    "JSON text": b'"reqId"', "cut short": b'{"reqId": "x"', "not UTF-8": b'{"reqId": "\xff"}',
    "binary": b"\xff\xfe\x00", "deep": b"[" * 100_000, "deep objects": b'{"a":' * 100_000,
    "huge number": b'{"reqId": "x", "a": ' + b"9" * 10_000 + b"}",
}
# fmt: on


@pytest.mark.parametrize("body", NO_RECEIPTS.values(), ids=NO_RECEIPTS)
def test_an_answer_without_a_usable_req_id_is_no_success(body: object) -> None:
    error = refusal(answer(body))
    assert error.failure is Failure.UNREADABLE
    assert error.cause.startswith("the API answered 200 without a reqId: ")
    assert error.cause.isprintable()
    assert "##[" not in error.cause
    assert len(error.cause) < 300


SAFE = {
    "a\n::error::b": r"a\n::error::b",
    "##[error]b": r"#\#[error]b",
    "::error::b": r"\::error::b",
    "\u202eb": r"\u202eb",
    "x" * 1000: f"{'x' * 300}... (1000 characters)",
}
BODIES_SHOWN = {
    b"<b>a</b>\r\n\t b": "a b",
    b"\x1b[31m##[error]\xff": r"\x1b[31m#\#[error]" + "\ufffd",
    b"x" * 5000: f"{'x' * 200}... (4000 characters)",
    b" \n<br>": "nothing",
    **{b'{"error": %b}' % json.dumps(text).encode(): shown for text, shown in SAFE.items()},
    **{b'{"error": {"message": %b}}' % json.dumps(text).encode(): shown for text, shown in SAFE.items()},
}


@pytest.mark.parametrize(("body", "shown"), BODIES_SHOWN.items(), ids=lambda text: ascii(text)[:50])
def test_what_a_server_says_is_made_safe_and_a_body_shown_in_part(body: bytes, shown: str) -> None:
    assert refusal(answer(body, 500)).cause == f"the API answered 500: {shown}"


KEYS = st.sampled_from(["zt_api", "ret", "msg", "reqId", "success_rate", "successRate", "error", "code", "message"])
LEAVES = (
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([0, 401, ID, "invalid token"]),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(*LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.binary() | JSON.map(json.dumps).map(str.encode)
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503]) | st.integers(-1, 999)
HEADERS = st.dictionaries(st.just("retry-after"), st.text() | st.integers().map(str))


WRAPPED = st.dictionaries(KEYS, JSON).map(lambda value: json.dumps({"zt_api": value}).encode())


@given(status=STATUSES, headers=HEADERS, body=BODIES | WRAPPED)
def test_any_answer_is_a_receipt_or_an_api_error(status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        receipt = read_receipt(Answer(status, headers, body), now=NOW)
    except ApiError as error:
        assert error.status == status  # noqa: PT017 - either end is fine
        assert ("##[" in str(error), len(str(error).splitlines())) == (False, 1)  # noqa: PT017
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


# fmt: off
LISTED: dict[str, tuple[object, object, Task]] = {
    "one URL": (f"{A}/1", "1", Task("pending", "run", "urls", (f"{A}/1",))),
    "directory": (f"{A}/d/", "0", Task("pending", "run", "dirs", (f"{A}/d/",))),
    "prefetch": (f"{A}/1", "2", Task("pending", "run", "prefetch", (f"{A}/1",))),
    "type as a number": (f"{A}/1", 2, Task("pending", "run", "prefetch", (f"{A}/1",))),
    "type that is new": (f"{A}/1", "3", Task("pending", "run", "urls", (f"{A}/1",))),
    "no type": (f"{A}/1", None, Task("pending", "run", "urls", (f"{A}/1",))),
    "type that is none": (f"{A}/1", ["1"], Task("pending", "run", "urls", (f"{A}/1",))),
    "commas in URLs": (f"{A}/1,2,{A}/?a,b,https://a.example/3", "1",
                       Task("pending", "run", "urls", (f"{A}/1,2", f"{A}/?a,b", "https://a.example/3"))),
    **{f"nothing: {content!r}": (content, "1", Task("pending", "run")) for content in ("", None, [f"{A}/1"], 7)},
    "one character less than is cut": (f"{A}/1,{A}/{'x' * 43}", "1",
                                       Task("pending", "run", "urls", (f"{A}/1", f"{A}/{'x' * 43}"))),
    "maybe cut": (f"{A}/1,{A}/{'x' * 44}", "1", Task("pending", "run", "urls", (f"{A}/1",), is_cut=True)),
    "cut at 255": (f"{A}/1,{A}/{'x' * 219}", "1", Task("pending", "run", "urls", (f"{A}/1",), is_cut=True)),
    "nothing whole is left": (f"{A}/{'x' * 70}", "1", Task("pending", "run", is_cut=True)),
    "no URL": (f"{A}/1,http://[,{A}/2", "1", Task("pending", "run", "urls", (f"{A}/1", f"{A}/2"), is_cut=True)),
    "part of a URL": ("asse", "1", Task("pending", "run", is_cut=True)),
}
# fmt: on


@pytest.mark.parametrize(("content", "kind", "read"), LISTED.values(), ids=LISTED)
def test_what_a_task_lists_is_read(content: object, kind: object, read: Task) -> None:
    assert read_task(answer(task(content=content, kind=kind)), ID, now=NOW) == read


LISTS = st.lists(st.from_regex(r"http://a\.example/[a-z,]{0,40}", fullmatch=True), min_size=1, max_size=10)


@given(entries=LISTS)
def test_nothing_is_listed_that_was_not_sent(entries: list[str]) -> None:
    content = ",".join(entries)[:80]  # as the service was seen to cut it
    read = read_task(answer(task(content=content)), ID, now=NOW)
    assert list(read.entries) == entries[: len(read.entries)]
    assert read.is_cut or list(read.entries) == entries


@pytest.mark.parametrize("told", [{}, {"taskId": "123"}, {"taskId": 123}], ids=["no id", "a text", "a number"])
def test_the_id_of_a_task_may_be_left_out_or_be_a_number(told: dict[str, object]) -> None:
    read = read_task(answer({"task": {"taskStatus": "success", **told}}), "123", now=NOW)
    assert read == Task("done", "success")


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


# fmt: off
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
    **{name: (body, 200, Failure.UNREADABLE, "200 without a task") for name, body in {
        "list": b'["task"]', "deep": b"[" * 100_000, "no task": {"task": None}, "no word": {"task": {"taskId": ID}},
        "list of tasks": {"task": [{"taskStatus": "success"}]}, "empty word": task(""), "null for a word": task(None),
        "number for a word": task(1), "list for a word": task(["success"]),
    }.items()},
    **{name: ({"zt_api": {"ret": ret, "msg": "busy", **task("success")}}, 200, Failure.SERVER, "200: busy")
       for name, ret in {"ret 1": 1, "ret -1": -1, "ret as text": "0", "ret as list": [0]}.items()},
    **{f"another id: {other}": (task("success", taskId=other), 200, Failure.UNREADABLE, "with another task")
       for other in (ID[:-1], "", [ID])},
}
# fmt: on


@pytest.mark.parametrize(("body", "status", "failure", "cause"), NO_TASK.values(), ids=NO_TASK)
def test_what_is_no_task_has_its_failure(body: object, status: int, failure: Failure, cause: str) -> None:
    error = task_refusal(answer(body, status))
    assert (error.failure, error.status) == (failure, status)
    assert error.cause.startswith(f"the API answered {cause}")
    assert len(error.cause) < 400
    assert ("made with the same account" in str(error)) == (failure is Failure.UNKNOWN_TASK)


REQ_IDS = dict.fromkeys([ID, "7", "A.b_c:d-e", "a" * 128], True)
REQ_IDS |= dict.fromkeys(["a" * 129, "", "-a", "..", "a/b", "a b", "a\n", "a%2f", "a?b", "\u0663"], False)


@pytest.mark.parametrize(("text", "is_one"), REQ_IDS.items())
def test_a_req_id_is_taken_as_it_is_and_nothing_else_for_one(text: str, is_one: bool) -> None:
    assert read_req_id(text) == (text if is_one else None)
    if is_one:
        assert read_receipt(answer({"reqId": text}), now=NOW) == Receipt(text)


TASK_KEYS = st.sampled_from(["taskId", "taskStatus", "taskType", "taskContent", "error", "ret"])
WORDS = st.sampled_from(["success", "failure", "run", "0", "1", "2", ID, f"{A}/1,{A}/2", f"{A}/" + "x" * 300, ","])
TASKS = st.dictionaries(TASK_KEYS, WORDS | JSON, max_size=6)
TASK_BODIES = (
    TASKS.map(lambda value: {"task": value})
    | st.tuples(TASKS, JSON).map(lambda pair: {"zt_api": {"ret": pair[1], "task": pair[0]}})
    | st.tuples(TASKS, JSON).map(lambda pair: {"error": pair[1], "task": pair[0]})
)


@given(status=STATUSES, headers=HEADERS, body=BODIES | TASK_BODIES.map(json.dumps).map(str.encode))
def test_any_answer_is_a_task_or_an_api_error(status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        read = read_task(Answer(status, headers, body), ID, now=NOW)
    except ApiError as error:
        assert ("##[" in str(error), len(str(error).splitlines())) == (False, 1)  # noqa: PT017 - either end is fine
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


def several(*words: object) -> dict[str, object]:
    return {"ret": 0, "reqId": "7", "result": [{"path": f"{A}/{n}", "status": word} for n, word in enumerate(words)]}


# fmt: off
SAYS_NOTHING = {
    "ret is not 0": one("success", ret=1), "ret is a text": one("success", ret="0"),
    "ret is no number": one("success", ret=False), "no ret": {"result": {"status": "success"}},
    "silent, whatever it says": one("failure", ret=-1), "no result": {"ret": 0}, "no word": one(None),
    "a list for a word": one(["success"]), "no URLs": several(), "one URL without a word": several("success", None),
    "a result that is none": {"ret": 0, "result": [{"status": "success"}, "success"]},
}
PROVIDERS_SAY: dict[str, tuple[dict[str, object], tuple[Provider, ...], str]] = {
    "one is done": ({"ws_api": DONE, "zt_api": ALL_ANSWERED}, (IS_DONE,), "done"),
    "all are": ({"ws_api": DONE, "yy_api": DONE}, (IS_DONE, Provider("yy_api", "done", "success")), "done"),
    "one is late": ({"ws_api": DONE, "yy_api": WAITS, "zt_api": ALL_ANSWERED},
                    (IS_DONE, Provider("yy_api", "pending", "wait")), "pending"),
    "one is silent": ({"ws_api": DONE, "yy_api": SILENT, "zt_api": {"successRate": 50.0}},
                      (IS_DONE, Provider("yy_api")), "pending"),
    "one failed": ({"ws_api": FAILED, "yy_api": WAITS, "zz_api": SILENT},
                   (Provider("ws_api", "failed", "failure"), Provider("yy_api", "pending", "wait"), Provider("zz_api")),
                   "failed"),
    "no provider": ({"zt_api": ALL_ANSWERED}, (), "pending"),
    "nothing": ({}, (), "pending"),
    "half of them is missing": ({"ws_api": DONE, "zt_api": {"successRate": 50.0}}, (), "pending"),
    "a rate that is none": ({"ws_api": DONE, "zt_api": {"successRate": "?"}}, (), "pending"),
    "an error beside": ({"ws_api": DONE, "error": "timed out"}, (), "pending"),
    "the answer to a purge": ({"reqId": ID, "successRate": 100.0}, (), "pending"),
    "documented": ({"zt_api": {"ret": 0, "reqId": ID, "success_rate": 100.0}}, (), "pending"),
    "null for a provider": ({"ws_api": DONE, "yy_api": None}, (), "pending"),
    "a text for a provider": ({"ws_api": DONE, "yy_api": "success"}, (), "pending"),
    **{name: ({"ws_api": said}, (Provider("ws_api"),), "pending") for name, said in SAYS_NOTHING.items()},
    "new word": ({"ws_api": one("SUCCESS")}, (Provider("ws_api", "pending", "SUCCESS"),), "pending"),
    # a prefetch is done when each of its URLs is
    "all URLs": ({"ws_api": several("success", "success")}, (IS_DONE,), "done"),
    "some URLs are under way": ({"ws_api": several("success", "run", "wait")}, (Provider("ws_api", "pending", "run"),),
                                "pending"),
    "one URL failed": ({"ws_api": several("wait", "failure", "success")}, (Provider("ws_api", "failed", "failure"),),
                       "failed"),
}
# fmt: on


@pytest.mark.parametrize(("body", "providers", "state"), PROVIDERS_SAY.values(), ids=PROVIDERS_SAY)
def test_done_is_what_every_provider_calls_done(
    body: dict[str, object], providers: tuple[Provider, ...], state: str
) -> None:
    read = read_live(answer(body))
    assert (read, read.state) == (Live(providers), state)


LACKS = {
    "404 page": (HTML, 404, False),
    "405 page": (HTML, 405, False),
    "405": ({"message": "Method Not Allowed"}, 405, False),
    "page": (HTML, 200, False),
    "nothing": (b"", 200, False),
    "list": ([], 200, False),
    "401": (b"Unauthorized", 401, False),
    "403": ({"error": "not for users"}, 403, False),
    "redirect": (HTML, 302, False),
    "404 of the service: no provider of that id": ({"error": "can not found sp"}, 404, True),
    "a token that ended meanwhile": ({"error": "invalid token"}, 400, True),
    "bug in the server": (HTML, 500, True),
    "503 of a proxy": (HTML, 503, True),
    "too many questions": (HTML, 429, True),
    "cut off": (b'{"ws_api": {"ret"', 200, True),
}


@pytest.mark.parametrize(("body", "status", "has_call"), LACKS.values(), ids=LACKS)
def test_whether_a_server_lacks_the_call_is_told_from_what_may_pass(body: object, status: int, has_call: bool) -> None:
    assert read_live(answer(body, status)) == Live((), has_call=has_call)


WORDS_SAID = st.sampled_from(["success", "failure", "wait"]) | JSON
RESULT = st.fixed_dictionaries({"status": WORDS_SAID})
SAID = {"ret": st.sampled_from([0, -1, 1, None, False, "0"]), "result": RESULT | st.lists(RESULT) | JSON}
PROVIDERS = st.dictionaries(st.text(max_size=9), st.fixed_dictionaries(SAID) | JSON)


@given(status=STATUSES, body=BODIES | PROVIDERS.map(json.dumps).map(str.encode))
def test_any_answer_says_something_or_nothing_of_the_providers(status: int, body: bytes) -> None:
    read = read_live(Answer(status, {}, body))
    if read.state == "done":
        assert 200 <= status < 300
        assert {provider.word for provider in read.providers} == {"success"}
        said = json.loads(body)
        assert all(said[provider.name]["ret"] == 0 for provider in read.providers)
        assert {*said} - {"zt_api"} == {provider.name for provider in read.providers}

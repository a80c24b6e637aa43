"""Each way in which a call can go wrong is a typed error, and the token goes nowhere but to the API."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock

from sandbox import Fault, Provider, Sandbox, Service
from tests.tables import cases
from ztpurge import __version__
from ztpurge.calls.clock import Clock
from ztpurge.calls.redaction import Secrets
from ztpurge.cdn.answers import Provider as ProviderSaid
from ztpurge.cdn.answers import Task
from ztpurge.cdn.api import Account, Cdn, Tokens
from ztpurge.cdn.plan import Batch
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ztpurge.calls.transport import Exchange
    from ztpurge.cdn.plan import Kind

BATCH = Batch("urls", "static.example.com", ("http://static.example.com/a",))

PREFETCH = Batch("prefetch", "static.example.com", ("http://static.example.com/a", "http://static.example.com/b,c"))


def client(url: str, token: str = "", *, password: str = "", heard: list[str] | None = None) -> Cdn:
    account = Account(url, token, "name" if password else "", password)
    heard = [] if heard is None else heard
    return Cdn(account, environ={}, clock=Clock(), secrets=Secrets(), on_token=heard.append)


class Hands:
    """The hands of a sandbox's clock, moved by the test."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hands() -> Hands:
    return Hands()


def slow_cdn(folder: Path, hands: Hands, **facts: Any) -> Sandbox:  # noqa: ANN401 - as Sandbox
    """Return a CDN whose purges take five seconds by a clock with those hands, but for `facts`."""
    return Sandbox(folder, **{"hosts": (BATCH.host,), "propagation": 5, "clock": hands, **facts})


BAD = '{"error": "bad", "successRate": 50.0}'
TIMED_OUT = '{"error": "timed out", "successRate": 50.0}'
FAULTS: dict[str, tuple[Fault, Failure, str]] = {
    "503": (Fault("status", status=503), Failure.BUSY, "answered 503"),
    "429": (Fault("status", status=429), Failure.BUSY, "answered 429"),
    "502": (Fault("status", status=502), Failure.SERVER, "answered 502"),
    "404": (Fault("status", status=404, body="{}"), Failure.REJECTED, "answered 404"),
    "status line -1": (Fault("bad-status-line"), Failure.SERVER, r"answered -1 UNKNOWN: \[Errno 111\] Conn"),
    "reset": (Fault("reset"), Failure.UNREACHABLE, "broke off"),
    "cut off": (Fault("truncated"), Failure.UNREACHABLE, "broke off"),
    "no answer": (Fault("hang", seconds=30), Failure.TIMEOUT, "no answer within"),
    "byte by byte": (Fault("drip", seconds=30), Failure.TIMEOUT, "no answer within"),
    "HTML": (Fault("html"), Failure.UNREADABLE, "without a (reqId|task)"),
    "megabytes": (Fault("huge"), Failure.UNREADABLE, "longer than"),
    "redirect": (Fault("redirect", location="http://127.0.0.1:1/"), Failure.REDIRECT, "elsewhere"),
}
OF_PURGES: dict[str, tuple[Fault, Failure, str]] = {
    "a provider refused": (Fault("status", status=400, body=BAD), Failure.CONTENT, "answered 400: bad"),
    "status line 1001": (
        Fault("bad-status-line", status=1001, body=TIMED_OUT), Failure.SERVER, "answered 1001 UNKNOWN: timed out"
    ),
    "reset after the purge": (Fault("reset-after"), Failure.UNREACHABLE, "broke off"),
    "no reqId": (Fault("no-reqid"), Failure.UNREADABLE, "without a reqId"),
    "ret": (Fault("ret"), Failure.SERVER, "answered 200"),
}  # fmt: skip


ASKED = {"purge": FAULTS | OF_PURGES, "prefetch": ["503", "reset", *OF_PURGES], "req_status": FAULTS}
ASKED["purge/"] = ["reset", "no answer"]  # what each provider says of a reqId


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in ASKED.items() for name in names])
def test_faults_are_typed_errors(cdn: Sandbox, token: str, path: str, name: str) -> None:
    fault, failure, words = (FAULTS | OF_PURGES)[name]
    api = client(cdn.api_url, token)
    req_id = api.purge(BATCH, 5).req_id
    cdn.add_faults(replace(fault, path=f"/cdn_api/{path}"))
    asks: dict[str, Callable[[], object]] = {
        "purge": lambda: api.purge(BATCH, 0.5),
        "prefetch": lambda: api.prefetch(PREFETCH, 0.5),
        "req_status": lambda: api.status(req_id, 0.5),
        "purge/": lambda: api.live(req_id, "urls", 0.5),
    }
    with pytest.raises(ApiError, match=words) as caught:
        asks[path]()
    assert caught.value.failure is failure
    assert caught.value.maybe_accepted == (
        path in {"purge", "prefetch"} and failure in {Failure.TIMEOUT, Failure.UNREACHABLE}
    )
    assert token not in str(caught.value)
    assert api.status(req_id, 5).state == "done"  # the next question is a new one


def test_an_address_where_nobody_listens_is_away(token: str) -> None:
    with pytest.raises(ApiError, match="Connection refused") as caught:
        client("http://127.0.0.1:1", token).purge(BATCH, 5)
    assert (caught.value.failure, caught.value.maybe_accepted) == (Failure.AWAY, False)


def test_a_token_given_back_as_a_req_id_is_none(cdn: Sandbox, token: str) -> None:
    cdn.add_faults(Fault("status", status=200, body=json.dumps({"reqId": token, "successRate": 100.0})))
    with pytest.raises(ApiError, match=r"without a reqId: .*\*\*\*") as caught:
        client(cdn.api_url, token).purge(Batch("urls", "static.example.com", ("http://static.example.com/",)), 10)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "call", "key"), [("urls", "purge", "urls"), ("dirs", "purge", "dirs"), ("prefetch", "prefetch", "urls")]
)
def test_a_call_has_the_token_and_one_key_and_nothing_that_this_machine_knows(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, call: str, key: str
) -> None:
    (tmp_path / ".netrc").write_text("machine api.example login user password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert requests.utils.get_netrc_auth("http://api.example/") == ("user", "secret")
    entries = ("http://a.example/é/",)
    with requests_mock.Mocker() as api:
        api.post(f"http://api.example/cdn_api/{call}", json={"reqId": "x"})
        getattr(client("http://api.example", token), call)(Batch(kind, "a.example", entries), 5)
    asked = api.last_request
    assert json.loads(asked.body) == {key: list(entries)}
    assert (asked.headers["User-Agent"], asked.headers["X-Auth-Token"]) == (f"ztpurge/{__version__}", token)
    assert "Authorization" not in asked.headers


@cases("kind call login sent", {
    "with a token": ("urls", "purge", {"token": "a-token"}, {"urls": [], "project_id": "p1"}),
    "with a name": ("dirs", "purge", {"username": "n", "password": "p"},
                    {"dirs": [], "project_id": "p1", "username": "n"}),
    "prefetched": ("prefetch", "prefetch", {"token": "a-token"}, {"urls": [], "project_id": "p1"}),
})  # fmt: skip
def test_a_call_names_the_project_of_its_batch(
    kind: Kind, call: str, login: dict[str, str], sent: dict[str, object]
) -> None:
    account = Account("http://api.example", **login)
    api = Cdn(account, environ={}, clock=Clock(), secrets=Secrets(), on_token=lambda _token: None)
    with requests_mock.Mocker() as service:
        service.post("http://api.example/cdn_api/tokens", json={"access": {"token": {"id": "another-token"}}})
        service.post(f"http://api.example/cdn_api/{call}", json={"reqId": "x"})
        getattr(api, call)(Batch(kind, "a.example", (), "p1"), 5)
    assert service.last_request.json() == sent


@cases("project_id is_accepted", {"none": ("", False), "another": ("p3", False), "one of its two": ("p2", True)})
def test_a_host_in_two_projects_is_purged_in_the_one_that_is_named(
    tmp_path: Path, token: str, project_id: str, is_accepted: bool
) -> None:
    with Sandbox(tmp_path, hosts=(BATCH.host,), projects={BATCH.host: ("p1", "p2")}, token=token) as cdn:
        api, batch = client(cdn.api_url, token), replace(BATCH, project_id=project_id)
        if is_accepted:
            assert api.status(api.purge(batch, 5).req_id, 5).state == "done"
            return
        with pytest.raises(ApiError, match=r"403: static\.example\.com is not yours or not ready") as caught:
            api.purge(batch, 5)
    assert caught.value.failure is Failure.HOST


def test_cookies_of_the_api_are_not_kept(cdn: Sandbox, token: str) -> None:
    cdn.add_faults(Fault("status", status=200, headers=(("Set-Cookie", "a=b"),), body='{"reqId": "x"}'))
    api = client(cdn.api_url, token)
    assert [api.purge(BATCH, 5).req_id for _ in range(2)] == ["x", cdn.calls[1].req_id]
    assert cdn.calls[1].headers.get("Cookie") is None


@pytest.mark.parametrize("location", ["http://[", "http://x/\xff", "//", "\x00"], ids=ascii)
def test_a_redirect_to_nowhere_is_a_redirect(cdn: Sandbox, token: str, location: str) -> None:
    headers = ("Location", location), ("Content-Encoding", "gzip")
    cdn.add_faults(Fault("status", status=302, headers=headers, body="x"))
    with pytest.raises(ApiError) as caught:
        client(cdn.api_url, token).purge(BATCH, 5)
    assert caught.value.failure in {Failure.REDIRECT, Failure.UNREACHABLE, Failure.UNREADABLE}


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ((), ["run", "success"]),
        ((Fault("task-failure"),), ["run", "failure"]),
        ((Fault("task-stuck"),), ["run", "run"]),
    ],
    ids=["propagation", "failure", "stuck"],
)
def test_a_status_follows_the_task(
    tmp_path: Path, token: str, hands: Hands, faults: tuple[Fault, ...], words: list[str]
) -> None:
    with slow_cdn(tmp_path, hands, token=token, faults=faults) as sandbox:
        api = client(sandbox.api_url, token)
        req_id = api.purge(BATCH, 5).req_id
        before = api.status(req_id, 5)
        hands.time += 5
        after = api.status(req_id, 5)
    assert [before.word, after.word] == words
    assert (before.state, before.kind, before.entries) == ("pending", "urls", BATCH.entries)


def test_a_prefetch_has_a_receipt_and_a_status(cdn: Sandbox, token: str) -> None:
    api = client(cdn.api_url, token)
    receipt = api.prefetch(PREFETCH, 5)
    (call,) = cdn.calls
    assert (call.method, call.path, call.entries) == ("POST", "/cdn_api/prefetch", PREFETCH.entries)
    assert (receipt.req_id, receipt.success_rate) == (call.req_id, 100.0)
    assert api.status(receipt.req_id, 5) == Task("done", "success", "prefetch", PREFETCH.entries)


@pytest.mark.parametrize(
    ("bad_token", "words", "failure"),
    [("", "task id can not found", Failure.UNKNOWN_TASK), ("expired-token", "invalid token", Failure.AUTH)],
    ids=["a reqId that nobody knows", "a bad token"],
)
def test_a_status_may_be_refused(cdn: Sandbox, token: str, bad_token: str, words: str, failure: Failure) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        client(cdn.api_url, bad_token or token).status("fa97b5d1-929f-11e5-b504-e03f4978b2ff", 5)
    assert caught.value.failure is failure
    assert "expired-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("req_id", "path"),
    {"fa97-b5d1_c": "fa97-b5d1_c", "a:b.c": "a%3Ab.c", "../t?x#y": "..%2Ft%3Fx%23y", "a%2f": "a%252f"}.items(),
)
def test_a_status_is_a_bare_get_of_one_path(token: str, req_id: str, path: str) -> None:
    with requests_mock.Mocker(case_sensitive=True) as api:
        api.get(requests_mock.ANY, json={"task": {"taskStatus": "success"}})
        client("http://api.example/v1", token).status(req_id, 5)
    asked = api.last_request
    assert (asked.method, asked.url, asked.body) == ("GET", f"http://api.example/v1/cdn_api/req_status/{path}", None)
    assert asked.headers["X-Auth-Token"] == token
    assert not {"Content-Type", "Content-Length", "Transfer-Encoding"} & asked.headers.keys()


def test_a_status_without_time_asks_nobody(cdn: Sandbox, token: str) -> None:
    with pytest.raises(ApiError, match="no time was left") as caught:
        client(cdn.api_url, token).status("x", 0)
    assert (caught.value.failure, cdn.calls) == (Failure.TIMEOUT, ())


def test_each_provider_is_asked_live(tmp_path: Path, token: str, hands: Hands) -> None:
    service = Service(tasks_end=False, providers=(Provider("ws_api"), Provider("yy_api", late_by=9)))
    with slow_cdn(tmp_path, hands, token=token, service=service) as sandbox:
        api = client(sandbox.api_url, token)
        purged, prefetched = api.purge(BATCH, 5).req_id, api.prefetch(PREFETCH, 5).req_id
        hands.time += 5
        seen = [api.live(purged, "urls", 5), api.live(prefetched, "prefetch", 5)]
        hands.time += 9
        seen += [api.live(purged, "urls", 5), api.live(prefetched, "prefetch", 5)]
    assert [live.state for live in seen] == ["pending", "pending", "done", "done"]
    assert [provider.word for provider in seen[0].providers] == ["success", "wait"]


def test_a_provider_that_echoes_the_token_or_the_password_is_not_believed_to_be_called_so() -> None:
    with requests_mock.Mocker() as api:
        api.post("http://api.example/cdn_api/tokens", json={"access": {"token": {"id": "token-of-today"}}})
        said = {"ret": 0, "result": {"status": "pass word, token-of-today"}}
        api.get("http://api.example/cdn_api/purge/x", json={"token-of-today": said})
        live = client("http://api.example", password="pass word").live("x", "urls", 5)
    assert live.providers == (ProviderSaid("***", "pending", "***, ***"),)


def test_a_token_that_ends_while_waiting_is_renewed(tmp_path: Path, hands: Hands) -> None:
    heard: list[str] = []
    known: dict[str, Any] = {"username": "name", "password": "pass word", "token_lifetime": 60, "propagation": 100}
    with slow_cdn(tmp_path, hands, **known) as sandbox:
        api = client(sandbox.api_url, password="pass word", heard=heard)
        req_id = api.purge(BATCH, 5).req_id
        states = [api.status(req_id, 5).state]
        hands.time += 100
        states += [api.status(req_id, 5).state, api.status(req_id, 5).state]
        api.prefetch(PREFETCH, 5)
        paths = [call.path.removeprefix("/cdn_api/").partition("/")[0] for call in sandbox.calls]
    assert states == ["pending", "done", "done"]
    assert len(set(heard)) == 2
    assert paths == ["tokens", "purge", "req_status", "req_status", "tokens", "req_status", "req_status", "prefetch"]


class LogIn:
    """A login that waits for `open`, then ends as its script says: with an error, at last with a new token."""

    def __init__(self, *ends: BaseException) -> None:
        self.ends = [*ends]
        self.asked = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.logins = 0

    def __call__(self, _timeout: float) -> str:
        self.logins += 1
        self.asked.release()
        assert self.open.wait(20)
        if self.ends:
            raise self.ends.pop(0)
        return f"token-{self.logins}"


WRONG, LATER = ApiError(Failure.AUTH, "wrong"), ApiError(Failure.SERVER, "later")


def test_a_token_that_was_given_is_used_and_has_no_replacement_without_a_login() -> None:
    tokens = Tokens("given", None)
    assert (tokens.get(1), tokens.replace("given", 1)) == ("given", None)


@pytest.mark.parametrize("stale", ["", "stale"], ids=["the first use", "a token refused"])
def test_one_login_is_for_everybody_who_comes_later(stale: str) -> None:
    log_in = LogIn()
    tokens = Tokens(stale, log_in)
    assert [tokens.replace("stale", 1) if stale else tokens.get(1) for _ in range(3)] == ["token-1"] * 3
    assert log_in.logins == 1


@pytest.mark.parametrize("stale", ["", "stale"])
def test_wrong_credentials_are_not_tried_again(stale: str) -> None:
    log_in = LogIn(WRONG)
    tokens = Tokens(stale, log_in)
    for _ in range(3):
        with pytest.raises(ApiError, match="wrong"):
            tokens.replace("stale", 1) if stale else tokens.get(1)
    assert log_in.logins == 1


@pytest.mark.parametrize("error", [LATER, KeyError()], ids=["a hiccup", "a bug"])
def test_another_error_of_the_login_is_the_caller_s_to_repeat(error: Exception) -> None:
    tokens = Tokens("", LogIn(error))
    with pytest.raises(type(error)):
        tokens.get(1)
    assert tokens.get(1) == "token-2"


@pytest.mark.parametrize("end", [None, WRONG, LATER], ids=["a token", "refused for good", "a hiccup"])
@pytest.mark.parametrize("stale", ["", "stale"])
def test_whoever_comes_while_somebody_logs_in_shares_how_that_ends(end: ApiError | None, stale: str) -> None:
    log_in = LogIn(*([end] if end else []))
    log_in.open.clear()
    tokens = Tokens(stale, log_in)
    ends: list[object] = []
    coming = threading.Semaphore(0)

    def work() -> None:
        coming.release()
        try:
            ends.append(tokens.replace(stale, 20) if stale else tokens.get(20))
        except ApiError as error:
            ends.append(error)

    first, *others = (threading.Thread(target=work) for _ in range(8))
    first.start()
    assert log_in.asked.acquire(timeout=20)
    for worker in others:
        worker.start()
    for _ in range(8):
        assert coming.acquire(timeout=20)
    with pytest.raises(ApiError, match="no token within"):
        tokens.replace(stale, 0.2)
    log_in.open.set()
    for worker in (first, *others):
        worker.join(20)
    assert ends == [end or "token-1"] * 8
    assert log_in.logins == 1


def test_what_is_heard_of_a_login_has_neither_its_password_nor_its_token_nor_who_it_is(tmp_path: Path) -> None:
    heard: list[Exchange] = []
    tokens: list[str] = []
    projects = {BATCH.host: ("p1", "p2")}
    with Sandbox(
        tmp_path, hosts=(BATCH.host,), projects=projects, username="ops@a.example", password="a password"
    ) as sandbox:
        account = Account(sandbox.api_url, "", "ops@a.example", "a password")
        secrets, clock = Secrets(), Clock()
        cdn = Cdn(account, environ={}, clock=clock, secrets=secrets, on_token=tokens.append, on_exchange=heard.append)
        req_id = cdn.purge(replace(BATCH, project_id="p1"), 10).req_id
    login, purge = heard
    assert (login.method, login.url.partition("/cdn_api/")[2], login.status) == ("POST", "tokens", 200)
    assert [word for word in ("a password", "ops@", *tokens) if word in str(heard)] == []
    assert (json.loads(purge.sent), json.loads(purge.said)["zt_api"]["reqId"]) == (
        {"urls": [*BATCH.entries], "project_id": "p1", "username": "***"},
        req_id,
    )

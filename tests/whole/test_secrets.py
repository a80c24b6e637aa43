"""Whole runs against servers that give secrets back in every spelling: none of it is shown anywhere."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from sandbox import Fault, Sandbox
from sandbox.listener import Listener, serve_replies
from sandbox.wire import Headers, Reply, read_request
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository
from tests.whole.steps import push_event, run_inside

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.runner import Step
    from sandbox.wire import Request

HOST = "static.example.com"
URL = f"http://{HOST}/a.css"
TOKEN = "tokenABCDEFGHIJ0123456789klmnopqrstuvwxy"  # of 40 characters
GITHUB_TOKEN = "ghs0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZab"
NAME = "name"
PASSWORD = 'p\u00e4ss/w\u00f6rd "&\\<x> +%of somebody'
SPELL: dict[str, Callable[[str], str]] = {
    "raw": lambda secret: secret,
    "URL": lambda secret: quote(secret, safe=""),
    "lower-case URL": lambda secret: quote(secret, safe="").lower(),
    "JavaScript's URL": lambda secret: quote(secret, safe="!'()*;,/?:@&=+$#"),
    "form": quote_plus,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON twice": lambda secret: json.dumps(json.dumps(secret)),
    "HTML": html.escape,
    "Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "Basic": lambda secret: base64.b64encode(f"{NAME}:{secret}".encode()).decode(),
}
CUTS = (0, 33, 65, 170, 190, 270, 290, 1970, 1990, 3970, 3990)


def masked(step: Step) -> set[str]:
    """Return what the runner is told to hide, before it is told anything else."""
    assert step.log.startswith("::add-mask::")
    return {
        line.removeprefix("::add-mask::").replace("%25", "%") for line in step.log.splitlines() if "add-mask" in line
    }


def padded(text: str) -> Iterator[str]:
    """Yield a text behind so much that each place where texts are cut is somewhere in it."""
    return (f"{'x' * cut} {text}" for cut in CUTS)


def seen_by_all(step: Step, workspace: Path) -> str:
    """Return all that a run left for people to read: log (less what the runner swallows), outputs, summary, report."""
    log = "\n".join(line for line in step.log.splitlines() if not line.startswith("::add-mask::"))
    report = workspace / "report.json"
    return "\n".join([log, *step.outputs.values(), step.summary, report.read_text() if report.exists() else ""])


def assert_hidden(step: Step, workspace: Path, *secrets: str) -> None:
    assert step.outputs
    shown = seen_by_all(step, workspace).lower()
    for secret in secrets:
        for spell in SPELL.values():
            spelled = spell(secret).lower()
            pieces = {spelled[start : start + 8] for start in range(len(spelled) - 7)}
            assert not [piece for piece in pieces if piece in shown]
    assert "Traceback" not in step.log


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def api(served: Path) -> Iterator[Sandbox]:
    with Sandbox(served, hosts=(HOST,), token=TOKEN, username=NAME, password=PASSWORD) as sandbox:
        yield sandbox


BY_TOKEN = {"token": TOKEN}
BY_NAME = {"username": NAME, "password": PASSWORD}


def run(api: Sandbox | str, workspace: Path, environ: dict[str, str] | None = None, /, **inputs: str) -> Step:
    given = {
        "api-url": api if isinstance(api, str) else api.api_url,
        "urls": URL,
        "report-file": "report.json",
        "retries": "0",
    }
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return run_inside(workspace, given, environ={"RUNNER_DEBUG": "1"} | (environ or {}))


@pytest.mark.parametrize("spelling", SPELL)
@pytest.mark.parametrize("secret", [TOKEN, PASSWORD], ids=["token", "password"])
def test_what_a_purge_is_told_hides_the_secrets(api: Sandbox, workspace: Path, secret: str, spelling: str) -> None:
    spelled = SPELL[spelling](secret)
    bodies = [body for text in padded(spelled) for body in _bodies(text)]
    urls = [f"http://{HOST}/{number}" for number in range(10 * len(bodies))]
    for number, body in enumerate(bodies):
        status = (200, 400, 403, 500)[number % 4]
        api.add_faults(Fault("status", status=status, body=body, match=f'/{number}0"', times=20))
    login = BY_TOKEN if secret == TOKEN else BY_NAME
    step = run(api, workspace, urls="\n".join(sorted(urls)), concurrency="8", **login)
    assert step.exit_code == 1
    assert {secret, quote(secret, safe="")} <= masked(step)
    assert "***" in seen_by_all(step, workspace)
    assert_hidden(step, workspace, secret)


def _bodies(text: str) -> Iterator[str]:
    yield json.dumps({"error": text})
    yield json.dumps({"error": {"code": 1, "message": text}, "successRate": 50.0})
    yield json.dumps({"zt_api": {"ret": 1, "msg": text}})
    yield json.dumps({text: text})
    yield json.dumps({"nothing": text}, ensure_ascii=False)
    yield f"<h1>{text}</h1>"
    yield f"{text}"


LIKE_AN_ID = "a-password-like-an-id"


@pytest.mark.parametrize(
    "text", [TOKEN, f"a-{TOKEN}-b", "".join(f"\\u{ord(letter):04x}" for letter in TOKEN), LIKE_AN_ID]
)
def test_a_secret_is_no_req_id(served: Path, workspace: Path, text: str) -> None:
    login = {"username": NAME, "password": LIKE_AN_ID} if text == LIKE_AN_ID else BY_TOKEN
    with Sandbox(served, hosts=(HOST,), token=TOKEN, username=NAME, password=LIKE_AN_ID) as api:
        for body in (f'{{"reqId": "{text}"}}', f'{{"zt_api": {{"ret": 0, "reqId": "{text}"}}}}'):
            api.add_faults(Fault("status", status=200, body=body))
            step = run(api, workspace, **login)
            assert (step.exit_code, step.outputs["req-ids"]) == (1, "[]")
            assert_hidden(step, workspace, [*login.values()][-1])


@pytest.mark.parametrize("login", [BY_TOKEN, BY_NAME], ids=["token", "password"])
def test_what_a_task_is_called_and_lists_hides_the_secrets(
    api: Sandbox, workspace: Path, login: dict[str, str]
) -> None:
    secret = [*login.values()][-1]
    answers = [
        {"taskStatus": f"failure {text}", "taskContent": f"http://{HOST}/{spelled}/x,http://{HOST}/{text}"}
        for spelled in (SPELL["raw"](secret), SPELL["URL"](secret), SPELL["JSON"](secret))
        for text in padded(spelled)
    ]
    answers += [answer | {"taskStatus": "error"} for answer in answers]
    for number, answer in enumerate(answers):
        path = f"/cdn_api/req_status/id-{number}"
        api.add_faults(Fault("status", status=200, path=path, body=json.dumps({"task": answer})))
    ids = "\n".join(f"id-{number}" for number in range(len(answers)))
    step = run(api, workspace, command="status", req_ids=ids, urls="", concurrency="8", **login)
    assert step.outputs["result"] == "failed"
    assert step.outputs["failed-urls"] == "[]"  # what was blotted out is no URL that was sent
    assert_hidden(step, workspace, secret)


@pytest.mark.parametrize("spelling", ["raw", "URL", "Base64", "Basic"])
@pytest.mark.parametrize("start", ["HTTP/1.0 -1 ", "HTTP/1.0 503 ", "", "x" * 170], ids=["-1", "503", "none", "far"])
@pytest.mark.parametrize("login", [BY_TOKEN, BY_NAME], ids=["token", "password"])
def test_headers_and_status_lines_hide_the_secrets(
    workspace: Path, login: dict[str, str], start: str, spelling: str
) -> None:
    secret = [*login.values()][-1]
    line = (start + SPELL[spelling](secret)).encode()

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(b"%s\r\nRetry-After: %s\r\nLocation: %s\r\n\r\n{}" % (line, line, line))

    with Listener(serve, bind="127.0.0.1", port=0) as odd:
        step = run(odd.url, workspace, **login)
    assert step.exit_code == 1
    assert_hidden(step, workspace, secret)


def test_a_failed_login_hides_the_password(api: Sandbox, workspace: Path) -> None:
    for text in padded(PASSWORD):
        for body in (json.dumps({"error": {"code": 5, "message": text}}), html.escape(text), text):
            api.add_faults(Fault("status", status=500, body=body, path="/cdn_api/tokens"))
            step = run(api, workspace, **BY_NAME)
            assert step.exit_code == 1
            assert_hidden(step, workspace, PASSWORD)


def answered_login(token: str, times: int = 1) -> Fault:
    body = json.dumps({"access": {"token": {"id": token}}})
    return Fault("status", status=200, body=body, path="/cdn_api/tokens", times=times)


def test_tokens_of_logins_are_hidden_the_old_ones_too(api: Sandbox, workspace: Path) -> None:
    tokens = ["first-token-0123456789abcdefghij", "second-token-0123456789abcdefghi"]
    both = json.dumps({"error": f"{'x' * 280} {tokens[0]} {tokens[1]}"})
    # the name and password are sent twice, since the service reads them as JSON
    api.add_faults(*(answered_login(token) for token in tokens))
    api.add_faults(Fault("status", status=401, body="Unauthorized"), Fault("status", status=404, body=both))
    step = run(api, workspace, **BY_NAME)
    assert [call.headers.get("X-Auth-Token", "") for call in api.purge_calls] == tokens
    assert step.exit_code == 1
    assert {PASSWORD, quote(PASSWORD, safe=""), *tokens} <= masked(step)
    assert_hidden(step, workspace, PASSWORD, *tokens)


@pytest.mark.parametrize("token", ["t", "1234567", "with space", "with\ttab", "\u00e4" * 20, "x" * 9000])
def test_a_login_that_answers_with_no_token_is_refused_and_nothing_of_it_masked(
    api: Sandbox, workspace: Path, token: str
) -> None:
    api.add_faults(answered_login(token, times=9))
    step = run(api, workspace, **BY_NAME)
    assert step.exit_code == 1
    assert "the API answered the login with what is no token" in step.log
    assert f"::add-mask::{token}" not in step.log
    assert api.purge_calls == ()


def test_github_s_words_hide_the_secrets(api: Sandbox, workspace: Path, tmp_path: Path) -> None:
    site = Repository(tmp_path / "site")
    before, after = site.commit({"a": "1"}), site.commit({"a": "2"})
    basic = base64.b64encode(f"x-access-token:{GITHUB_TOKEN}".encode()).decode()
    for text in padded(f"{GITHUB_TOKEN} {basic} {TOKEN}"):
        fault = Fault("status", status=403, body=json.dumps({"message": text}), path="/", times=9)
        with GitHubApi(site.folder, token=GITHUB_TOKEN, faults=(fault,)) as github:
            inputs = {"urls": "", "base_url": f"http://{HOST}/", "github_token": GITHUB_TOKEN, **BY_TOKEN}
            step = run(api, workspace, push_event(tmp_path, before, after) | {"GITHUB_API_URL": github.url}, **inputs)
        assert step.exit_code == 2
        assert "GitHub's API, asked for" in step.log
        assert_hidden(step, workspace, GITHUB_TOKEN, TOKEN)


def test_a_folder_may_be_called_like_the_password(served: Path, workspace: Path, tmp_path: Path) -> None:
    site = Repository(tmp_path / "site")
    before, after = site.commit({"public/a.css": "1"}), site.commit({"public/a.css": "2"})
    login = {"username": NAME, "password": "public"}
    with Sandbox(served, hosts=(HOST,), **login) as api, GitHubApi(site.folder, token=GITHUB_TOKEN) as github:  # type: ignore[arg-type]
        inputs = {"urls": "", "base_url": f"http://{HOST}/public/", "root": "public", "github_token": GITHUB_TOKEN}
        environ = push_event(tmp_path, before, after) | {"GITHUB_API_URL": github.url}
        step = run(api, workspace, environ, **inputs, **login)
        assert step.exit_code == 0
        assert [call.entries for call in api.purge_calls] == [(f"http://{HOST}/public/a.css",)]


@pytest.mark.parametrize("status", [200, 302, 404])
def test_what_edges_say_hides_the_secrets(api: Sandbox, workspace: Path, status: int) -> None:
    head = Repository(workspace).commit({"a.css": "new"})
    for cut in (0, 65, 70, 95, 270, 290):
        text = f"{'x' * cut}{TOKEN}"
        names = (
            "Via",
            "X-Cache",
            "ETag",
            "Age",
            "Location",
            "Content-Encoding",
            "Cache-Status",
            "CF-Ray",
            "X-Served-By",
        )
        headers = tuple((name, text) for name in names)
        reply = Reply(status, Headers(headers), text.encode())
        with Listener(serve_replies(lambda _, reply=reply: reply), bind="127.0.0.1", port=0) as edge:  # type: ignore[misc]
            inputs = {"urls": "", "files": "a.css", "base_url": "http://static.example.com/", "verify": "true"}
            environ = {"http_proxy": edge.url, "no_proxy": "127.0.0.1", "GITHUB_SHA": head}
            step = run(api, workspace, environ, **inputs, verify_timeout="1", **BY_TOKEN)
        assert (step.exit_code, step.outputs["stale-count"]) == (1, "1")
        assert_hidden(step, workspace, TOKEN)


@pytest.mark.parametrize("environ", [{"GITHUB_ACTIONS": ""}, {"GITHUB_ACTIONS": "false"}])
def test_without_a_runner_nothing_of_a_secret_is_printed(
    api: Sandbox, workspace: Path, environ: dict[str, str]
) -> None:
    step = run(api, workspace, environ, **BY_NAME, github_token=TOKEN)
    assert step.exit_code == 0
    assert "add-mask" not in step.log
    assert_hidden(step, workspace, PASSWORD, TOKEN)


@pytest.mark.parametrize("value", ["http://[::1", "http://u:sec-ret-word@proxy:port", "http://u:sec-ret-word@"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_read_is_refused_by_name(
    api: Sandbox, workspace: Path, variable: str, value: str
) -> None:
    step = run(api, workspace, {variable: value}, **BY_TOKEN)
    assert (step.exit_code, api.calls) == (2, ())
    assert f"::error title=ztpurge::{variable}: it is not the address of a proxy" in step.log
    assert value not in step.log
    assert "sec-ret" not in step.log + step.summary


def test_a_proxy_s_credentials_are_hidden(workspace: Path) -> None:
    asked = []

    def answer(request: Request) -> Reply:
        basic = request.headers.get("Proxy-Authorization", "")
        asked.append(basic)
        page = f"<p>{'x' * 170} {basic} pass%2Fword pass/word</p>"
        return Reply(407, Headers((("Retry-After", basic),)), page.encode())

    with Listener(serve_replies(answer), bind="127.0.0.1", port=0) as proxy:
        address = proxy.url.replace("http://", "http://user:pass%2Fword@")
        step = run("http://cdnapi.invalid", workspace, {"http_proxy": address}, **BY_TOKEN)
    basic = base64.b64encode(b"user:pass/word").decode()
    assert asked == [f"Basic {basic}"]
    assert "answered 407" in step.log
    shown = seen_by_all(step, workspace)
    assert not [secret for secret in ("pass/word", "pass%2Fword", basic[:12]) if secret in shown]


@pytest.mark.parametrize(
    "password",
    [
        'quo"te',
        "back\\slash",
        "back\\new",
        "p\u00e4ssw\u00f6rd",
        "\u5bc6\u7801",
        "tab\tulator",
        'all "\\\u00e4" of them',
    ],
    ids=ascii,
)
def test_a_password_that_the_service_cannot_paste_is_escaped(served: Path, workspace: Path, password: str) -> None:
    with Sandbox(served, hosts=(HOST,), username=NAME, password=password) as api:
        step = run(api, workspace, username=NAME, password=password)
        assert (step.exit_code, len(api.purge_calls)) == (0, 1)
        logins = [json.loads(call.body) for call in api.calls if call.path == "/cdn_api/tokens"]
        assert [login["password"] for login in logins] == [password, json.dumps(password)[1:-1]]
        assert {login["auth"]["passwordCredentials"]["password"] for login in logins} == {password}
    assert_hidden(step, workspace, password)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ('wrong "p"', "a quotation mark"),
        ("wrong \\p", "a backslash"),
        ("wrong \u00e4", "a character that is not ASCII"),
        ('wrong "\\\u00e4', "a quotation mark and a backslash and a character that is not ASCII"),
    ],
)
def test_a_refused_password_that_may_be_the_characters_fault_says_which(
    api: Sandbox, workspace: Path, password: str, words: str
) -> None:
    urls = "\n".join(f"{URL}{number}" for number in range(95))
    step = run(api, workspace, username=NAME, password=password, retries="4", urls=urls)
    assert (step.exit_code, [call.path for call in api.calls]) == (1, ["/cdn_api/tokens"] * 2)
    assert f"they hold {words}, which the service may not take" in step.log
    assert_hidden(step, workspace, password)


@pytest.mark.parametrize("wait", ["false", "true"])
def test_status_with_a_password_logs_in_once(served: Path, workspace: Path, wait: str) -> None:
    with Sandbox(served, hosts=(HOST,), username=NAME, password="password") as api:
        login = {"username": NAME, "password": "password", "concurrency": "8"}
        purged = run(api, workspace, urls="\n".join(f"{URL}{number}" for number in range(160)), **login)
        assert [call.path for call in api.calls].count("/cdn_api/tokens") == 1
        step = run(api, workspace, command="status", urls="", req_ids=purged.outputs["req-ids"], wait=wait, **login)
        assert (step.exit_code, step.outputs["result"]) == (0, "done")
        assert [call.path for call in api.calls].count("/cdn_api/tokens") == 2


def test_status_with_a_wrong_password_asks_once(api: Sandbox, workspace: Path) -> None:
    ids = "\n".join(f"id-{number}" for number in range(50))
    login = {"username": NAME, "password": "wrong", "concurrency": "8"}
    step = run(api, workspace, command="status", urls="", req_ids=ids, **login)
    assert (step.exit_code, [call.path for call in api.calls]) == (1, ["/cdn_api/tokens"])

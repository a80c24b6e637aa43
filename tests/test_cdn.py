"""Each way in which a call can go wrong is a typed error, and the token goes nowhere but to the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests
import requests_mock

from sandbox import Fault, Sandbox
from ztpurge import __version__
from ztpurge.cdn import Cdn, Login
from ztpurge.clock import Clock
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.plan import Batch

if TYPE_CHECKING:
    from pathlib import Path

BATCH = Batch("urls", "static.example.com", ("http://static.example.com/a",))


def client(url: str, token: str, environ: dict[str, str] | None = None) -> Cdn:
    return Cdn(url, Login(token), environ=environ or {}, clock=Clock())


@pytest.mark.parametrize(
    ("fault", "failure", "words"),
    [
        pytest.param(Fault("status", status=503), Failure.BUSY, "answered 503", id="503"),
        pytest.param(Fault("status", status=429), Failure.BUSY, "answered 429", id="429"),
        pytest.param(Fault("status", status=502), Failure.SERVER, "answered 502", id="502"),
        pytest.param(Fault("status", status=404, body="{}"), Failure.REJECTED, "answered 404", id="404"),
        pytest.param(
            Fault("status", status=400, body='{"error": "bad", "successRate": 50.0}'),
            Failure.CONTENT,
            "answered 400: bad",
            id="a provider refused",
        ),
        pytest.param(Fault("bad-status-line"), Failure.UNREACHABLE, "HTTP/1.0 -1 UNKNOWN", id="status line -1"),
        pytest.param(Fault("reset"), Failure.UNREACHABLE, "broke off", id="reset"),
        pytest.param(Fault("reset-after"), Failure.UNREACHABLE, "broke off", id="reset after the purge"),
        pytest.param(Fault("truncated"), Failure.UNREACHABLE, "broke off", id="cut off"),
        pytest.param(Fault("hang", seconds=30), Failure.TIMEOUT, "no answer within", id="no answer"),
        pytest.param(Fault("drip", seconds=30), Failure.TIMEOUT, "no answer within", id="byte by byte"),
        pytest.param(Fault("html"), Failure.UNREADABLE, "without a reqId", id="HTML"),
        pytest.param(Fault("no-reqid"), Failure.UNREADABLE, "without a reqId", id="no reqId"),
        pytest.param(Fault("huge"), Failure.UNREADABLE, "longer than", id="megabytes"),
        pytest.param(Fault("ret"), Failure.SERVER, "answered 200", id="ret"),
        pytest.param(Fault("redirect", location="http://127.0.0.1:1/"), Failure.REDIRECT, "elsewhere", id="redirect"),
    ],
)
def test_faults_are_typed_errors(cdn: Sandbox, token: str, fault: Fault, failure: Failure, words: str) -> None:
    cdn.add_faults(fault)
    with pytest.raises(ApiError, match=words) as caught:
        client(cdn.api_url, token).purge(BATCH, 0.5)
    assert caught.value.failure is failure
    assert token not in str(caught.value)


def test_an_address_where_nobody_listens_is_unreachable(token: str) -> None:
    with pytest.raises(ApiError, match="Connection refused") as caught:
        client("http://127.0.0.1:1", token).purge(BATCH, 5)
    assert caught.value.failure is Failure.UNREACHABLE


def test_a_receipt_has_the_req_id(cdn: Sandbox, token: str) -> None:
    receipt = client(cdn.api_url, token).purge(BATCH, 5)
    assert (receipt.req_id, receipt.success_rate) == (cdn.calls[0].req_id, 100.0)


@pytest.mark.parametrize("kind", ["urls", "dirs"])
def test_the_body_has_one_key(token: str, kind: str) -> None:
    with requests_mock.Mocker() as api:
        api.post("http://api.example/cdn_api/purge", json={"reqId": "x"})
        entries = ("http://a.example/é/",)
        client("http://api.example", token).purge(Batch(kind, "a.example", entries), 5)  # type: ignore[arg-type]
    assert json.loads(api.last_request.body) == {kind: list(entries)}
    assert api.last_request.headers["User-Agent"] == f"ztpurge/{__version__}"
    assert api.last_request.headers["X-Auth-Token"] == token


def test_a_ca_bundle_that_is_not_there_is_named_before_anything_is_called(token: str) -> None:
    with pytest.raises(ZtpurgeError, match="no file") as caught:
        client("https://api.example", token, {"REQUESTS_CA_BUNDLE": "/no/such.pem"})
    assert caught.value.place == "REQUESTS_CA_BUNDLE"


@pytest.mark.parametrize(
    "location", ["http://[", "http://x/\xff", "//", "\x00"], ids=["open bracket", "not UTF-8", "empty", "NUL"]
)
def test_a_redirect_to_nowhere_is_a_redirect(cdn: Sandbox, token: str, location: str) -> None:
    cdn.add_faults(
        Fault("status", status=302, headers=(("Location", location), ("Content-Encoding", "gzip")), body="x")
    )
    with pytest.raises(ApiError) as caught:
        client(cdn.api_url, token).purge(BATCH, 5)
    assert caught.value.failure in {Failure.REDIRECT, Failure.UNREACHABLE, Failure.UNREADABLE}


def test_cookies_of_the_api_are_not_kept(token: str) -> None:
    with requests_mock.Mocker() as api:
        api.post("http://api.example/cdn_api/purge", json={"reqId": "x"}, headers={"Set-Cookie": "a=b"})
        cdn = client("http://api.example", token)
        cdn.purge(BATCH, 5)
        cdn.purge(BATCH, 5)
    assert "Cookie" not in api.last_request.headers


def test_a_netrc_file_adds_nothing(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine api.example login user password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert requests.utils.get_netrc_auth("http://api.example/") == ("user", "secret")
    with requests_mock.Mocker() as api:
        api.post("http://api.example/cdn_api/purge", json={"reqId": "x"})
        client("http://api.example", token).purge(BATCH, 5)
    assert "Authorization" not in api.last_request.headers


@pytest.mark.parametrize(
    ("environ", "verify"),
    [
        pytest.param({}, True, id="the bundle that comes along"),
        pytest.param({"REQUESTS_CA_BUNDLE": __file__}, __file__, id="requests' variable"),
        pytest.param({"CURL_CA_BUNDLE": __file__}, __file__, id="curl's variable"),
    ],
)
def test_a_company_s_ca_bundle_is_honoured(token: str, environ: dict[str, str], verify: bool | str) -> None:
    with requests_mock.Mocker() as api:
        api.post("https://api.example/cdn_api/purge", json={"reqId": "x"})
        client("https://api.example", token, environ).purge(BATCH, 5)
    assert api.last_request.verify == verify

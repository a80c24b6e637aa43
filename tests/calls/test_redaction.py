"""No spelling of a secret gets past the door, nothing else is lost, and no error quotes a proxy."""

from __future__ import annotations

import base64
import html
import json
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.calls.redaction import BLOT, Secrets, check_proxies, secrets_of

TOKEN = "0123456789abcdefGHIJ0123456789abcdefGHIJ"
ODD = 'p\u00e4ss/w\u00f6rd "&\\<x> +%'
SPELLINGS = {
    "raw": ODD,
    "URL-encoded": quote(ODD, safe=""),
    "URL-encoded but for slashes": quote(ODD),
    "lower-case hex": quote(ODD, safe="").replace("%2F", "%2f").replace("%C3", "%c3"),
    "of a form": quote_plus(ODD),
    "JSON": json.dumps(ODD),
    "JSON with capital hex": json.dumps(ODD).replace("\\u00e4", "\\u00E4"),
    "JSON, not ASCII": json.dumps(ODD, ensure_ascii=False),
    "JSON with escaped slashes": json.dumps(ODD).replace("/", "\\/"),
    "JSON in JSON": json.dumps(json.dumps(ODD)),
    "HTML": html.escape(ODD),
    "HTML but for quotation marks": html.escape(ODD, quote=False),
    "HTML as Werkzeug has it": html.escape(ODD).replace("&quot;", "&#34;"),
    "Python": repr(ODD),
    "Python's bytes": repr(ODD.encode()),
    "Python in HTML": html.escape(repr(ODD)),
    "Base64": base64.b64encode(ODD.encode()).decode(),
    "Base64 of Latin-1": base64.b64encode(ODD.encode("latin-1")).decode(),
    "Base64 for URLs": base64.urlsafe_b64encode(ODD.encode()).decode(),
    "Basic": base64.b64encode(f"name:{ODD}".encode()).decode(),
    "Basic in a URL": quote(base64.b64encode(f"name:{ODD}".encode()).decode(), safe=""),
    "UTF-8 read as Latin-1": ODD.encode().decode("latin-1"),
    "Latin-1 read as UTF-8": ODD.encode("latin-1").decode("utf-8", "surrogateescape"),
    "lower case": ODD.lower(),
    "URL-encoded as JavaScript does": quote(ODD, safe="!'()*"),
    "URL-encoded as browsers do": quote(ODD, safe="!'()*;,/?:@&=+$#%"),
    "URL-encoded twice": quote(quote(ODD, safe="&"), safe="/"),
    "URL-encoded, each byte": "".join(f"%{byte:02x}" for byte in ODD.encode()),
    "JSON, each character": "".join(f"\\u{ord(character):04X}" for character in ODD),
    "HTML in numbers": "".join(f"&#{ord(character)};" for character in ODD),
}


@pytest.fixture
def secrets() -> Secrets:
    found = Secrets(TOKEN)
    found.add_login("name", ODD)
    return found


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("around", ["{}", "a{}b", "at {} end", "{0}{0}", "<b>{}</b>"])
def test_each_spelling_is_blotted_out(secrets: Secrets, spelling: str, around: str) -> None:
    text = around.replace("{0}", spelling).replace("{}", spelling)
    shown = secrets.redact(text)
    assert BLOT in shown
    assert not pieces(spelling) & pieces(shown)
    assert secrets.redact("at  end") == "at  end"


@pytest.mark.parametrize("text", ["\\", "%25", "&amp;", "&#0", "&#x0", "a%61"])
def test_no_text_takes_long(text: str) -> None:
    secrets = Secrets('a"&%\\' * 40)
    began = time.process_time()
    secrets.redact(text * (256 * 1024 // len(text)))
    assert time.process_time() - began < 5


def pieces(text: str, size: int = 8) -> set[str]:
    """Return all that stands in a row of so many characters."""
    return {text[start : start + size] for start in range(len(text) - size + 1)}


@given(before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_base64_of_more_than_the_secret_gives_no_part_of_it_away(before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + TOKEN.encode() + after).decode()
    shown = Secrets(TOKEN).redact(encoded)
    assert BLOT in shown
    assert len(shown) <= len(base64.b64encode(before + b"xxx" + after)) + 4


LONG_ENOUGH = st.text("abAB ", min_size=8, max_size=12).filter(lambda secret: len(secret.strip()) >= 8)


@given(secrets=st.lists(LONG_ENOUGH, min_size=1, max_size=4), text=st.text("abAB ", max_size=60))
def test_where_secrets_overlap_nothing_of_any_is_left(secrets: list[str], text: str) -> None:
    text = f"{text}{secrets[0]}{secrets[-1][4:]}"
    shown = Secrets(*secrets).redact(text)
    assert not [secret for secret in secrets if secret.strip().lower() in shown.lower()]


@pytest.mark.parametrize("around", ["{}", "token '{}...' is not known"])
def test_what_a_server_cut_off_of_a_token_goes_too(around: str) -> None:
    for length in range(8, len(TOKEN)):
        assert Secrets(TOKEN).redact(around.format(TOKEN[:length])) == around.format(BLOT)
    token = "".join(str(number) for number in range(1000))  # no more than a bit of a very long one is left
    assert len(Secrets(token).redact(token[:2000])) < 2000 / 20


LINES = "{\n  first-line-of-it\r\n  second-line-of-it\n}\n"


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        pytest.param(["abc"], "no abc here", "no *** here", id="short and alone"),
        pytest.param(["abc"], "?p=abc&q", "?p=***&q", id="short in a URL"),
        pytest.param(["abc"], "abcdef", "abcdef", id="short in a word"),
        pytest.param(["abc"], "fa97b5d1-92abc-11e5", "fa97b5d1-92abc-11e5", id="short in an id"),
        pytest.param(["abc"], "\u00e4abc", "\u00e4abc", id="short behind a letter"),
        pytest.param(["abc"], "_abc_", "_***_", id="short between underscores"),
        pytest.param(["a+%z"], "x a%2b%25z y", "x *** y", id="short in a URL's spelling"),
        pytest.param(["a+%z"], "x a&#x2B;%z y", "x *** y", id="short in HTML's"),
        pytest.param(["a+%z"], "x a\\u002b%z y", "x *** y", id="short in JSON's"),
        pytest.param(["a+%z"], "x a+%25z y", "x *** y", id="short and half encoded"),
        pytest.param(["a+%z"], "xa+%z", "xa+%z", id="short and odd in a word"),
        pytest.param(["aaaaaaaabbbb", "bbbbcccccccc"], "<aaaaaaaabbbbcccccccc>", "<***>", id="two that overlap"),
        pytest.param([LINES], "a first-line-of-it { b second-line-of-it", "a *** { b ***", id="of several lines"),
    ],
)
def test_a_secret_goes_and_nothing_else(secrets: list[str], text: str, shown: str) -> None:
    assert Secrets(*secrets).redact(text) == shown


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_nothing_is_no_secret(nothing: str) -> None:
    secrets = Secrets(nothing)
    secrets.add_login("name", nothing)
    assert secrets.redact("all of this, name: stays") == "all of this, name: stays"


def test_each_text_of_a_json_document_is_redacted_however_it_is_escaped(secrets: Secrets) -> None:
    spelled = "".join(f"\\u{ord(character):04x}" for character in TOKEN)
    body = f'{{"error": ["x {spelled}", 1.5, null], "{spelled}": {{"n": true}}, "twice": "{spelled}", "twice": 1}}'
    shown = {"error": [f"x {BLOT}", 1.5, None], BLOT: {"n": True}, "twice": 1}
    assert json.loads(secrets.redact_body(body.encode())) == shown
    assert TOKEN.encode() not in secrets.redact_body(body.encode())


def test_a_number_may_be_a_secret() -> None:
    shown = Secrets("123456789", "100").redact_body(b'{"reqId": 123456789, "rate": 100, "id": 1234567890}')
    assert json.loads(shown) == {"reqId": BLOT, "rate": 100, "id": BLOT}


@pytest.mark.parametrize(
    "body",
    [b"", b"<p>x</p>", b"\xff\xfe x", b"[" * 100_000, b'{"a": "\\ud800"}', b'{"a": NaN}', b"9" * 5000],
    ids=["nothing", "HTML", "not UTF-8", "deep", "a lone surrogate", "no number", "a long number"],
)
def test_a_body_without_secrets_says_what_it_said(secrets: Secrets, body: bytes) -> None:
    shown = secrets.redact_body(body)
    try:
        assert repr(json.loads(shown)) == repr(json.loads(body))
    except (ValueError, RecursionError):
        assert shown == body


def test_a_page_is_redacted_in_whatever_charset() -> None:
    word = "\u5bc6\u7801\u5bc6\u7801\u5bc6\u7801\u5bc6\u7801"
    for charset in ("utf-8", "gb18030"):
        assert Secrets(word).redact_body(f"<p>{word}</p>".encode(charset)) == b"<p>***</p>"


def test_words_of_the_protocol_stay_though_they_are_somebody_s_password() -> None:
    body = Secrets("success").redact_body(b'{"success": "success", "x": "a success"}', public=frozenset({"success"}))
    assert json.loads(body) == {"success": "success", "x": f"a {BLOT}"}


@given(st.text(min_size=1), st.text(max_size=20))
@settings(max_examples=40)
def test_any_text_may_be_a_secret(secret: str, around: str) -> None:
    secrets = Secrets(secret)
    secrets.add_login(secret, secret)
    shown = secrets.redact(around + secret + around)
    if len(secret.strip()) >= 8:
        assert secret not in shown or secret in BLOT


def test_secrets_may_be_added_while_others_read() -> None:
    secrets = Secrets(TOKEN)
    added = [f"added-secret-{number}" for number in range(40)]
    workers = [threading.Thread(target=secrets.add, args=(secret,)) for secret in added]
    for worker in workers:
        worker.start()
        assert secrets.redact(TOKEN) == BLOT
    for worker in workers:
        worker.join()
    assert secrets.redact(" ".join(added)) == " ".join([BLOT] * 40)


@pytest.mark.parametrize(
    ("environ", "secret"),
    [
        ({"INPUT_TOKEN": " tok-of-input\n"}, "tok-of-input"),
        ({"INPUT_PASSWORD": "pass of input"}, "pass of input"),
        ({"INPUT_GITHUB-TOKEN": "gh-of-input"}, "gh-of-input"),
        ({"INPUT_USERNAME": " n ", "INPUT_PASSWORD": "p"}, base64.b64encode(b"n:p").decode().rstrip("=")),
        ({"HTTP_PROXY": "http://name:pass%2Fword@proxy:1"}, "pass%2Fword"),
        ({"https_proxy": "http://name:pass%2Fword@proxy:1"}, "pass/word"),
        ({"ALL_PROXY": "name:pass-word@proxy:1"}, "pass-word"),
        ({"all_proxy": "http://a-lone-token@proxy:1"}, "a-lone-token"),
        ({"http_proxy": "http://name:pa@ss:wo/rd@[::1"}, "pa@ss:wo/rd"),
        ({"HTTPS_PROXY": "http://name:pass-word@proxy:1"}, base64.b64encode(b"name:pass-word").decode().rstrip("=")),
    ],
)
def test_the_environment_s_secrets_are_known(environ: dict[str, str], secret: str) -> None:
    assert secrets_of(environ).redact(f"<{secret}>") == f"<{BLOT}>"
    assert secrets_of({}).redact(secret) == secret
    default = "${{ github.token }}"  # of an input, which nobody evaluated
    assert secrets_of({"INPUT_GITHUB-TOKEN": default}).redact(default) == default


@pytest.mark.parametrize(
    "value",
    ["", "proxy", "proxy:3128", "http://proxy", "http://proxy:3128/", "http://n:p%40@[::1]:3128", "socks5h://proxy:1"],
)
def test_what_names_a_proxy_is_fine(value: str) -> None:
    assert list(check_proxies({"HTTP_PROXY": value})) == []


@pytest.mark.parametrize(
    "value",
    [
        "http://[::1", "http://name:secret@", "http:// /", "http://name:secret@proxy:port", "http://proxy:99999",
        "http://proxy:0", "http://name:sec/ret@proxy:3128", "http://name:sec ret@proxy:3128",
    ],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_what_names_none_is_an_error_that_names_the_variable(variable: str, value: str) -> None:
    (error,) = check_proxies({variable: value})
    assert error.place == variable
    assert value not in str(error)
    assert "sec" not in str(error)

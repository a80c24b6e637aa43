"""The secrets of a run, in every spelling that an answer may have them in, and texts from outside without them.

Used at the doors, on what comes in, before anything else reads, cuts or keeps it. The proxies that the environment
names are checked here, too, since an error must not quote the credentials in them.
"""

from __future__ import annotations

import binascii
import html
import json
import re
import string
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BLOT = "***"
_SHORT = 8  # characters: what is shorter is in ids and words by chance
_LONG = 16  # characters: as tokens are; what a server cut off of one is blotted out too
_VERY_LONG = 500  # characters: more of them, each in every escape, would take a second to compile
_SPARED = frozenset(string.ascii_letters + string.digits)  # what no encoder escapes
_SHORTEST_LINE = 4  # characters: a line of a longer secret that is a bracket or so gives nothing away
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_CREDENTIALS = re.compile(r"(?:[^:/?#@]*://)?(?P<name>[^:]*?)(?::(?P<password>.*))?@[^@]*", re.DOTALL)
_CHARSETS = ("utf-8", "latin-1", "gb18030")  # what servers write in: the service's own pages are Chinese


class Secrets:
    """The secrets known so far, for all threads of a run; one that is added stays."""

    def __init__(self, *secrets: str) -> None:
        self._lock = threading.Lock()
        # spellings, and expressions of more of them, that are made only for a text to look through: many runs have none
        self._unspelled: list[tuple[Iterator[str], Iterable[str]]] = []
        self._spellings: frozenset[str] = frozenset()
        self._escapes: dict[re.Pattern[str], None] = {}
        self._patterns: tuple[re.Pattern[str], ...] = ()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Learn a secret, whole, trimmed, and line by line."""
        lines = [line.strip() for line in secret.splitlines()]
        parts = {secret, secret.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
        parts = {part for part in parts if part.strip()}
        spellings = (spelling for part in parts for spelling in _spellings(part))
        with self._lock:
            self._unspelled.append((spellings, map(_in_any_escape, parts)))

    def add_login(self, username: str, password: str) -> None:
        """Learn a password, and the form that Basic authentication gives it together with its name (RFC 7617)."""
        self.add(password)
        if password:
            encoded = {_base64(data) for data in _encoded(f"{username}:{password}")}
            with self._lock:
                self._unspelled.append(((spelling for text in encoded for spelling in _quoted(text)), ()))

    def redact(self, text: str) -> str:
        """Return a text with all secrets blotted out; where several overlap, all of it."""
        if self._unspelled:
            self._spell()
        kept: list[str] = []
        done = 0
        for start, end in sorted(found.span(1) for pattern in self._patterns for found in pattern.finditer(text)):
            if start >= done:
                kept += (text[done:start], BLOT)
            done = max(done, end)
        return "".join((*kept, text[done:]))

    def redact_body(self, body: bytes, *, public: frozenset[str] = frozenset()) -> bytes:
        """Return what a server sent with all secrets blotted out: each text of a JSON document, else the whole.

        `public`: texts of the protocol, which stay as they are though somebody's password may be the same word.
        """
        try:
            document = self._redact_value(json.loads(body), public)
            return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            text = body.decode("utf-8", "surrogateescape")
            return self.redact(text).encode("utf-8", "surrogateescape")

    def _redact_value(self, value: Any, public: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
        match value:
            case str():
                return value if value in public else self.redact(value)
            case dict():
                return {
                    self._redact_value(key, public): self._redact_value(item, public) for key, item in value.items()
                }
            case list():
                return [self._redact_value(item, public) for item in value]
            case int() if abs(value) >= 10 ** (_SHORT - 1) and self.redact(str(value)) != str(value):
                return BLOT
        return value

    def _spell(self) -> None:
        with self._lock:
            known = self._spellings.union(*(filter(None, spellings) for spellings, _ in self._unspelled))
            if known != self._spellings:
                longest_first = sorted(known, key=lambda spelling: (-len(spelling), spelling))
                any_of_them = "|".join(_apart_if_short(re.escape(spelling), spelling) for spelling in longest_first)
                self._escapes |= dict.fromkeys(_anywhere(one) for _, escapes in self._unspelled for one in escapes)
                self._patterns = (_anywhere(any_of_them), *self._escapes)
                self._spellings = known
            self._unspelled = []  # only now: who finds it empty finds the patterns, too


def secrets_of(environ: Mapping[str, str]) -> Secrets:
    """Return the secrets that a step's environment holds: inputs, and credentials of proxies."""
    github_token = environ.get("INPUT_GITHUB-TOKEN", "")
    # at a desk nobody puts a token in the place of the default's expression
    secrets = Secrets(environ.get("INPUT_TOKEN", ""), "" if github_token.startswith("${{") else github_token)
    secrets.add_login(environ.get("INPUT_USERNAME", "").strip(), environ.get("INPUT_PASSWORD", ""))
    for variable in _PROXIES:
        found = _CREDENTIALS.fullmatch(environ.get(variable, "").strip())
        if found:  # a lone one may be name or password
            name, password = found["name"], found["password"] or found["name"]
            secrets.add_login(name, password)
            secrets.add_login(unquote(name), unquote(password))
    return secrets


def check_proxies(environ: Mapping[str, str]) -> Iterator[ZtpurgeError]:
    """Yield an error for each variable that names no proxy, without a word of what it holds."""
    for variable in _PROXIES:
        value = environ.get(variable, "").strip()
        try:
            parts = urlsplit(value if "://" in value else f"http://{value}")
            is_proxy = bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\x00-\x1f\x7f]", value)
        except ValueError:
            is_proxy = False
        if value and not is_proxy:
            yield ZtpurgeError(
                "it is not the address of a proxy",
                remedy="Write it as http://host:port; in a name and password before it, percent-encode all but "
                "letters and digits",
                place=variable,
            )


def _anywhere(expression: str) -> re.Pattern[str]:
    # looked for at each place, since another one may begin inside the last one found
    # %2f is %2F, and a host's name comes back in lower case
    return re.compile(f"(?=({expression}))", re.IGNORECASE)


def _apart_if_short(expression: str, text: str) -> str:
    return rf"(?<![^\W_])(?:{expression})(?![^\W_])" if len(text) < _SHORT else expression


def _in_any_escape(secret: str) -> str:
    """Return an expression for a secret of which any characters are escaped: each encoder spares others.

    Of a long one also for its beginning, which is left where a server cuts its texts.
    """
    spared = _SPARED if len(secret) > _VERY_LONG else frozenset()
    characters = [character if character in spared else _in_each_escape(character) for character in secret]
    if len(secret) < _LONG:
        return _apart_if_short("".join(characters), secret)
    step = max(len(secret) // 50, 1)
    pieces = ["".join(characters[start : start + step]) for start in range(_SHORT, len(secret), step)]
    return "".join(characters[:_SHORT]) + "(?:".join(["", *pieces]) + ")?" * len(pieces)


def _in_each_escape(character: str) -> str:
    """Return an expression for a character as it is, percent-encoded, and as JSON and HTML number it, even twice."""
    code = ord(character)
    percent = ("".join(f"%(?:25){{0,3}}{byte:02x}" for byte in data) for data in _encoded(character))
    numbered = rf"\\{{1,4}}u{code:04x}", rf"&(?:amp;){{0,3}}#(?:0{{0,6}}{code}|x0{{0,6}}{code:x});"
    plain = re.escape(character), *(("[+]",) if character == " " else ())
    # the longest first: the end of a long secret need not be there, so the first that fits is taken
    return f"(?:{'|'.join((*numbered, *sorted(percent, key=len, reverse=True), *plain))})"


def _spellings(secret: str) -> set[str]:
    """Return a secret as URLs, JSON, HTML, Python and Base64 spell it, and what is left of it in a wrong charset."""
    escaped = _escaped(secret)
    spelled = {secret, ascii(secret)[1:-1], repr(secret)[1:-1], *escaped}
    spelled |= {again for text in escaped for again in _escaped(text)}
    for data in _encoded(secret):
        spelled |= {data.decode("latin-1"), data.decode("utf-8", "surrogateescape"), repr(data)[2:-1]}
        spelled |= {*_url_encoded(data)}
        spelled |= {quoted for text in (_base64(data), *_base64_inside(data)) for quoted in _quoted(text)}
    entities = {html.escape(text) for text in spelled}
    entities |= {text.replace("&quot;", "&#34;").replace("&#x27;", "&#39;") for text in entities}
    return spelled | entities | {html.escape(text, quote=False) for text in spelled}


def _encoded(text: str) -> set[bytes]:
    found = set()
    for charset in _CHARSETS:
        try:
            found.add(text.encode(charset, "surrogateescape"))
        except UnicodeEncodeError:
            continue
    return found


def _url_encoded(data: bytes) -> set[str]:
    return {quote(data), quote(data, safe=""), quote_plus(data), quote_plus(data, safe="/")}


def _escaped(text: str) -> set[str]:
    escaped = {json.dumps(text, ensure_ascii=pure)[1:-1] for pure in (True, False)}
    return escaped | {spelled.replace("/", r"\/") for spelled in escaped}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode().rstrip("=")


def _base64_inside(data: bytes) -> Iterator[str]:
    """Yield what Base64 makes of data with something before and behind it, less the characters that depend on that."""
    for before, lost in ((0, 0), (1, 2), (2, 3)):
        text = _base64(bytes(before) + data)[lost:]
        text = text if (before + len(data)) % 3 == 0 else text[:-1]
        if len(text) >= _SHORT:
            yield text


def _quoted(text: str) -> Iterator[str]:
    """Yield a text of Base64 in both of its alphabets (RFC 4648), the first of which URLs have to encode."""
    yield from (text, text.replace("+", "-").replace("/", "_"), *_url_encoded(text.encode()), text.replace("/", r"\/"))

"""URLs as the CDN keys its cache: the bytes that a browser would ask for.

Pure. `mapping.py` decides which URLs a file has; this room only spells them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit

from ztpurge.errors import ZtpurgeError

# RFC 3986 section 3.3: pchar = unreserved / pct-encoded / sub-delims / ":" / "@"; quote() keeps unreserved by itself
_PCHAR = "!$&'()*+,;=:@"
_AS_IT_IS = re.compile(rf"[A-Za-z0-9_.~{re.escape(_PCHAR)}/-]*")
# what browsers leave in a URL that is given whole: the URL standard's path and special-query percent-encode sets
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_GIVEN_PATH = _PRINTABLE.translate(dict.fromkeys(map(ord, '"#<>?^`{}')))
_GIVEN_QUERY = _PRINTABLE.translate(dict.fromkeys(map(ord, "\"#'<>")))
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(r"https?://[a-z0-9._:-]+/")  # of nearly all URLs, of which there may be 100,000
MAX_LENGTH = 16_384  # of a URL, in characters
DOT_SEGMENT = re.compile(r"/(\.|%2e){1,2}(?=/|\Z)", re.IGNORECASE)  # in a path; clients take it out


def spell_path(path: str) -> tuple[str, ...]:
    """Percent-encode a file's path once, in each way that clients do: as RFC 3986 has it, then as browsers do.

    Where these are the same there is one spelling. Bytes that are not UTF-8 come as surrogates (PEP 383).
    """
    if _AS_IT_IS.fullmatch(path):  # nearly all are, and there may be 100,000
        return (path,)
    rfc = quote(path.encode("utf-8", "surrogateescape"), safe=_PCHAR + "/")
    # not in the URL Standard's path percent-encode set; a `%` of the name itself is "%25", so nothing else looks so
    browsers = rfc.replace("%5B", "[").replace("%5D", "]").replace("%7C", "|")
    # joined that set in 2025: Safari and HTTP libraries left it until then
    older = browsers.replace("%5E", "^")
    return tuple(dict.fromkeys((rfc, browsers, older)))


def parse_url(text: str) -> str:
    """Spell one full URL as a browser would request it; raise ZtpurgeError if it is not one that can be purged."""
    parts = _split(text)
    if "*" in parts.path:
        raise ZtpurgeError("it holds a wildcard, and the CDN takes none", remedy="Name a directory in `dirs` instead")
    origin = _origin(parts)
    if DOT_SEGMENT.search(parts.path):
        raise ZtpurgeError("it holds a `.` or `..` segment", remedy="Write the path that it stands for")
    path = quote(parts.path, safe=_GIVEN_PATH, errors="surrogateescape") or "/"
    query = "?" + quote(parts.query, safe=_GIVEN_QUERY, errors="surrogateescape") if "?" in text else ""
    return origin + path + query


def parse_directory(text: str) -> str:
    """Spell a directory's URL, with its closing slash; raise ZtpurgeError for what is not a directory."""
    if "?" in text:
        raise ZtpurgeError("a directory has no query", remedy="Name single URLs in `urls`")
    url = parse_url(text)
    return url if url.endswith("/") else url + "/"


def parse_base(text: str) -> str:
    """Spell a prefix that files are served under, with its closing slash; raise ZtpurgeError if it cannot be one."""
    if "?" in text:
        raise ZtpurgeError("a prefix has no query")
    return parse_directory(text)


def quote_given(text: str) -> str:
    """Quote what was given for a URL, cut, and less what may be a password."""
    return repr(text.rpartition("@")[2][:200])


def host_of(url: str) -> str:
    """Return the host of a URL, without its port: what the API counts as one domain; empty for what is no URL."""
    origin = _ORIGIN.match(url)
    return _host_in(origin[0] if origin else url)


@lru_cache
def _host_in(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _split(text: str) -> SplitResult:
    if len(text) > MAX_LENGTH:
        raise ZtpurgeError(f"it is longer than {MAX_LENGTH} characters")
    if _CONTROL.search(text) or "\\" in text or not text.isprintable():
        raise ZtpurgeError("it holds a control character or a backslash", remedy="Percent-encode it")
    if " " in text or re.search(r",https?:", text, re.IGNORECASE):
        raise ZtpurgeError("it holds a blank or several URLs", remedy="Write one URL a line, a blank in it as %20")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ZtpurgeError("it is not a URL that can be read") from error  # the error would quote a password
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ZtpurgeError("it is not a full URL", remedy="Begin it with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise ZtpurgeError("it holds a user name or a password", remedy="Take it out: a cache key has none")
    if "#" in text:
        raise ZtpurgeError("it holds a `#`, which no browser sends", remedy="Take it out, or write it as %23")
    if port == 0:
        raise ZtpurgeError("its port is 0")
    return parts


def _origin(parts: SplitResult) -> str:
    """Return scheme, host and port, the host as the DNS has it and the port where it is not the scheme's."""
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc.rstrip(":")
    if not host.isascii():
        try:
            import idna  # noqa: PLC0415 - comes with requests; few hosts need its tables
        except ImportError as error:  # at a desk
            raise ZtpurgeError(
                "its host is not ASCII, which takes Python's package `idna`", remedy="Install that, or write xn--..."
            ) from error
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise ZtpurgeError("its host is not a domain name") from error
    host = host.lower()
    if not _HOST.fullmatch(host):
        raise ZtpurgeError("its host is not a domain name")
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"

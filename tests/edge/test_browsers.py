"""How long browsers keep what is purged is said as RFC 9111 has it, and never for too short."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httplint.cache
from httplint.message import HttpResponseLinter
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.edge.browsers import seconds_in_browsers

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
IMF, RFC_850, ASCTIME = "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"
DATE, IN_AN_HOUR, TOMORROW, PAST = (format(NOW + timedelta(hours=hours), IMF) for hours in (0, 1, 24, -24 * 365))
DAY, ALL = 86400.0, 2.0**31


def said(**headers: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


# sections of RFC 9111, where no other is named
@cases("status headers seconds", {
    "max-age (5.2.2.1)": (200, said(cache_control="public, max-age=86400"), DAY),
    "its case is no matter (5.2)": (200, said(cache_control="MAX-AGE=60"), 60.0),
    "quoted (5.2)": (200, said(cache_control='max-age="60"'), 60.0),
    "0": (200, said(cache_control="max-age=0, must-revalidate"), 0.0),
    "the first of two (4.2.1)": (200, said(cache_control="max-age=60, max-age=90"), 60.0),
    "too many seconds (1.2.2)": (200, said(cache_control=f"max-age={2**31 + 1}"), ALL),
    "no end of digits": (200, said(cache_control=f"max-age={'9' * 5000}"), ALL),
    "for any status (3)": (503, said(cache_control="max-age=60"), 60.0),
    "beside Expires (5.3)": (200, said(cache_control="max-age=60", expires=TOMORROW, date=DATE), 60.0),
    "beside an Expires that is over (5.3)": (200, said(cache_control="max-age=60", expires="0"), 60.0),
    "not what shared caches may (5.2.2.10)": (200, said(cache_control="s-maxage=60"), 0.0),
    "nor in place of it (5.2.2.10)": (200, said(cache_control="s-maxage=60, max-age=5"), 5.0),
    "immutable (RFC 8246)": (200, said(cache_control="max-age=31536000, immutable"), 365 * DAY),
    "with its age, others are younger (4.2.3)": (200, said(cache_control="max-age=60", age="59"), 60.0),
    "in another's value": (200, said(cache_control='x="a, max-age=60", max-age=5'), 5.0),
    "in another's name": (200, said(cache_control="x-max-age=60"), 0.0),
    "no number of seconds, so Expires": (200, said(cache_control="max-age=1.5", expires=TOMORROW, date=DATE), DAY),
    "less than none": (200, said(cache_control="max-age=-1"), 0.0),
    "without a number": (200, said(cache_control="max-age"), 0.0),
    "private (5.2.2.7)": (200, said(cache_control="private, max-age=60"), 60.0),
    "no-store (5.2.2.5)": (200, said(cache_control="max-age=60, No-Store", expires=TOMORROW), 0.0),
    "no-cache (5.2.2.4)": (200, said(cache_control="no-cache, max-age=60", expires=TOMORROW), 0.0),
    "no-cache for a header (5.2.2.4)": (200, said(cache_control='no-cache="set-cookie", max-age=60'), 60.0),
    "no-cache in another's value": (200, said(cache_control='x="no-cache, a", max-age=60'), 60.0),
    "both no-cache": (200, said(cache_control='no-cache="a", no-cache, max-age=60'), 0.0),
    "shown once more (RFC 5861)": (200, said(cache_control="max-age=60, stale-while-revalidate=86400"), DAY + 60),
    "shown once more, else asked for": (200, said(cache_control="stale-while-revalidate=60"), 60.0),
    "not shown once more": (200, said(cache_control="max-age=5, must-revalidate, stale-while-revalidate=60"), 5.0),
    "not if it is to ask": (200, said(cache_control="no-cache, stale-while-revalidate=60"), 0.0),
    "if the server fails is no rule": (200, said(cache_control="max-age=60, stale-if-error=86400"), 60.0),
    "Pragma alone": (200, said(pragma="No-Cache", expires=TOMORROW, date=DATE), 0.0),
    "Pragma beside Cache-Control (5.4)": (200, said(pragma="no-cache", cache_control="max-age=60"), 60.0),
    "another Pragma": (200, said(pragma="public", expires=TOMORROW, date=DATE), DAY),
    "Expires (5.3)": (200, said(expires=TOMORROW, date=DATE), DAY),
    "as the server's clock has it (4.2.1)": (200, said(expires=TOMORROW, date=IN_AN_HOUR), DAY - 3600),
    "without a date": (200, said(expires=TOMORROW), DAY),
    "with a bad date": (200, said(expires=TOMORROW, date="today"), DAY),
    "for any status that has it (3)": (302, said(expires=TOMORROW), DAY),
    "in small letters (4.2)": (200, said(expires=TOMORROW.lower()), DAY),
    "the first of two lines (4.2.1)": (200, said(expires=f"{IN_AN_HOUR}, {TOMORROW}", date=f"{DATE}, {PAST}"), 3600.0),
    "as RFC 850 has it": (200, said(expires="Tuesday, 01-Dec-26 12:00:00 GMT"), DAY),
    "as asctime has it": (200, said(expires="Tue Dec  1 12:00:00 2026"), DAY),
    "the year dot in two digits": (200, said(expires="Thursday, 01-Jan-70 00:00:00 GMT"), 0.0),
    "over": (200, said(expires=PAST, date=DATE), 0.0),
    "0 is over (5.3)": (200, said(expires="0", last_modified=PAST), 0.0),
    "-1 is over": (200, said(expires="-1", last_modified=PAST), 0.0),
    "empty is over": (200, said(expires="", last_modified=PAST), 0.0),
    "another zone is over (4.2)": (200, said(expires="Tue, 01 Dec 2026 12:00:00 PST"), 0.0),
    "no such day is over": (200, said(expires="Mon, 30 Feb 2027 12:00:00 GMT"), 0.0),
    "up to each browser (4.2.2)": (200, said(last_modified=PAST), None),
    "up to each, if not found": (404, said(last_modified=PAST), None),
    "up to each, though shared caches are told": (200, said(cache_control="s-maxage=60", last_modified=PAST), None),
    "up to each, whatever comes after": (200, said(cache_control="must-revalidate", last_modified=PAST), None),
    "not of other statuses (RFC 9110, 15.1)": (403, said(last_modified=PAST), 0.0),
    "but if it is public (4.2.2)": (403, said(cache_control="public", last_modified=PAST), None),
    "nothing to guess by": (200, said(date=DATE, etag='"a"'), 0.0),
    "nothing at all": (200, {}, 0.0),
    "moved for good": (301, {}, None),
    "moved for good, for a while": (308, said(cache_control="max-age=60"), 60.0),
    "gone for good": (410, said(date=DATE), None),
    "moved for now": (302, said(last_modified=PAST), 0.0),
})  # fmt: skip
def test_how_long_browsers_keep_an_answer(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_in_browsers(status, headers, now=NOW.timestamp()) == seconds


TEXT = st.text(st.characters(max_codepoint=0xFF)) | st.text('maxge=-, "\\0169nocahestr')
NAMES = ("cache-control", "expires", "date", "last-modified", "pragma", "age")


@given(st.integers(100, 999), st.dictionaries(st.sampled_from(NAMES), TEXT), st.floats(0, 2**40))
def test_whatever_was_sent_is_a_number_of_seconds_or_up_to_each(
    status: int, headers: dict[str, str], now: float
) -> None:
    seconds = seconds_in_browsers(status, headers, now=now)
    assert seconds is None or 0 <= seconds < 2**40


@cases("name value", {
    "commas": ("cache-control", ","),
    "quotes": ("cache-control", '"'),
    "quotes that open": ("cache-control", '="'),
    "digits": ("cache-control", "9"),
    "spaces": ("cache-control", " "),
    "dates": ("expires", "GMT,"),
    "blanks": ("expires", " "),
})  # fmt: skip
def test_the_longest_header_is_read_at_once(name: str, value: str) -> None:
    began = time.process_time()
    seconds_in_browsers(200, {name: f"max-age={value * 16_000}x"}, now=0)
    assert time.process_time() - began < 1


def httplint_s(status: int, headers: list[tuple[str, str]]) -> float | None:
    """Return what `seconds_in_browsers` does, as httplint reads it."""
    linter = HttpResponseLinter(start_time=NOW.timestamp(), no_content=True)
    linter.process_response_topline(b"1.1", str(status).encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in headers])
    linter.finish_content(complete=True)
    checked = linter.caching
    assert isinstance(checked, httplint.cache.ResponseCacheChecker)
    if not checked.store_private or "no-cache" in checked.cc_dict:
        return 0.0
    if getattr(checked, "has_explicit_freshness", False):
        return float(max(0, checked.freshness_lifetime_private))
    return None if getattr(checked, "has_heuristic_freshness", False) else 0.0


SECONDS = st.integers(0, 2**40).map(str) | st.sampled_from(["", "-1", "1.5", "x", "00060"])
# left to the table, where httplint reads otherwise: `no-cache` for a header is `no-cache` to it, the last `max-age`
# counts, `s-maxage` bounds private caches, `public` frees no status, `70` is 2070, what is shown once more is not added
DIRECTIVES = st.one_of(
    st.sampled_from([
        "no-store", "No-Cache", "must-revalidate", "private", 'private="set-cookie, age"', "immutable",
        "stale-if-error=9", 'x="a, no-store, max-age=7"', "x=no-cache", "proxy-revalidate", "",
    ]),
    SECONDS.map("max-age={}".format),
    SECONDS.map('Max-Age="{}"'.format),
)  # fmt: skip
DATES = st.builds(
    format,
    st.integers(10 * 366 * 86400, 2**31 - 1).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from([IMF, RFC_850, ASCTIME]),
)
EXPIRES = DATES | st.sampled_from(["0", "-1", "", "Tue, 01 Dec 2026 12:00:00 PST", "Mon, 30 Feb 2027 12:00:00 GMT"])
# RFC 9110 adds 204, 308, 404, 405, 414 and 501 to the statuses that httplint takes for cacheable
STATUSES = st.sampled_from([200, 203, 206, 300, 301, 302, 403, 410, 500])


def of_one_name(directive: str) -> str:
    return directive.partition("=")[0].lower()


@settings(max_examples=300)
@given(
    STATUSES,
    st.lists(st.lists(DIRECTIVES, unique_by=of_one_name), max_size=1),
    st.fixed_dictionaries({}, optional={"Expires": EXPIRES, "Date": DATES, "Last-Modified": DATES, "Age": SECONDS}),
)
def test_another_reader_of_the_rfc_takes_it_for_the_same(
    status: int, control: list[list[str]], dated: dict[str, str]
) -> None:
    headers = [*(("Cache-Control", ", ".join(line)) for line in control), *dated.items()]
    ours = seconds_in_browsers(status, {name.lower(): value for name, value in headers}, now=NOW.timestamp())
    theirs = httplint_s(status, headers)
    # that browsers may guess is all that httplint says; none does so without a date to guess by
    if theirs is None and ours is not None:
        assert ours == 0.0
        assert "Last-Modified" not in dated
        assert status < 300
    else:
        assert ours == theirs

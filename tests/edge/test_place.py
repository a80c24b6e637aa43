"""An edge is told by the place that it names, whatever else it says and whoever stands behind it."""

from __future__ import annotations

import re
import time
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.edge.place import place_of

SAFE = r"[A-Za-z0-9][A-Za-z0-9._:/ -]{0,63}"
# what names a place goes before what may be but the name of a product
BY_PREFERENCE = {
    "cf-ray": ("8a1bc0de-ZRH", "ZRH"),
    "x-amz-cf-pop": ("FRA50-P3", "FRA50-P3"),
    "x-served-by": ("cache-hhn4036-HHN", "HHN"),
    "cache-status": ("Edge; hit", "Edge"),
    "via": ("1.1 varnish", "varnish"),
}
CLOUDFRONT = "1.1 149b1af6ad8d2c0fedea82bfb1c29c66.cloudfront.net (CloudFront)"
TENGINE = "cache71.l2cn1823[0,0,206-0,H], cache9.l2cn1823[1,0], cache22.cn6758[0,0,200-0,H], cache13.cn6758[1,0]"
SINA = "http/1.1 ctc.yongfeng.union.222 (ApacheTrafficServer/6.2.1 [cRs f ]), cache9.au2[0,0,200-0,H], cache4.au2[2,0]"
WANGSU = "1.1 hyd179:6 (Cdn Cache Server V2.0), 1.1 dyd33:7 (Cdn Cache Server V2.0)[14 200 0]"


# as edges sent them
@cases("name value place", {
    "Cloudflare": ("cf-ray", "6ad96d0a4873697b-FRA", "FRA"),
    "Cloudflare without a place": ("cf-ray", "7a1b2c3d4e5f6a7b", ""),
    "CloudFront": ("x-amz-cf-pop", "FRA56-P6", "FRA56-P6"),
    "CloudFront twice": ("x-amz-cf-pop", "FRA2-C1, AMS54-C1", "AMS54-C1"),
    "Fastly": ("x-served-by", "cache-fra-eddf8230071-FRA", "FRA"),
    "Fastly, an older name": ("x-served-by", "cache-hkg17922-HKG", "HKG"),
    "Fastly with a shield": ("x-served-by", "cache-lga21981-LGA, cache-iad-kjyo7100148-IAD", "IAD"),
    "Fastly before others": ("x-served-by", "dev-macbre, varnish-s1-SJC, cache-fra1229-FRA", "FRA"),
    "Fastly without a place": ("x-served-by", "cache-lga21965", "cache-lga21965"),
    "another's machine": ("x-served-by", "web-01.example.com", "web-01.example.com"),
    "a string": ("cache-status", '"Netlify Edge"; hit', "Netlify Edge"),
    "a token": ("cache-status", "ExampleCache; hit; ttl=376", "ExampleCache"),
    "the nearest": ("cache-status", '"Netlify Durable"; fwd=bypass, "Netlify Edge"; fwd=miss', "Netlify Edge"),
    "a detail with a comma": ("cache-status", 'a;hit;detail="x, y; z", fra-1; fwd=uri-miss; stored', "fra-1"),
    "a detail with a quote": ("cache-status", r'fra-1; hit; detail="x \", y"', "fra-1"),
    "a name with a comma": ("cache-status", '"fra, 1"; hit', ""),
    "a name with a semicolon": ("cache-status", '"fra;1"; hit', ""),
    "a name that is not closed": ("cache-status", '"fra; hit', ""),
    "an own word for a hit": ("cache-status", "HIT", ""),
    "Varnish": ("via", "1.1 varnish (Varnish/7.1)", "varnish"),
    "Google behind Fastly": ("via", "1.1 google, 1.1 varnish, 1.1 varnish", "varnish"),
    "CloudFront's proxy": ("via", CLOUDFRONT, "149b1af6ad8d2c0fedea82bfb1c29c66.cloudfront.net"),
    "Tengine": ("via", TENGINE, "cache13.cn6758"),
    "Tengine behind Traffic Server": ("via", SINA, "cache4.au2"),
    "Wangsu": ("via", WANGSU, "dyd33:7"),
    "a protocol by name": ("via", "HTTP/2.0 p.example.net:8080", "p.example.net:8080"),
    "a comment with a comma": ("via", "1.0 fred, 1.1 p.example.net (a, b)", "p.example.net"),
    "a comment in a comment": ("via", "1.1 p.example.net (a (b, c) d)", "p.example.net"),
    "empty members": ("via", "1.1 fred,, ,", "fred"),
    "empty": ("via", "", ""),
    "too long": ("x-served-by", "a" * 65, ""),
    "as long as may be": ("x-served-by", "a" * 64, "a" * 64),
    "a command": ("x-served-by", "::error::x", ""),
    "a mark": ("x-amz-cf-pop", "<b>", ""),
    "another script": ("x-amz-cf-pop", "Z\xfcrich", ""),
    "two lines": ("x-amz-cf-pop", "FRA\nx", ""),
})  # fmt: skip
def test_an_edge_is_told_by_what_it_calls_its_place(name: str, value: str, place: str) -> None:
    assert place_of({"server": "nginx", name: value}) == place


@pytest.mark.parametrize("name", BY_PREFERENCE)
def test_of_several_headers_the_one_goes_first_that_names_a_place(name: str) -> None:
    less = list(BY_PREFERENCE).index(name)
    said = {name: value for name, (value, _) in reversed(list(BY_PREFERENCE.items())[less:])}
    assert place_of(said) == BY_PREFERENCE[name][1]
    assert place_of(said | dict.fromkeys(list(BY_PREFERENCE)[:less], "<b>")) == BY_PREFERENCE[name][1]


@given(st.dictionaries(st.sampled_from(list(BY_PREFERENCE)), st.text(st.characters(max_codepoint=0xFF))))
def test_a_place_is_short_and_plain_whatever_was_sent(headers: dict[str, str]) -> None:
    assert re.fullmatch(f"|{SAFE}", place_of(headers))


NAMES = st.from_regex(SAFE, fullmatch=True) | st.text('a1 ";,\\', min_size=1)
TOKENS = st.from_regex(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,9}", fullmatch=True).map(http_sf.Token)
DETAILS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@given(st.lists(st.tuples(NAMES | TOKENS, DETAILS), min_size=1))
def test_a_cache_s_name_is_read_as_structured_fields_are_written(caches: list[tuple[str, str]]) -> None:
    members: Any = [(name, {"hit": True, "detail": detail}) for name, detail in caches]
    nearest = str(caches[-1][0])
    assert place_of({"cache-status": http_sf.ser(members)}) == (nearest if re.fullmatch(SAFE, nearest) else "")


@cases("name value", {
    "commas": ("cache-status", ","),
    "quotes": ("cache-status", '"'),
    "quotes that open": ("cache-status", '="'),
    "backslashes": ("cache-status", '"\\'),
    "spaces": ("cache-status", " "),
    "brackets": ("via", "(["),
    "dashes": ("x-served-by", "cache--"),
})  # fmt: skip
def test_the_longest_header_is_read_at_once(name: str, value: str) -> None:
    began = time.process_time()
    place_of({name: f"a{value * 32_000}x"})
    assert time.process_time() - began < 1

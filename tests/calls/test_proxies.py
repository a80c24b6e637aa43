"""A proxy variable that cannot be read is named, and never quoted."""

from __future__ import annotations

import pytest

from ztpurge.calls.proxies import check_proxies


@pytest.mark.parametrize(
    "value",
    ["", "proxy", "proxy:3128", "http://proxy", "http://proxy:3128/", "http://n:p%40@[::1]:3128", "socks5h://proxy:1"],
)
def test_what_names_a_proxy_is_fine(value: str) -> None:
    assert list(check_proxies({"HTTP_PROXY": value})) == []


@pytest.mark.parametrize(
    "value",
    [
        "http://[::1",
        "http://name:secret@",
        "http:// /",
        "http://name:secret@proxy:port",
        "http://proxy:99999",
        "http://proxy:0",
        "http://name:sec/ret@proxy:3128",
        "http://name:sec ret@proxy:3128",
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_what_names_none_is_an_error_that_names_the_variable(variable: str, value: str) -> None:
    (error,) = check_proxies({variable: value})
    assert error.place == variable
    assert value not in str(error)
    assert "sec" not in str(error)

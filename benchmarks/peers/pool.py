"""What is written first in Python: `requests` in a pool of threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

import requests

url, body, calls, at_once = sys.argv[1:]


def call(_: int) -> None:
    """Purge once."""
    headers = {"Content-Type": "application/json", "X-Auth-Token": "token"}
    requests.post(url, data=body, headers=headers, timeout=100).raise_for_status()


with ThreadPoolExecutor(int(at_once)) as pool:
    for _ in pool.map(call, range(int(calls))):
        pass

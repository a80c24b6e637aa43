"""The least that Python needs for the calls: `http.client` and threads. Prints its seconds, its start left out."""

import argparse
import http.client
import json
import queue
import ssl
import threading
import time
from urllib.parse import urlsplit

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("body")
parser.add_argument("calls", type=int)
parser.add_argument("at_once", type=int)
parser.add_argument("--authority")
given = parser.parse_args()
parts = urlsplit(given.url)
tls = ssl.create_default_context(cafile=given.authority) if given.authority else None
todo: queue.SimpleQueue[int] = queue.SimpleQueue()
for number in range(given.calls):
    todo.put(number)


def work() -> None:
    """Make calls until none is left."""
    headers = {"Content-Type": "application/json", "X-Auth-Token": "token"}
    while not todo.empty():
        try:
            todo.get_nowait()
        except queue.Empty:
            return
        where = parts.netloc
        connection = http.client.HTTPSConnection(where, context=tls) if tls else http.client.HTTPConnection(where)
        connection.request("POST", parts.path, given.body, headers)
        answer = connection.getresponse()
        assert json.load(answer)["zt_api"]["reqId"], answer.status
        connection.close()


began, processor = time.perf_counter(), time.process_time()
threads = [threading.Thread(target=work) for _ in range(given.at_once)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"seconds": time.perf_counter() - began, "processor": time.process_time() - processor}))

"""`python3 -m sandbox`: the CDN in the foreground, for people who want to try the action on it."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sandbox.api import Service
from sandbox.cdn import Sandbox
from sandbox.faults import KINDS, Fault, parse_fault
from sandbox.record import Call

EVERYDAY_HOSTS = ["127.0.0.1", "localhost"]


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return folder


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _propagation(text: str) -> float | tuple[float, ...]:
    return tuple(map(_seconds, text.split(","))) if "," in text else _seconds(text)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m sandbox",
        description="A ZT CDN on loopback: an origin, caching edges in front of it, and the API that purges them.",
        epilog="\n".join(["faults:", *(f"  {kind}: {meaning}" for kind, meaning in KINDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,  # one fault a line
    )
    add = parser.add_argument
    add("--folder", type=_folder, default=Path(), help="the site to serve (default: the current folder)")
    add("--host", action="append", default=[], help="a host on the account (repeatable; default: 127.0.0.1, localhost)")
    add("--token", default="secret-token", help="a token that never expires (default: %(default)s)")
    add("--username", default="", help="a name to log in with")
    add("--password", default="", help="its password")
    add("--api-port", type=int, default=0, help="port of the API (default: a free one)")
    add("--edge-port", type=int, default=0, help="port of the edge (default: a free one)")
    add("--origin-port", type=int, default=0, help="port of the origin (default: a free one)")
    add("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--shape", choices=("documented", "seen"), default="documented", help="shape of the API's answers")
    add("--tasks", choices=("end", "run"), default="end", help="run: tasks never end, as on the published server")
    add("--edge", action="append", default=[], help="address of an edge (repeatable; default: the one of --bind)")
    add("--latency", type=_seconds, default=0.0, help="seconds before a purge is answered")
    add("--serial", action="store_true", help="take one call to the API at a time, abandoned ones included")
    add("--propagation", type=_propagation, default=0.0, help="seconds until a purge takes effect; a,b: at each edge")
    add("--visit-latency", type=_seconds, default=0.0, help="seconds before a visitor is answered")
    add("--hold", type=_seconds, default=0.0, help="seconds for which the origin serves the folder as it is now")
    add("--fault", type=_fault, action="append", default=[], help="KIND[:VALUE][#EDGE][*TIMES][@PATH]: status:503*2")
    add("--varnish", action="store_true", help="have Varnish for the edge (Debian: apt-get install varnish)")
    add("--ready-file", type=Path, help="write the three addresses there as JSON once it listens")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the CDN until somebody ends it."""
    options = build_parser().parse_args(arguments)
    hosts = options.host or EVERYDAY_HOSTS
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Sandbox(
            options.folder,
            hosts=hosts,
            token=options.token,
            shape=options.shape,
            latency=options.latency,
            serial=options.serial,
            propagation=options.propagation,
            visit_latency=options.visit_latency,
            faults=options.fault,
            username=options.username,
            password=options.password,
            bind=options.bind,
            api_port=options.api_port,
            edge_port=options.edge_port,
            origin_port=options.origin_port,
            service=Service(tasks_end=options.tasks == "end"),
            edge="varnish" if options.varnish else "sandbox",
            edges=options.edge,
            on_call=_log,
        ) as cdn:
            if options.hold:
                cdn.hold_origin(seconds=options.hold)
            if options.ready_file is not None:
                # in one step, so that whoever waits for the file never reads half of it
                draft = options.ready_file.with_name(f".{options.ready_file.name}.draft")
                addresses = {"api_url": cdn.api_url, "edge_url": cdn.edge_url, "origin_url": cdn.origin_url}
                draft.write_text(json.dumps(addresses) + "\n", encoding="utf-8")
                draft.replace(options.ready_file)
            print(_greeting(cdn, host=hosts[0], token=options.token), flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except (OSError, OverflowError, ValueError) as problem:  # a port that is taken; no Varnish; no such edge
        print(f"sandbox: {problem}", file=sys.stderr)
        return 1
    return 0


def _greeting(cdn: Sandbox, *, host: str, token: str) -> str:
    edges = "\n".join(f"edge    {url}" for url in cdn.edge_urls)
    return f"""\
API     {cdn.api_url}
{edges}
origin  {cdn.origin_url}

See what a visitor gets (X-Cache says HIT or MISS):
  curl -i -H 'Host: {host}' {cdn.edge_url}/
Purge it:
  curl -H 'X-Auth-Token: {token}' -H 'Content-Type: application/json' \\
    -d '{{"urls": ["http://{host}/"]}}' {cdn.api_url}/cdn_api/purge
Ctrl-C ends it. Calls to the API:"""


def _log(call: Call) -> None:
    status = "no answer" if call.status is None else str(call.status)
    sent = [call.method, call.path, *([call.kind, *call.entries] if call.kind else [])]
    on_a_line = (text if text.isascii() and text.isprintable() else ascii(text) for text in sent)
    print(*on_a_line, "->", status, call.req_id or "", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A ZT CDN on loopback, to try the action on and to test it against."""

from sandbox.api import Service
from sandbox.cdn import Sandbox
from sandbox.faults import Fault, parse_fault
from sandbox.record import Call
from sandbox.tasks import Provider
from sandbox.wire import Headers, Reply

__all__ = ["Call", "Fault", "Headers", "Provider", "Reply", "Sandbox", "Service", "parse_fault"]

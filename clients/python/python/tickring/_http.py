"""What `asgi` and `wsgi` share: what is counted, and the documents.

The total of a service is the sum of its events, so each way of dividing the same requests is a service
of its own, made beside the first: its name with `-outcome` or `-route` after it.
"""

from __future__ import annotations

import logging
import re
import time
import urllib.error
import urllib.request
import zlib
from typing import Any

from ._services import Service

_LOG = logging.getLogger("tickring")

PATHS = frozenset(
    ("/api/v1/event-rate", "/health", "/health/live", "/health/ready", "/metrics")
)

OUTCOMES = ("1xx", "2xx", "3xx", "4xx", "5xx", "failed", "cancelled", "cut_short", "websocket")

# How long a server is waited for, and how long it is left alone after it has failed; in seconds.
SERVER_TIMEOUT = 0.3
SERVER_PAUSE = 5.0

# The header that says whose figures an answer has.
WHOSE = "tickring-figures"

Answer = tuple[int, list[tuple[str, str]], bytes]


class Requests:
    """The requests of an application.

    A request counts as an event of the service when it arrives. It counts as one outcome when it ends:

    - ``1xx`` to ``5xx``: all of a response of this class was handed on.
    - ``failed``: the application raised before a response began.
    - ``cancelled``: it was cancelled before a response began, by a time-out or since the client hung up.
    - ``cut_short``: a response began, and did not come to its end.
    - ``websocket``: a websocket was accepted. One that was turned away counts by its status.
    """

    def __init__(self, service: Service, event: str | None, routes: int) -> None:
        self.service = service
        name = service.name
        event = event or service.events[0]
        # Not forwarded: they are this process's, and the server need not know such services.
        outcomes = Service(name + "-outcome", events=OUTCOMES, beside=service)
        self.routes = Service(name + "-route", events=["unmatched", "overflow"], beside=service)
        self.record = service.meter(event).record
        # The duration of a request counts with it; so the event of one that is timed counts at its end.
        self.timer = service.timer(event) if event in service.timed_events else None
        self._outcomes = {outcome: outcomes.meter(outcome).record for outcome in OUTCOMES}
        self._unmatched = self.routes.meter("unmatched").record
        self._overflow = self.routes.meter("overflow").record
        self._routes: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._left = routes
        self.outcomes = outcomes

    def outcome(self, outcome: str) -> None:
        self._outcomes[outcome]()

    def status(self, status: int) -> None:
        self._outcomes.get("%dxx" % (status // 100), self._outcomes["5xx"])()

    def route(self, route: str | None) -> None:
        """Counts the route, which is a pattern of the application's and not a path of the client's."""
        if route is None:
            self._unmatched()
            return
        record = self._routes.get(route)
        if record is None:
            record = self._routes.setdefault(route, self._add(route))
        record()

    def _add(self, route: str) -> Any:
        """An event for the route: two threads may do this at once, and get the same."""
        if self._left <= len(self._names):
            return self._overflow
        name = re.sub("[^A-Za-z0-9_-]+", "_", route).strip("_") or "_"
        mark = "-%08x" % zlib.crc32(route.encode())
        if len(name) > 128:
            name = name[: 128 - len(mark)] + mark
        if self._names.setdefault(name, route) != route or name in ("unmatched", "overflow"):
            name = name[: 128 - len(mark)] + mark
            self._names.setdefault(name, route)
        try:
            return self.routes.add_event(name).record
        except ValueError:
            return self._overflow


def answer(service: Service, method: str, path: str, query: str, headers: Any) -> Answer:
    """The crate's own answer. Where that can't be had, the service has other work to do: 503."""
    try:
        status, answered, body = service.answer(
            method, path, query, headers.get("accept"), headers.get("accept-encoding")
        )
        return status, [*answered, (WHOSE, "process")], body
    except ValueError as error:
        return 400, [("content-type", "text/plain; charset=utf-8")], str(error).encode()
    except Exception as error:
        _LOG.exception("no figures of %s", service.name)
        return 503, [("content-type", "text/plain; charset=utf-8")], str(error).encode()


class Server:
    """A `tickring serve` that has the sums of all processes of a service."""

    def __init__(self, url: str, service: Service) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"server={url!r} is no URL: one is http://HOST:PORT")
        self._url = "%s/api/v1/services/%s/event-rate" % (url.rstrip("/"), service.name)
        self._pause_until = 0.0

    def ask(self, query: str) -> Answer | None:
        """The server's event-rate document, or nothing if it can't be had. Waits, but not for long, and not
        for a server that has just failed."""
        if time.monotonic() < self._pause_until:
            return None
        try:
            with urllib.request.urlopen(
                self._url + ("?" + query if query else ""), timeout=SERVER_TIMEOUT
            ) as answered:
                headers = [("content-type", answered.headers["content-type"]),
                           ("cache-control", "no-store"), (WHOSE, "server")]
                return answered.status, headers, answered.read()
        except (OSError, ValueError) as error:
            self._pause_until = time.monotonic() + SERVER_PAUSE
            _LOG.warning("the figures are this process's own: %s: %s", self._url, error)
            return None

"""What `asgi` and `wsgi` share: what is counted, and the documents.

The total of a service is the sum of its events, so each way of dividing the same requests is a service
of its own, made beside the first: its name with `-outcome` or `-route` after it. Labels divide an event
without adding to it.
"""

from __future__ import annotations

import http.client
import logging
import time
import urllib.error
import urllib.request
from time import perf_counter
from typing import Any

from ._services import Service

_LOG = logging.getLogger("tickring")

PATHS = frozenset(
    ("/api/v1/event-rate", "/health", "/health/live", "/health/ready", "/metrics")
)

OUTCOMES = ("1xx", "2xx", "3xx", "4xx", "5xx", "failed", "cancelled", "cut_short", "websocket")

# What is known of a request when it ends, for labels of the event that counts it. The status is empty if
# there was none.
LABELS = ("route", "method", "status", "outcome")

# Clients choose the method; others than these are `other`.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"))

# The most combinations of these that are kept with what counts them. Then all are looked up again.
MOST_KNOWN = 1000

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

    Its route counts as well when it ends, in a service of its own. Where the event has labels itself, it counts
    when it ends, with them.
    """

    def __init__(self, service: Service, event: str | None, routes: int) -> None:
        self.service = service
        event = event or service.events[0]
        labels = service.labels.get(event, [])
        unknown = sorted(set(labels).difference(LABELS))
        if unknown:
            raise ValueError("a request has no label %s: it has %s" % (unknown[0], ", ".join(LABELS)))
        # Not forwarded: they are this process's, and the server need not know such services.
        self.outcomes = Service(service.name + "-outcome", events=OUTCOMES, beside=service)
        self._outcomes = {outcome: self.outcomes.meter(outcome).record for outcome in OUTCOMES}
        # The duration of a request counts with it; so the event of one that is timed counts at its end.
        timed = event in service.timed_events
        self._timer = service.timer(event) if timed and not labels else None
        self._record = None if labels or timed else service.meter(event).record
        self._with_durations = timed and bool(labels)
        if not labels:
            labels, event = ["route"], "request"
            service = Service(service.name + "-route", events=[event], labels={event: labels},
                              label_sets={event: routes + 1}, beside=service)
        self._labels, self.routes = labels, service
        self._family = service.family(event)
        self._known: dict[tuple[str | None, str, int, str], Any] = {}
        # It is held, so it has its place whatever comes.
        self._unmatched = self._family.with_(route="unmatched") if labels == ["route"] else None

    def begin(self) -> float:
        """A request has arrived. Returns when."""
        if self._record is not None:
            self._record()
        return perf_counter()

    def end(self, begun: float, how: str, status: int, method: str, route: str | None) -> None:
        """It has ended, by its ``status`` if ``how`` doesn't say otherwise. The route is a pattern of the
        application's and not a path of the client's."""
        outcome = how or "%dxx" % (status // 100)
        if outcome not in self._outcomes:
            outcome = "5xx"
        self._outcomes[outcome]()
        if self._timer is not None:
            self._timer.record(perf_counter() - begun)
        record = self._known.get((route, method, status, outcome))
        if record is None:
            record = self._look_up(route, method, status, outcome)
        if self._with_durations:
            record(perf_counter() - begun)
        else:
            record()

    def _look_up(self, route: str | None, method: str, status: int, outcome: str) -> Any:
        values = {
            "route": route or "unmatched",
            "method": method if method in METHODS else "other",
            "status": status or None,
            "outcome": outcome,
        }
        find: Any = self._family.timer if self._with_durations else self._family.with_
        record = find(*[values[label] for label in self._labels]).record
        if len(self._known) >= MOST_KNOWN:
            # Clients choose the method.
            self._known.clear()
        self._known[route, method, status, outcome] = record
        return record


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
                headers = [("content-type", answered.headers.get("content-type") or "application/json"),
                           ("cache-control", "no-store"), (WHOSE, "server")]
                return answered.status, headers, answered.read()
        except (OSError, ValueError, http.client.HTTPException) as error:
            # The last of these is an answer that breaks off, or none of HTTP's.
            self._pause_until = time.monotonic() + SERVER_PAUSE
            _LOG.warning("the figures are this process's own: %s: %s", self._url, error)
            return None

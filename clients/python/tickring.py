"""Counts the events of a service and sends them to tickring.

One file, the standard library, Python 3.8 or later: copy it into the service.

    import tickring

    metrics = tickring.Service("sports-data")
    metrics.record_api_call()
    metrics.record("data_fetch", 3)
    with metrics.timed("data_fetch"):
        ...

Events are summed up here and sent once a second and at exit, by StatsD over UDP or over a Unix
datagram socket, so that all processes of a service make one total at the server. Counting never
raises, never waits for another thread or for the network, and may be done from anywhere: threads,
signal handlers, destructors, forked workers. If the server can't be reached over a Unix socket,
the sums are kept until it can; UDP has no way to tell.

A process that is killed takes its last second with it; so does a `multiprocessing.Pool` that is
terminated rather than closed and joined.
"""

import atexit
import collections
import logging
import operator
import os
import socket
import sys
import threading
import time
import weakref

__all__ = ["Service"]

#: Where events go unless told otherwise: ``HOST:PORT``, or the path of a Unix socket.
DEFAULT_ADDRESS = os.environ.get("TICKRING_STATSD", "127.0.0.1:8125")

#: Seconds between two sends.
INTERVAL = 1.0

#: Durations of one event that are sent in full between two sends. Further ones are counted alone,
#: so that memory and traffic stay bounded.
MOST_DURATIONS = 1000

_LOG = logging.getLogger("tickring")

# What fits a datagram on any path without being taken apart; a Unix socket takes more.
_UDP_BYTES = 1432
_UNIX_BYTES = 8192

_SERVICES = weakref.WeakSet()


class Service:
    """The events of one service.

    ``address`` is ``HOST:PORT`` or the path of a Unix socket; the default is the environment's
    ``TICKRING_STATSD``, or ``127.0.0.1:8125``.
    """

    def __init__(self, name, address=None):
        self.name = str(name)
        self.address = str(address or DEFAULT_ADDRESS)
        #: Calls that could not be counted, since they made no sense (a negative number of events).
        self.refused = 0
        self._start_afresh()
        _SERVICES.add(self)

    # What services count. Each is an event of its name, unless it says otherwise.

    def record_event(self, event_data=None):
        """One event; what it is about does not matter."""
        self.record("event")

    def record_processing(self, processing_time=None):
        """One event, and the seconds that it took."""
        self.record("event", duration=processing_time)

    def record_request(self, count=1):
        self.record("request", count)

    def record_api_call(self, count=1):
        self.record("api_call", count)

    def record_data_fetch(self, count=1):
        self.record("data_fetch", count)

    def record_weather_request(self, count=1):
        self.record("weather_request", count)

    def record_enrichment_call(self, count=1):
        self.record("enrichment_call", count)

    def record_reading(self, count=1):
        self.record("reading", count)

    def record_log_line(self, count=1):
        self.record("log_line", count)

    def record_correlation_run(self, count=1):
        self.record("correlation_run", count)

    def record_correlation_found(self, count=1):
        self.record("correlation_found", count)

    def record_analysis_request(self, count=1):
        self.record("analysis_request", count)

    def record_pattern_detection(self, count=1):
        self.record("pattern_detection", count)

    def record_suggestion_generation(self, count=1):
        """Counts ``suggestion_generated``."""
        self.record("suggestion_generated", count)

    def record_expired(self, count=1):
        """Counts ``record_expired``."""
        self.record("record_expired", count)

    def record(self, event, count=1, duration=None):
        """Counts ``count`` events, each of which took ``duration`` seconds, if that is known."""
        try:
            count = operator.index(count)
            if count < 0 or (duration is not None and not 0 <= duration < 1e9):
                raise ValueError
            if duration is not None:
                duration = float(duration)
            # Whoever has the lock, perhaps this very thread below a signal handler, is not
            # waited for: appending to a deque is one step.
            if self._lock.acquire(False):
                try:
                    self._add(event, count, duration)
                finally:
                    self._lock.release()
            else:
                self._meanwhile.append((event, count, duration))
            if self._thread is None:
                self._start_sending()
        except Exception:  # The service has its own work to do.
            self.refused += 1

    def timed(self, event):
        """A context that counts one event, and how long the context took."""
        return _Timed(self, event)

    def flush(self):
        """Sends what was counted up to now. True if it was all handed to the system."""
        try:
            return self._flush()
        except Exception as error:
            _LOG.debug("not sent: %s", error)
            return False

    # The sums, under the lock.

    def _add(self, event, count, duration):
        if duration is not None and count:
            durations = self._durations.setdefault(event, [])
            room = min(count, MOST_DURATIONS - len(durations))
            durations.extend([duration] * room)
            count -= room
        if count:
            self._counts[event] = self._counts.get(event, 0) + count

    def _take(self):
        """What was counted, which is then no longer here."""
        with self._lock:
            while self._meanwhile:
                self._add(*self._meanwhile.popleft())
            counts, self._counts = self._counts, {}
            durations, self._durations = self._durations, {}
        return counts, durations

    # Sending. One thread at a time.

    def _flush(self):
        if not self._sending.acquire(timeout=2 * INTERVAL):
            return False
        try:
            counts, durations = self._take()
            unix = "/" in self.address
            batches = _datagrams(self.name, counts, durations, _UNIX_BYTES if unix else _UDP_BYTES)
            for index, (datagram, _) in enumerate(batches):
                if not self._send(datagram, unix):
                    # Counted, and sent the next time.
                    for _, back in batches[index:]:
                        for event, count, duration in back:
                            self.record(event, count, duration)
                    return False
            return True
        finally:
            self._sending.release()

    def __del__(self):
        self.flush()
        if getattr(self, "_socket", None) is not None:
            self._socket.close()

    def _send(self, datagram, unix):
        try:
            if self._socket is None:
                self._socket, self._to = _open(self.address, unix)
            self._socket.sendto(datagram, self._to)
            return True
        except OSError as error:
            _LOG.debug("not sent to %s: %s", self.address, error)
            # A server that has started anew may be at another address of the same name.
            sent, self._socket = self._socket, None
            if sent is not None:
                sent.close()
            return False

    def _start_sending(self):
        thread = threading.Thread(target=_send_each_second, args=(weakref.ref(self),), daemon=True)
        self._thread = thread
        _flush_at_the_end_of_a_multiprocessing_child()
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is on its way out, and flushes for the last time; or there are too
            # many threads, and the next record tries again.
            self._thread = None

    def _start_afresh(self):
        """At the start, and in a forked child: what the parent counted is the parent's to send."""
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._meanwhile = collections.deque()
        self._counts = {}
        self._durations = {}
        self._thread = None
        self._socket = None
        self._to = None


class _Timed:
    def __init__(self, service, event):
        self._service = service
        self._event = event

    def __enter__(self):
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self._service.record(self._event, duration=time.perf_counter() - self._start)


def _datagrams(service, counts, durations, most_bytes):
    """Lines packed into datagrams, each with what it counts."""
    lines = []
    for event, count in counts.items():
        lines.append((f"{service}.{event}:{count}|c\n".encode(), (event, count, None)))
    for event, values in durations.items():
        for value in values:
            line = f"{service}.{event}:{value * 1000:.6g}|ms\n".encode()
            lines.append((line, (event, 1, value)))
    batches, length = [], most_bytes
    for line, counted in lines:
        if length + len(line) > most_bytes:
            batches.append(([], []))
            length = 0
        batches[-1][0].append(line)
        batches[-1][1].append(counted)
        length += len(line)
    return [(b"".join(lines), counted) for lines, counted in batches]


def _open(address, unix):
    """A socket that never waits, and where to send."""
    if unix:
        opened, to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), address
    else:
        host, _, port = address.rpartition(":")
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
        family, kind, protocol, _, to = found[0]
        opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    return opened, to


def _send_each_second(service):
    """Ends with the service."""
    while True:
        time.sleep(INTERVAL)
        here = service()
        if here is None or here._thread is not threading.current_thread():
            return
        here.flush()
        del here


def _flush_all():
    for service in list(_SERVICES):
        # Twice, should a queue be full for a moment.
        if not service.flush():
            time.sleep(0.01)
            service.flush()


def _start_all_afresh():
    for service in list(_SERVICES):
        service._start_afresh()


def _flush_at_the_end_of_a_multiprocessing_child():
    """`multiprocessing` ends its children past `atexit`, but has the same of its own."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    global _finalized
    if _finalized != os.getpid():
        _finalized = os.getpid()
        util.Finalize(None, _flush_all, exitpriority=0)


_finalized = None
atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_all_afresh)

"""Counts the events of a service and sends them to tickring.

One file, the standard library, Python 3.8 or later: copy it into the service. Where the package
`tickring` is installed, it is `tickring.sender`, and `tickring.Service(..., forward=ADDRESS)` does the
same on a faster core.

    import tickring_sender

    metrics = tickring_sender.Service("sports-data")
    metrics.record_api_call()
    metrics.record("data_fetch", 3)
    with metrics.timed("data_fetch"):
        ...

Events are summed up here and sent once a second and at exit, by StatsD over UDP or over a Unix
datagram socket, so that all processes of a service make one total at the server. Counting never raises,
never takes a lock and never waits for the network. It may be done from anywhere: threads, signal
handlers, destructors, forked workers.

How that is done
- To count is one step of the interpreter: of `itertools.count`, or `deque.append`. Whatever interrupts a
  record, before or after that step, finds and leaves everything whole. There is no lock.
- One thread for each service reads the counts and sends them. It remembers how much of each it has sent,
  so what was not sent is sent with the next sum.
- The state of a service belongs to a process, by its id. A child, whoever forked it, finds no state
  of its own, and begins with an empty one.
- A refusal on this machine is known at once, and the sum is kept. From afar it is known a second later:
  that sum is `lost`, because a part of it may have arrived.

A process that is killed takes its last second with it; so does a `multiprocessing.Pool` that is
terminated rather than closed and joined.
"""

import _thread
import atexit
import collections
import itertools
import logging
import operator
import os
import queue
import re
import socket
import sys
import time
import weakref

__all__ = ["Service"]

#: Where events go unless told otherwise: ``HOST:PORT``, or the path of a Unix socket.
DEFAULT_ADDRESS = os.environ.get("TICKRING_STATSD", "127.0.0.1:8125")

#: Seconds between two sends. Less than one, because some task queues give a worker a second to end.
INTERVAL = 0.9

#: Durations of one event that are sent in full between two sends. Further ones are counted alone.
MOST_DURATIONS = 1000

#: Different events of one service. Further ones are refused.
MOST_EVENTS = 1000

#: Batches (records of a count that isn't 1) that may wait for the thread. Further ones are refused.
MOST_BATCHES = 100_000

#: Seconds for which a socket, and the address of a name, are used. A server may move.
RENEW = 30.0

#: Seconds for which the end of a process waits for a slow server.
PATIENCE = 2.0

_LOG = logging.getLogger("tickring")

# What fits a datagram on any path without being taken apart; a Unix socket takes more.
_UDP_BYTES = 1432
_UNIX_BYTES = 8192


class _Count:
    """Counts by one step of the interpreter."""

    __slots__ = ("step", "_count", "_base")

    def __init__(self):
        self._base = 0
        # In free-threaded Python `itertools.count` is not one step.
        if getattr(sys, "_is_gil_enabled", lambda: True)():
            self._count = itertools.count()
            self.step = self._count.__next__
        else:
            self._count = collections.deque()
            self.step = lambda: self._count.append(None)

    def value(self):
        if isinstance(self._count, collections.deque):
            # For one thread only.
            for _ in range(len(self._count)):
                self._count.popleft()
                self._base += 1
            return self._base
        return int(repr(self._count)[6:-1])


class _State:
    """A service within one process."""

    def __init__(self, service):
        self.name = service.name
        self.address = service.address
        self.service = weakref.ref(service, self._wake_for_the_last_time)
        # Any thread may do one step on these.
        self.singles = {}
        self.batches = collections.deque()
        self.durations = {}
        self.wake = queue.SimpleQueue()
        self.starting = 0.0
        # Who may send: a thread, and until when others respect that.
        self.holder = {}
        # Only whoever sends touches these.
        self.counts = {}
        self.seen = {}
        self.kept = []
        self.socket = None
        self.opened = 0.0
        self.addresses = []
        self.resolved = None
        self.at = 0
        self.last = 0
        self.lost = 0
        self.sent = True
        self.why = ""
        self.asked = itertools.count(1)
        self.answered = 0
        self.stops = False

    def _wake_for_the_last_time(self, _):
        self.wake.put(0)
        if not self.singles:
            _STATES.discard(self)

    @property
    def running(self):
        """Whether the thread runs."""
        return self.holder.get("it", (0, 0.0))[1] == _FOR_EVER

    # Recording: each line may be the last one that runs.

    def add(self, event, count, duration):
        """False if it is refused."""
        single = self.singles.get(event)
        if single is None:
            if len(self.singles) >= MOST_EVENTS or not _NAME.fullmatch(event):
                return False
            single = self.singles.setdefault(event, _Count())
        if duration is None:
            if count == 1:
                single.step()
            elif count:
                if len(self.batches) >= MOST_BATCHES:
                    return False
                self.batches.append((event, count, None))
        elif count:
            waiting = self.durations.get(event)
            if waiting is None:
                waiting = self.durations.setdefault(event, collections.deque())
            if len(waiting) + count <= MOST_DURATIONS:
                waiting.append((event, count, duration))
            elif len(self.batches) >= MOST_BATCHES:
                return False
            else:
                self.batches.append((event, count, None))
        if len(self.batches) & 0xFFF == 0xFFF:
            self.wake.put(0)
        return True

    # Sending: one thread at a time.

    def fold(self):
        """Adds up batches, so that they take no more memory."""
        while self.batches:
            event, count, _ = self.batches.popleft()
            self.counts[event] = self.counts.get(event, 0) + count

    def collect(self):
        """Adds up what was counted. Returns the lines to send: text, event, count, duration."""
        for waiting in list(self.durations.values()):
            while waiting:
                self.kept.append(waiting.popleft())
        self.fold()
        for event, single in list(self.singles.items()):
            value = single.value()
            new = value - self.seen.get(event, 0)
            if new:
                self.seen[event] = value
                self.counts[event] = self.counts.get(event, 0) + new
        lines, timed, self.kept = [], self.kept, []
        left = dict.fromkeys(self.durations, MOST_DURATIONS)
        for event, count, duration in timed:
            room = min(count, left[event])
            left[event] -= room
            if count > room:
                self.counts[event] = self.counts.get(event, 0) + count - room
            line = f"{self.name}.{event}:{duration * 1000:.6g}|ms\n".encode()
            lines.extend([(line, event, 1, duration)] * room)
        counts, self.counts = self.counts, {}
        for event, count in counts.items():
            lines.append((f"{self.name}.{event}:{count}|c\n".encode(), event, count, None))
        return lines

    def flush(self):
        """True if all was handed to the system. What was not is kept."""
        if self.socket is not None and self.refused_since():
            self.lost += self.last
            _LOG.warning("%s: up to %d events were refused by %s", self.name, self.last, self.address)
        lines = self.collect()
        most = _UNIX_BYTES if "/" in self.address else _UDP_BYTES
        self.last, at, sent = 0, 0, True
        while at < len(lines):
            end, length = at, 0
            while end < len(lines) and (end == at or length + len(lines[end][0]) <= most):
                length += len(lines[end][0])
                end += 1
            try:
                self.send(b"".join(line[0] for line in lines[at:end]))
            except (OSError, ValueError, LookupError) as error:
                sent, self.why = False, str(error)
                break
            self.last += sum(line[2] for line in lines[at:end])
            at = end
        for _, event, count, duration in lines[at:]:
            if duration is None:
                self.counts[event] = self.counts.get(event, 0) + count
            else:
                self.kept.append((event, count, duration))
        self.sent = sent
        return sent

    def pending(self):
        return sum(self.counts.values()) + sum(count for _, count, _ in self.kept)

    def refused_since(self):
        if "/" in self.address or not self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return False
        self.next()
        return True

    def send(self, datagram):
        now = time.monotonic()
        if self.socket is not None and now - self.opened >= RENEW:
            self.close()
        if "/" not in self.address:
            self.resolve(now)
        error = OSError("no address")
        for _ in range(max(1, len(self.addresses))):
            try:
                if self.socket is None:
                    self.open(now)
                self.socket.send(datagram)
                if "/" in self.address:
                    return
                # On this machine a refusal is here by now.
                number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not number:
                    return
                error = OSError(number, os.strerror(number))
            except BlockingIOError:
                raise
            except OSError as failed:
                error = failed
            self.next()
        raise error

    def resolve(self, now):
        """A name that moves is found again. Only the thread waits for that."""
        if self.resolved is not None and now - self.resolved < RENEW and self.addresses:
            return
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]")
        if all(letter < "\x80" for letter in host):
            # At the end of the interpreter the codec for other names is gone.
            host = host.encode()
        waits = self.holder.get("it") == (_thread.get_ident(), _FOR_EVER)
        flags = 0 if waits else socket.AI_NUMERICHOST
        try:
            found = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM, flags=flags)
        except OSError:
            if self.addresses:
                return
            raise
        found = [(family, to) for family, _, _, _, to in found]
        if sorted(map(str, found)) != sorted(map(str, self.addresses)):
            self.close()
            self.addresses, self.at = found, 0
        self.resolved = now

    def open(self, now):
        """A socket that never waits."""
        if "/" in self.address:
            family, to = socket.AF_UNIX, self.address
        else:
            family, to = self.addresses[self.at % len(self.addresses)]
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.connect(to)
        except BaseException:
            opened.close()
            raise
        self.socket, self.opened = opened, now

    def next(self):
        self.close()
        self.at += 1

    def close(self):
        closing, self.socket = self.socket, None
        if closing is not None:
            closing.close()

    # The thread.

    def start(self):
        """Starts the thread. Doesn't wait for it to begin: at the end of the interpreter it never would."""
        now = time.monotonic()
        if _ended or sys.is_finalizing() or now - self.starting < 0.1:
            return
        self.starting = now
        try:
            _thread.start_new_thread(self.run, ())
        except RuntimeError:
            # Too many threads, or none any more: a later record tries again.
            pass

    def run(self):
        mine = (_thread.get_ident(), _FOR_EVER)
        if not self.hold(mine):
            return
        try:
            due = time.monotonic() + INTERVAL
            while True:
                asked = 0
                try:
                    asked = self.wake.get(timeout=max(0.0, due - time.monotonic()))
                    while True:
                        asked = max(asked, self.wake.get_nowait())
                except queue.Empty:
                    pass
                gone, stops = self.service() is None, self.stops
                if not (asked or gone or stops) and time.monotonic() < due:
                    self.fold()
                    continue
                self.flush()
                due = time.monotonic() + INTERVAL
                self.answered = max(self.answered, asked)
                if stops or (gone and self.sent):
                    break
        finally:
            self.close()
            if self.sent and self.service() is None:
                _STATES.discard(self)
            self.holder.pop("it", None)

    def hold(self, mine):
        """Whether this thread may send. One that was interrupted and never let go is overruled."""
        holder = self.holder.setdefault("it", mine)
        if holder is not mine and holder[1] < time.monotonic():
            holder = self.holder["it"] = mine
        return holder is mine

    def flush_here(self):
        """Where there is no thread, and none to be had."""
        if not self.hold((_thread.get_ident(), time.monotonic() + 1.0)):
            return False
        try:
            return self.flush()
        finally:
            self.holder.pop("it", None)

    def ends(self, seconds):
        """Waits until the thread has ended."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(0.001)

    def wait(self, seconds):
        """Has the thread flush, and waits for it."""
        ticket = next(self.asked)
        self.wake.put(ticket)
        deadline = time.monotonic() + seconds
        while self.answered < ticket:
            if time.monotonic() > deadline:
                return False
            if not self.running and time.monotonic() - self.starting > 0.2:
                return self.flush_here()
            time.sleep(0.001)
        return self.sent


class Service:
    """The events of one service.

    ``address`` is ``HOST:PORT`` or the path of a Unix socket; the default is the environment's
    ``TICKRING_STATSD``, or ``127.0.0.1:8125``.
    """

    def __init__(self, name, address=None):
        self.name = str(name)
        self.address = str(address or DEFAULT_ADDRESS)
        self._states = {}
        self._refused = _Count()

    @property
    def refused(self):
        """Calls that could not be counted: they made no sense (a negative number of events), or there
        were more events or batches than are kept."""
        return self._refused.value()

    @property
    def lost(self):
        """Events of this process that were sent and then refused, as far as is known."""
        return self._state().lost

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
        if duration is None and type(count) is int and count == 1 and isinstance(event, str):
            # Most calls, in as few steps as can be.
            state = self._states.get(_getpid())
            single = None if state is None else state.singles.get(event)
            if single is not None and state.holder:
                single.step()
                return
        count, duration = _count(count), _duration(duration)
        if count is None or duration is _NONSENSE or not isinstance(event, str):
            self._refused.step()
            return
        state = self._state()
        if not state.add(event, count, duration):
            self._refused.step()
        if not state.running:
            state.start()
            if _ended:
                state.flush_here()

    def timed(self, event):
        """A context that counts one event, and how long the context took."""
        return _Timed(self, event)

    def flush(self, timeout=PATIENCE):
        """Sends what was counted up to now. True if it was all handed to the system within so many
        seconds."""
        state = self._state()
        if not state.running:
            state.start()
        return state.wait(timeout)

    def close(self, timeout=PATIENCE):
        """As ``flush``; and ends the thread, until something is recorded again."""
        state = self._state()
        state.stops = True
        sent = not state.running or state.wait(timeout)
        state.ends(timeout)
        state.stops = False
        return sent and state.flush_here()

    def _state(self):
        """That of this process. What the parent counted is the parent's to send."""
        process = os.getpid()
        state = self._states.get(process)
        if state is None:
            new = _State(self)
            _STATES.add(new)
            state = self._states.setdefault(process, new)
            if state is not new:
                _STATES.discard(new)
            for other in list(self._states):
                if other != process:
                    self._states.pop(other, None)
            _flush_at_the_end_of_a_child()
        return state


class _Timed:
    def __init__(self, service, event):
        self._service = service
        self._event = event

    def __enter__(self):
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self._service.record(self._event, duration=time.perf_counter() - self._start)


_getpid = os.getpid
_NONSENSE = object()
_FOR_EVER = float("inf")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def _count(count):
    if type(count) is not int:
        try:
            count = operator.index(count)
        except TypeError:
            return None
    return count if count >= 0 else None


def _duration(duration):
    if duration is None:
        return None
    try:
        duration = float(duration) if not isinstance(duration, str) else -1.0
    except (TypeError, ValueError, ArithmeticError):
        return _NONSENSE
    return duration if 0 <= duration < 1e9 else _NONSENSE


# All states of this process, and whether the interpreter has ended.
_STATES = set()
_ended = False


def _end():
    """Sends what is left. What is recorded after this is sent at once."""
    global _ended
    deadline = time.monotonic() + PATIENCE
    for state in list(_STATES):
        state.stops = True
        if state.running or state.singles:
            state.wait(max(0.0, deadline - time.monotonic()))
            state.ends(max(0.0, deadline - time.monotonic()))
    _ended = True
    for state in list(_STATES):
        if not state.running and not state.flush_here():
            # Should a queue be full for a moment.
            time.sleep(0.01)
            state.flush_here()
        if state.pending():
            _LOG.warning("%d events of %s were not sent to %s: %s",
                         state.pending(), state.name, state.address, state.why)


def _start_afresh():
    """In a forked child, also one with the parent's id, as namespaces of processes allow."""
    global _ended
    _ended = False
    for state in list(_STATES):
        service = state.service()
        if service is not None:
            service._states.clear()
        state.close()
    _STATES.clear()


class _Token:
    """What the registry of finalizers holds weakly."""


_TOKEN = _Token()
_asked = False
_forked = False


def _flush_at_the_end_of_a_child():
    """`multiprocessing` ends its children past `atexit`, but has the same of its own, which Celery's
    `billiard` uses, too. It is cleared when a child begins, so it is asked for after that."""
    global _asked
    if _forked and "billiard" in sys.modules:
        # Its children load this only after the fork.
        import multiprocessing.util  # noqa: F401
    util = sys.modules.get("multiprocessing.util")
    if util is None or _asked:
        return
    _asked = True
    util.register_after_fork(_TOKEN, _finalize)
    process = sys.modules.get("multiprocessing.process")
    # A child may load this only when it has begun, and billiard's don't know their parent.
    if _forked or (process is not None and process.parent_process() is not None):
        _finalize()


def _finalize(_=None):
    sys.modules["multiprocessing.util"].Finalize(None, _end, exitpriority=0)
    _flush_before_a_pools_worker_ends(sys.modules.get("billiard.pool"))


def _flush_before_a_pools_worker_ends(pool):
    """The workers of billiard's pools, and so Celery's, end by `os._exit`, past its finalizers."""
    ends = getattr(getattr(pool, "Worker", None), "_do_exit", None)
    if ends is None or hasattr(ends, "_end"):
        return

    def end(*args, **kwargs):
        try:
            _end()
        finally:
            ends(*args, **kwargs)

    end._end = True
    pool.Worker._do_exit = end


def _in_child():
    global _forked
    _forked = True
    _start_afresh()
    _flush_at_the_end_of_a_child()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)

"""The meter and the timer: against a queue of timestamps, on a clock that a test moves."""

import collections
import inspect
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickring

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, 1000)),
        # In milliseconds, so that the queue's arithmetic is exact.
        st.tuples(st.just("advance"), st.integers(0, 90_000)),
    ),
    max_size=80,
)


class Queue:
    """Each event's time in milliseconds, and what follows from that."""

    def __init__(self):
        self.now = 0
        self.events = collections.deque()

    def per_second(self):
        counts = [0] * 60
        for at, count in self.events:
            age = self.now // 1000 - at // 1000
            if age < 60:
                counts[59 - age] += count
        return counts

    def rate(self):
        """The window's count, and the second before it for the part that is less than 60 s old."""
        before = sum(count for at, count in self.events if self.now // 1000 - at // 1000 == 60)
        part = 1 - self.now % 1000 / 1000
        return (sum(self.per_second()) + before * part) / 60


@given(STEPS)
def test_meter_agrees_with_a_queue_of_timestamps(steps):
    clock, queue = tickring.ManualClock(), Queue()
    meter = tickring.Meter(clock=clock)
    meter.total()
    for step, amount in steps:
        if step == "record":
            meter.record(amount)
            queue.events.append((queue.now, amount))
        else:
            clock.advance(amount / 1000)
            queue.now += amount
        now = meter.snapshot()
        counts = queue.per_second()
        assert now.per_second == counts
        assert now.events_in_window == meter.events_in_window() == sum(counts)
        assert now.total == meter.total() == sum(count for _, count in queue.events)
        assert now.peak_per_second == max(counts)
        assert now.events_per_second == pytest.approx(queue.rate())
        assert meter.events_per_second() == pytest.approx(queue.rate())
        assert meter.events_per_hour() == pytest.approx(queue.rate() * 3600)


@given(st.lists(st.floats(0, 4000), max_size=60))
def test_timer_agrees_with_a_list_of_durations(durations):
    timer = tickring.Timer(clock=tickring.ManualClock())
    for duration in durations:
        timer.record(duration)
    now = timer.snapshot()
    assert now.events.total == now.count == now.count_since_start == timer.total() == len(durations)
    kept = sorted(min(duration, 3600.0) for duration in durations)
    assert now.sum_since_start == pytest.approx(sum(kept), abs=1e-6)
    if not kept:
        assert now.mean is now.min is now.max is now.quantile(0.5) is None
        return
    for q, found in ((0, now.min), (1, now.max), (0.5, now.quantile(0.5))):
        rank = max(0, -int(-q * len(kept) // 1) - 1) if q else 0
        near = [kept[max(0, rank - 1)], kept[min(len(kept) - 1, rank + 1)]]
        assert near[0] * 0.968 - 1e-6 <= found <= near[1] * 1.032 + 1e-6


def test_a_context_is_timed_by_the_clock_of_its_timer():
    clock = tickring.ManualClock()
    timer = tickring.Timer(clock=clock)
    with pytest.raises(KeyError), timer.time():
        clock.advance(0.25)
        raise KeyError
    assert (timer.total(), timer.snapshot().sum_since_start) == (1, 0.25)


def test_nonsense_counts_nothing_and_is_never_raised():
    meter, timer = tickring.Meter(), tickring.Timer()
    nonsense = [-1, 2**64, 2.5, "3", float("nan"), [], object()]
    for count in nonsense:
        meter.record(count)
        meter.record(count=count)
    assert (meter.total(), meter.refused) == (0, 2 * len(nonsense))
    for seconds in (-0.1, float("nan"), float("inf"), 1e9, "long", None):
        timer.record(seconds)
    assert (timer.total(), timer.refused) == (0, 6)
    meter.record(True)
    meter.record(count=2)
    meter.record(2**62)
    assert meter.total() == 3 + 2**62


def test_what_a_callers_own_code_raises_is_passed_on():
    class Index:
        def __index__(self):
            raise KeyboardInterrupt

    meter = tickring.Meter()
    with pytest.raises(KeyboardInterrupt):
        meter.record(Index())
    assert (meter.total(), meter.refused) == (0, 0)


def test_a_wrong_call_is_a_type_error():
    for call in (lambda m: m.record(1, 2), lambda m: m.record(n=1), lambda m: m.record(1, count=1)):
        with pytest.raises(TypeError):
            call(tickring.Meter())
    with pytest.raises(TypeError):
        tickring.Meter.record(tickring.Timer())


def test_methods_have_signatures_and_documentation():
    assert str(inspect.signature(tickring.Meter.record)) == "(self, /, count=1)" or \
        str(inspect.signature(tickring.Meter.record)) == "(self, count=1)"
    for owner in (tickring.Meter, tickring.Timer, tickring.Snapshot, tickring.Service,
                  tickring.Family):
        for name in vars(owner):
            if not name.startswith("_"):
                assert getattr(owner, name).__doc__, (owner, name)


def test_threads_make_one_exact_total():
    meter = tickring.Meter()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work():
        for _ in range(20_000):
            meter.record()
            meter.record(2)

    threads = [threading.Thread(target=work) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert (meter.total(), meter.events_in_window()) == (480_000, 480_000)


def test_arguments_of_reads_are_checked():
    with pytest.raises(ValueError, match="1 to 60"):
        tickring.Meter().snapshot().events_per_second_over(61)
    with pytest.raises(ValueError, match="from 0 to 1"):
        tickring.Timer().snapshot().quantile(1.5)
    with pytest.raises(ValueError, match="can't move"):
        tickring.ManualClock().advance(-1)

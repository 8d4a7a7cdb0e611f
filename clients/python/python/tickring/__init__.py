"""Counts the events of a service, and tells how many a second there are: now, over the last minute,
and since the start. The engine is the Rust crate tickring.

    import tickring

    frames = tickring.Meter()
    frames.record()
    frames.events_per_second()

    metrics = tickring.Service("sports-data")
    metrics.record_api_call()
    metrics.event_rate()

To record never raises, never waits and takes no lock. Durations are in seconds, rates are events per
second. ``tickring.asgi`` and ``tickring.wsgi`` meter the requests of an application and serve its figures.
"""

from . import _process  # noqa: F401  What happens at forks and at the end.
from ._core import Family, ManualClock, Meter, Snapshot, Timer, TimerSnapshot, Timing, __version__
from ._services import (
    AIMetrics,
    APIMetrics,
    EventRateTracker,
    ProcessingMetrics,
    Service,
    SportsMetrics,
    WeatherMetrics,
)

__all__ = [
    "AIMetrics",
    "APIMetrics",
    "EventRateTracker",
    "Family",
    "ManualClock",
    "Meter",
    "ProcessingMetrics",
    "Service",
    "Snapshot",
    "SportsMetrics",
    "Timer",
    "TimerSnapshot",
    "Timing",
    "WeatherMetrics",
    "__version__",
]

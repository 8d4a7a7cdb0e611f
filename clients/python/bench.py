#!/usr/bin/env python3
"""What the package costs, beside what services use otherwise. `--write` puts the table into README.md.

Needs the package and `prometheus_client`. All figures are of one run, in rounds: in each round every
subject is measured once, so that what disturbs the machine disturbs all. A figure is the median of the
rounds' ratios to a call of an empty Python function in the same round.
"""

import argparse
import collections
import datetime
import importlib.util
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import tickring

HERE = Path(__file__).resolve().parent
CALLS = 20_000


class Seed:
    """The tracker that services wrote by hand: a queue of timestamps under a lock."""

    def __init__(self):
        self.event_timestamps = collections.deque(maxlen=3600)
        self.total_events = 0
        self.start_time = datetime.datetime.now()
        self.lock = threading.Lock()

    def record_event(self, event_data=None):
        with self.lock:
            self.event_timestamps.append(datetime.datetime.now())
            self.total_events += 1

    def get_events_per_second(self):
        with self.lock:
            minute_ago = datetime.datetime.now() - datetime.timedelta(minutes=1)
            return sum(1 for stamp in self.event_timestamps if stamp >= minute_ago) / 60.0


def empty():
    pass


def loop(call):
    """Seconds for so many calls; the loop itself is a part of each."""
    begun = time.perf_counter()
    for _ in range(CALLS):
        call()
    return time.perf_counter() - begun


def loops(call, threads):
    """Seconds for so many calls in each of the threads, divided by the number of threads: with the
    interpreter's lock, they take turns."""
    started = [threading.Thread(target=loop, args=(call,)) for _ in range(threads)]
    begun = time.perf_counter()
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return (time.perf_counter() - begun) / threads


def with_an_event(call, event):
    return lambda: call(event)


def subjects():
    spec = importlib.util.spec_from_file_location("tickring_sender", HERE / "tickring_sender.py")
    sender = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sender)
    found = {
        "an empty Python function": empty,
        "`Meter.record()`": tickring.Meter().record,
        "`EventRateTracker.record_event(event)`, in a lambda":
            with_an_event(tickring.EventRateTracker().record_event, {}),
        "`record_api_call()`, forwarded": tickring.SportsMetrics(forward="127.0.0.1:9").record_api_call,
        "the tracker it replaces": Seed().record_event,
    }
    try:
        from prometheus_client import Counter
        found["`prometheus_client`, `Counter.inc()`"] = Counter("bench", "bench").inc
    except ImportError:
        pass
    found["`tickring_sender`, `record(\"x\")`, in a lambda"] = with_an_event(
        sender.Service("s", "127.0.0.1:9").record, "x")
    return found


def reads():
    seed, tracker = Seed(), tickring.EventRateTracker()
    for _ in range(3600):
        seed.record_event()
        tracker.record_event()
    return {
        "`Meter.events_per_second()`": tickring.Meter().events_per_second,
        "`EventRateTracker.get_events_per_second()`": tracker.get_events_per_second,
        "the same of the tracker it replaces, 3,600 events": seed.get_events_per_second,
        "`event_rate()`, a dict": tickring.SportsMetrics().event_rate,
        "`event_rate_json()`, bytes": tickring.SportsMetrics().event_rate_json,
    }


def import_ms(module):
    times = []
    for _ in range(7):
        said = subprocess.run([sys.executable, "-X", "importtime", "-c", "import " + module],
                              capture_output=True, text=True, check=True).stderr
        times.append(int(re.search(r"(\d+) \| %s$" % module, said, re.M).group(1)) / 1000)
    return statistics.median(times)


def processor():
    try:
        return re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1)
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def table(rounds):
    records, asked = subjects(), reads()
    single = collections.defaultdict(list)
    four = collections.defaultdict(list)
    took = collections.defaultdict(list)
    for _ in range(rounds):
        for name, call in records.items():
            single[name].append(loop(call))
            four[name].append(loops(call, 4))
        for name, call in asked.items():
            begun = time.perf_counter()
            for _ in range(20):
                call()
            took[name].append((time.perf_counter() - begun) / 20)
    base = next(iter(records))
    lines = [f"CPython {platform.python_version()}, {processor()}. To record, as a multiple of a call of "
             "an empty Python function; less is better:", "",
             "| to record | one thread | four threads |", "|---|---|---|"]
    for name in records:
        ratios = [statistics.median(mine / empty for mine, empty in zip(of[name], of[base]))
                  for of in (single, four)]
        lines.append(f"| {name} | {ratios[0]:.2f}× | {ratios[1]:.2f}× |")
    lines += ["", "| to read | median |", "|---|---|"]
    for name in asked:
        lines.append(f"| {name} | {statistics.median(took[name]) * 1e6:,.2f} µs |")
    lines.append(f"| `import tickring` | {import_ms('tickring'):.1f} ms |")
    return "\n".join(lines), statistics.median(
        mine / empty for mine, empty in zip(single["`Meter.record()`"], single[base]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    text, ratio = table(options.rounds)
    print(text)
    if options.write:
        readme = HERE / "README.md"
        old = readme.read_text()
        readme.write_text(re.sub(r"(?s)(<!-- bench -->\n).*(\n<!-- /bench -->)",
                                 lambda found: found[1] + "\n" + text + "\n" + found[2], old))
    if ratio > 1.3:
        sys.exit(f"Meter.record() costs {ratio:.2f} times an empty function; promised are 1.3")


if __name__ == "__main__":
    main()

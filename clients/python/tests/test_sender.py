"""The one-file sender. `python3 -m unittest discover tests`, in the folder above; needs no package."""

import collections
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tickring_sender as tickring  # noqa: E402

PATIENCE = 30


def own_host():
    """An address of loopback that no other test uses, where there are several: sums that a test leaves
    behind are sent on and on, and must not come to the next one that gets its port."""
    host = "127.%d.%d.%d" % tuple(random.randint(1, 254) for _ in range(3))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return "127.0.0.1"
    return host


class Receiver:
    """What a server would get."""

    def __init__(self, path=None):
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(path or (own_host(), 0))
        self.socket.settimeout(PATIENCE)
        self.address = path or "%s:%d" % self.socket.getsockname()
        self.counts = collections.Counter()
        self.durations = collections.defaultdict(list)
        self.longest = 0

    def take(self):
        """One datagram."""
        datagram = self.socket.recv(65536)
        self.longest = max(self.longest, len(datagram))
        for line in datagram.decode().splitlines():
            name, rest = line.split(":")
            value, kind = rest.split("|")
            if kind == "ms":
                self.durations[name].append(float(value))
            self.counts[name] += 1 if kind == "ms" else int(value)

    def take_until(self, **expected):
        """Until these counts have come, and no others."""
        expected = {"s." + event: count for event, count in expected.items()}
        deadline = time.monotonic() + PATIENCE
        while self.counts != expected:
            if time.monotonic() > deadline:
                raise AssertionError("%s, not %s" % (self.counts, expected))
            self.take()


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.socket.close)
        self.service = tickring.Service("s", self.receiver.address)

    def test_the_names_of_methods_are_those_of_events(self):
        self.service.record_event({"entity": "light"})
        self.service.record_processing(0.25)
        self.service.record_request()
        self.service.record_api_call()
        self.service.record_data_fetch(2)
        self.service.record_weather_request()
        self.service.record_enrichment_call()
        self.service.record_reading()
        self.service.record_log_line(40)
        self.service.record_correlation_run()
        self.service.record_correlation_found()
        self.service.record_analysis_request()
        self.service.record_pattern_detection()
        self.service.record_suggestion_generation()
        self.service.record_expired(3)
        self.assertTrue(self.service.flush())
        self.receiver.take_until(
            event=2, request=1, api_call=1, data_fetch=2, weather_request=1, enrichment_call=1,
            reading=1, log_line=40, correlation_run=1, correlation_found=1, analysis_request=1,
            pattern_detection=1, suggestion_generated=1, record_expired=3,
        )
        self.assertEqual(self.receiver.durations, {"s.event": [250.0]})
        self.assertEqual(self.service.refused, 0)

    def test_events_are_summed_and_sent_without_being_told(self):
        for _ in range(1000):
            self.service.record("x")
        self.receiver.take_until(x=1000)
        self.service.record("x")
        self.receiver.take_until(x=1001)

    def test_nonsense_is_never_raised(self):
        for count in (-1, "3", 2.5, None, float("nan")):
            self.service.record("x", count)
        for duration in (-1.0, float("nan"), float("inf"), "long"):
            self.service.record("x", duration=duration)
        self.service.record([])
        self.assertEqual(self.service.refused, 10)
        self.service.record("x")
        self.service.flush()
        self.receiver.take_until(x=1)

    def test_an_address_that_leads_nowhere_is_never_raised(self):
        for address in ("127.0.0.1:1", "127.0.0.1", "no.such.host.invalid:1", "/no/such/path"):
            service = tickring.Service("s", address)
            service.record("x")
            service.flush()
        with service.timed("x"):
            pass

    def test_durations_are_bounded_and_all_events_count(self):
        for _ in range(tickring.MOST_DURATIONS + 500):
            self.service.record_processing(0.0125)
        self.service.record("x", 3, duration=1)
        self.service.flush()
        self.receiver.take_until(event=tickring.MOST_DURATIONS + 500, x=3)
        self.assertEqual(self.receiver.durations["s.event"], [12.5] * tickring.MOST_DURATIONS)
        self.assertEqual(self.receiver.durations["s.x"], [1000.0] * 3)
        self.assertLessEqual(self.receiver.longest, 1432)

    def test_a_context_is_timed_also_when_it_raises(self):
        with self.assertRaises(KeyError), self.service.timed("x"):
            raise KeyError
        self.service.flush()
        self.receiver.take_until(x=1)
        self.assertLess(self.receiver.durations["s.x"][0], 1000 * PATIENCE)

    def test_threads_make_one_total(self):
        def work():
            for _ in range(20_000):
                self.service.record("x")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.service.flush()
        self.receiver.take_until(x=80_000)

    def test_signal_handlers_may_count(self):
        before = signal.signal(signal.SIGUSR1, lambda *_: self.service.record("signal"))
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        for _ in range(500):
            self.service.record("x")
            os.kill(os.getpid(), signal.SIGUSR1)
        self.service.flush()
        self.receiver.take_until(x=500, signal=500)

    def test_a_service_that_is_dropped_sends_what_it_has(self):
        self.service.record("x", 5)
        self.service = None
        self.receiver.take_until(x=5)

    def test_a_forked_child_counts_for_itself(self):
        self.service.record("x", 1)
        child = os.fork()
        if child == 0:
            self.service.record("x", 10)
            self.service.flush()
            os._exit(0)
        os.waitpid(child, 0)
        self.service.record("x", 100)
        self.service.flush()
        self.receiver.take_until(x=111)


class UnixSocketTest(unittest.TestCase):
    def test_sums_are_kept_until_the_server_is_there(self):
        with tempfile.TemporaryDirectory() as directory:
            path = directory + "/statsd.sock"
            service = tickring.Service("s", path)
            service.record("x", 2)
            service.record("x", duration=0.5)
            self.assertFalse(service.flush())
            service.record("x", 3)
            receiver = Receiver(path)
            service.flush()
            receiver.take_until(x=6)
            self.assertEqual(receiver.durations, {"s.x": [500.0]})
            receiver.socket.close()

    def test_a_full_queue_is_not_waited_for_and_loses_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            receiver = Receiver(directory + "/statsd.sock")
            service = tickring.Service("s", receiver.address)
            tickring_interval, tickring.INTERVAL = tickring.INTERVAL, 0.01
            try:
                count = 0
                while count < 100_000:
                    service.record("x")
                    count += 1
                    if not service.flush():
                        break
                self.assertLess(count, 100_000, "the queue should be full by now")
                receiver.take_until(x=count)
            finally:
                tickring.INTERVAL = tickring_interval
                receiver.socket.close()


class ExitTest(unittest.TestCase):
    def run_script(self, script):
        receiver = Receiver()
        self.addCleanup(receiver.socket.close)
        here = Path(__file__).resolve().parent
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(here.parent), str(here)]))
        subprocess.run(
            [sys.executable, "-B", "-c", script, receiver.address],
            cwd=str(here), env=environment, check=True, timeout=PATIENCE,
        )
        return receiver

    def test_the_last_second_is_sent_at_exit(self):
        script = "import sys, tickring_sender; tickring_sender.Service('s', sys.argv[1]).record('x', 7)"
        self.run_script(script).take_until(x=7)
        script = script.replace("tickring_sender.Service", "s = tickring_sender.Service")
        script = script.replace(".record", "; s.record")
        self.run_script(script).take_until(x=7)

    def test_the_children_of_multiprocessing_send_their_last_second(self):
        for method in ("fork", "spawn"):
            with self.subTest(method):
                script = (
                    "import multiprocessing, sys, tickring_sender\n"
                    "service = tickring_sender.Service('s', sys.argv[1])\n"
                    "service.record('x', 1)\n"
                    "context = multiprocessing.get_context(%r)\n"
                    "children = [context.Process(target=service.record, args=('x', 10))\n"
                    "            for _ in range(3)] if %r == 'fork' else [\n"
                    "    context.Process(target=test_sender.child, args=(sys.argv[1],))\n"
                    "    for _ in range(3)]\n"
                    "for child in children: child.start()\n"
                    "for child in children: child.join()\n" % (method, method)
                )
                if method == "spawn":
                    script = "import test_sender\n" + script
                self.run_script(script).take_until(x=31)


def child(address):
    tickring.Service("s", address).record("x", 10)


if __name__ == "__main__":
    unittest.main()

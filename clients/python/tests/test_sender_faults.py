"""What can interrupt the one-file sender, and what it must then still do.
`python3 -m unittest discover tests`, in the folder above; needs no package."""

import _thread
import ctypes
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tickring_sender  # noqa: E402
from test_sender import PATIENCE, Receiver, own_host  # noqa: E402

HERE = Path(__file__).resolve().parent


class Limit(Exception):
    """As a task queue raises it from a signal handler."""


class InterruptedTest(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.socket.close)
        self.service = tickring_sender.Service("s", self.receiver.address)

    def interrupt(self, handler, seconds=0.0003):
        before = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)

    def test_exceptions_from_outside_are_passed_on(self):
        """A handler raises at any step of the sender. What it raises comes out; no lock stays; each record
        that isn't cut short counts, and one that is may count or not."""
        raised = [0]

        def handler(_, frame):
            if frame.f_code.co_filename == tickring_sender.__file__:
                raised[0] += 1
                raise Limit

        def cuts(error):
            """One more for each that came while another was on its way out, and took its place."""
            return 1 + (cuts(error.__context__) if isinstance(error.__context__, Limit) else 0)

        whole, cut, deadline = 0, 0, time.monotonic() + 2
        self.interrupt(handler)
        while time.monotonic() < deadline or cut < 20:
            try:
                self.service.record("x")
                whole += 1
            except Limit as error:
                cut += cuts(error)
            try:
                self.service.record("y", 2, duration=0.001)
            except Limit as error:
                cut += cuts(error)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertEqual((cut, self.service.refused), (raised[0], 0))
        self.assertTrue(self.service.flush())
        total = self.total()
        self.assertTrue(whole <= total <= whole + cut, (whole, total, cut))

    def total(self):
        """What came, once no more comes."""
        self.receiver.socket.settimeout(0.3)
        try:
            while True:
                self.receiver.take()
        except socket.timeout:
            return self.receiver.counts["s.x"]

    def test_handlers_may_count_and_flush(self):
        counted = [0]

        def handler(*_):
            self.service.record("y")
            counted[0] += 1
            self.service.flush(timeout=0.01)

        self.interrupt(handler, 0.01)
        for _ in range(20):
            self.service.record("x")
            self.service.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertTrue(self.service.flush())
        self.receiver.take_until(x=20, y=counted[0])

    def test_refused_is_exact_on_many_threads(self):
        def work():
            for _ in range(10_000):
                self.service.record("x", -1)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self.addCleanup(sys.setswitchinterval, interval)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.service.refused, 40_000)

    def test_nothing_grows_without_a_bound(self):
        with mock.patch.object(tickring_sender, "MOST_EVENTS", 10), \
                mock.patch.object(tickring_sender, "MOST_BATCHES", 100), \
                mock.patch.object(tickring_sender._thread, "start_new_thread", side_effect=RuntimeError):
            for number in range(15):
                self.service.record("e%d" % number)
            for _ in range(150):
                self.service.record("e0", 2)
            self.service.record("no event:1|c\nother.x")
            self.assertEqual(self.service.refused, 5 + 50 + 1)

    def test_close_ends_the_thread(self):
        before = _thread._count()
        self.service.record("x", 3)
        self.assertTrue(self.service.close())
        deadline = time.monotonic() + PATIENCE
        while _thread._count() > before and time.monotonic() < deadline:
            time.sleep(0.001)
        self.assertLessEqual(_thread._count(), before)  # Those of other tests end, too.
        self.service.record("x")
        self.assertTrue(self.service.flush())
        self.receiver.take_until(x=4)


class AddressTest(unittest.TestCase):
    def receiver(self):
        receiver = Receiver()
        self.addCleanup(receiver.socket.close)
        return receiver

    def nobody(self):
        """An address that refuses."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind((own_host(), 0))
            return closed.getsockname()

    def resolve(self, *addresses):
        """What the name stands for, from now on."""
        found = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", address) for address in addresses]
        patch = mock.patch.object(tickring_sender.socket, "getaddrinfo", return_value=found)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_first_address_may_not_answer(self):
        receiver = self.receiver()
        self.resolve(self.nobody(), receiver.socket.getsockname())
        service = tickring_sender.Service("s", "stats:8125")
        service.record("x", 5)
        self.assertTrue(service.flush())
        receiver.take_until(x=5)
        self.assertEqual(service.lost, 0)

    def test_a_name_that_moves_is_found_again(self):
        here, there = self.receiver(), self.receiver()
        with mock.patch.object(tickring_sender, "RENEW", 0.0):
            service = tickring_sender.Service("s", "stats:8125")
            self.resolve(here.socket.getsockname())
            service.record("x", 1)
            self.assertTrue(service.flush())
            here.take_until(x=1)
            self.resolve(there.socket.getsockname())
            service.record("x", 2)
            self.assertTrue(service.flush())
            there.take_until(x=2)

    def test_a_refusal_on_this_machine_loses_nothing(self):
        receiver = self.receiver()
        address = receiver.socket.getsockname()
        service = tickring_sender.Service("s", receiver.address)
        receiver.socket.close()
        service.record("x", 7)
        self.assertFalse(service.flush())
        again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(address)
        again.settimeout(PATIENCE)
        self.addCleanup(again.close)
        self.assertTrue(service.flush())
        self.assertEqual(again.recv(100), b"s.x:7|c\n")


class ProcessTest(unittest.TestCase):
    def run_script(self, script, expected, status=0):
        receiver = Receiver()
        self.addCleanup(receiver.socket.close)
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(HERE.parent), str(HERE)]))
        ended = subprocess.run(
            [sys.executable, "-B", "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script),
             receiver.address],
            env=environment, timeout=PATIENCE, stderr=subprocess.PIPE,
        )
        self.assertEqual((ended.returncode, ended.stderr.decode()), (status, ""))
        receiver.take_until(x=expected)

    def test_a_fork_by_c_code_is_known(self):
        if not hasattr(ctypes.CDLL(None), "fork"):
            self.skipTest("no fork")
        self.run_script(
            """
            import ctypes, os, sys, time, tickring_sender
            service = tickring_sender.Service("s", sys.argv[1])
            service.record("x", 1)
            # With the interpreter's lock: without, no child of a process with threads can go on.
            child = ctypes.PyDLL(None).fork()
            service.record("x", 10 if child == 0 else 100)
            if child == 0:
                time.sleep(1.5)  # The thread sends; no hook runs at this end.
                os._exit(0)
            os.waitpid(child, 0)
            """, 111)

    def test_a_thread_that_records_over_a_fork(self):
        self.run_script(
            """
            import os, sys, threading, tickring_sender
            service = tickring_sender.Service("s", sys.argv[1])
            def work():
                for _ in range(20000):
                    service.record("x")
            thread = threading.Thread(target=work)
            thread.start()
            children = []
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    service.record("x", 5)
                    service.flush()
                    os._exit(0)
                children.append(child)
            for child in children:
                os.waitpid(child, 0)
            thread.join()
            """, 20050)

    def test_the_children_of_billiard_send_their_last_second(self):
        try:
            import billiard  # noqa: F401
        except ImportError:
            self.skipTest("billiard is not installed")
        self.run_script(
            """
            import sys, tickring_sender
            from billiard import Process
            service = tickring_sender.Service("s", sys.argv[1])
            service.record("x", 1)
            children = [Process(target=service.record, args=("x", 10)) for _ in range(5)]
            for child in children:
                child.start()
            for child in children:
                child.join()
            """, 51)

    def test_a_first_record_in_a_destructor_at_the_end(self):
        self.run_script(
            """
            import sys, tickring_sender
            class Last:
                def __del__(self, service=tickring_sender.Service("s", sys.argv[1])):
                    service.record("x", 3)
            last = Last()
            """, 3)

    def test_what_could_not_be_sent_is_said(self):
        script = "import sys, tickring_sender; tickring_sender.Service('s', '/no/such').record('x', 3)"
        ended = subprocess.run(
            [sys.executable, "-B", "-c", script], env=dict(os.environ, PYTHONPATH=str(HERE.parent)),
            timeout=PATIENCE, stderr=subprocess.PIPE,
        )
        self.assertIn(b"3 events of s were not sent to /no/such", ended.stderr)


if __name__ == "__main__":
    unittest.main()

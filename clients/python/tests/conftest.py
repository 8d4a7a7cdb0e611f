"""What tests share."""

import collections
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest
from test_sender import own_host

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / ".ci"))
import tickring_server  # noqa: E402

PATIENCE = 30


class Server:
    """What a server would get, over UDP or a Unix socket."""

    def __init__(self, path=None, host=None):
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(path or (host or own_host(), 0))
        self.address = path or "%s:%d" % self.socket.getsockname()
        self.counts = collections.Counter()
        self.durations = collections.defaultdict(list)
        self.datagrams = []

    def take(self, timeout=PATIENCE):
        self.socket.settimeout(timeout)
        datagram = self.socket.recv(65536)
        self.datagrams.append(datagram)
        for line in datagram.decode().splitlines():
            name, rest = line.split(":", 1)
            value, kind, *tags = rest.split("|")
            name = "|".join([name, *tags])
            if kind == "ms":
                self.durations[name].append(float(value))
            self.counts[name] += 1 if kind == "ms" else int(value)

    def take_until(self, **expected):
        """Until these counts have come, and no others."""
        expected = {"s." + event: count for event, count in expected.items()}
        deadline = time.monotonic() + PATIENCE
        while self.counts != expected:
            assert time.monotonic() < deadline, (self.counts, expected)
            try:
                self.take(1)
            except socket.timeout:
                pass

    def no_more(self, seconds=1.2):
        """That nothing comes twice."""
        before = dict(self.counts)
        try:
            self.take(seconds)
        except socket.timeout:
            pass
        assert self.counts == before


@pytest.fixture
def server():
    made = Server()
    yield made
    made.socket.close()


@pytest.fixture
def unix_path():
    # A socket's path has 107 bytes at most, and pytest's folders are longer.
    with tempfile.TemporaryDirectory() as folder:
        yield folder + "/s.sock"


def run(script, *arguments, status=0):
    """Runs a script to its end. Returns what it said on stderr."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script),
         *map(str, arguments)],
        timeout=2 * PATIENCE, capture_output=True, text=True,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parent)),
    )
    assert ended.returncode == status, ended.stderr
    return ended.stderr


SERVICES = """
[[service]]
name = "s"
events = ["x", "y", "z", "w"]

[[service]]
name = "web"
events = ["request"]
labels = { request = ["route", "method", "status"] }
"""


class Program:
    """A running `tickring serve`."""

    def __init__(self, running):
        self._http, self.address = running.http("admin-api"), "%s:%s" % running.udp()

    def document(self, service, query=""):
        status, document = tickring_server.get(self._http, f"/api/v1/services/{service}/event-rate" + query)
        assert status == 200, document
        return document

    def has(self, service, **expected):
        """Waits until the service has these totals, and no more."""
        def totals():
            events = self.document(service)["events"]
            return {event: figures["total"] for event, figures in events.items() if figures["total"]}

        tickring_server.wait_for(expected, totals)
        rejected = tickring_server.get(self._http, "/api/v1/services")[1]["rejected"]
        assert not any(rejected.values()), rejected


@pytest.fixture
def program(tmp_path):
    """The program; its path is in `TICKRING_PROGRAM`."""
    path = os.environ.get("TICKRING_PROGRAM")
    if not path:
        pytest.skip("TICKRING_PROGRAM doesn't say where the program is")
    config = tmp_path / "tickring.toml"
    config.write_text(SERVICES)
    options = ["--listen", "127.0.0.1:0", "--statsd-udp", "127.0.0.1:0", "--config", config]
    with tickring_server.Server(path, *options) as running:
        yield Program(running)

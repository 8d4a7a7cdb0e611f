"""Starts the program that was built here, and asks it things. For the checks beside this file."""

import json
import pathlib
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 30.0


def build():
    """The path of the program, freshly built."""
    subprocess.run(["cargo", "build", "--quiet", "-p", "tickring-server", "--bin", "tickring"], cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--no-deps"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "debug" / "tickring"


def catalogue():
    """The names of the built-in services with their ports, events and timed events."""
    text = (ROOT / "src/fleet/services.toml").read_text()
    services = {}
    for table in text.split("[[service]]")[1:]:
        name = re.search(r'^name = "(.*)"', table, re.M).group(1)
        port = int(re.search(r"^port = (\d+)", table, re.M).group(1))
        events = re.findall(r'"([^"]+)"', re.search(r"^events = \[(.*)\]", table, re.M).group(1))
        timed = re.search(r"^timed = \[(.*)\]", table, re.M)
        timed = re.findall(r'"([^"]+)"', timed.group(1)) if timed else []
        services[name] = {"port": port, "events": events, "timed": timed}
    return services


class Taken(Exception):
    """A port that the program needs is somebody else's."""


class Server:
    """A running `tickring serve`, to be used in a `with`."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(
            [str(program), "serve", *map(str, args)], stderr=subprocess.PIPE, text=True
        )
        self.log = []
        self.news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            with self.news:
                self.log.append(line.rstrip())
                self.news.notify_all()
        with self.news:
            self.log.append("")
            self.news.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        if code != 0 and _ == (None, None, None):
            raise AssertionError(f"it ended with {code}")

    def logged(self, pattern):
        """The first match of a pattern in the log, waiting for it if need be."""
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for line in self.log:
                    if found := re.search(pattern, line):
                        return found
                    if "is in use" in line:
                        raise Taken(line)
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"no {pattern!r} in the log: {self.log}")
                self.news.wait(0.1)

    def http(self, service):
        return self.logged(rf"http://(\S+) for {service}$").group(1)

    def udp(self):
        host, port = self.logged(r"udp://(\S+):(\d+) ").groups()
        return host, int(port)


def get(address, path):
    """Status and document of a path."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait_for(expected, ask):
    """Asks until the answer is the expected one."""
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"{answer}, not {expected}")
        time.sleep(0.005)

"""Celery's prefork pool, whose children are billiard's, with a broker of files. What tasks count arrives at a
running server: by the package and by the one-file sender, made before the fork and after it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import PATIENCE

pytest.importorskip("celery")

TASKS = """
import os, time
import celery, tickring, tickring.sender
from billiard.exceptions import SoftTimeLimitExceeded

folder, address = os.environ["FOLDER"], os.environ["FORWARD"]
app = celery.Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": folder + "/queue", "data_folder_out": folder + "/queue",
    "control_folder": folder + "/control"}
app.conf.worker_hijack_root_logger = False

package = tickring.Service("s", events=["x"], forward=address)
sender = tickring.sender.Service("s", address)
made = {}

def say(*what):
    with open(folder + "/said", "a") as said:
        said.write("%s\\n" % list(what))

@app.task
def count(n):
    if not made:
        made["package"] = tickring.Service("s", events=["z"], forward=address)
        made["sender"] = tickring.sender.Service("s", address)
    package.record_x(n)
    sender.record("y", n)
    made["package"].record_z(n)
    made["sender"].record("w", n)
    say(os.getpid(), n)

@app.task(soft_time_limit=1)
def limited():
    '''Records until the limit interrupts it, wherever that is.'''
    before, counted, sent = package.get_total_events(), 0, 0
    try:
        while True:
            package.record_x()
            counted += 1
            sender.record("y")
            sent += 1
    except SoftTimeLimitExceeded:
        say(os.getpid(), package.get_total_events() - before, counted, sent)
"""

COMMAND = ["celery", "-A", "tasks", "worker", "--pool", "prefork", "--loglevel", "ERROR",
           "--without-gossip", "--without-mingle", "--without-heartbeat"]


class Worker:
    """A worker with its children. At the end it is told to end, and waits for theirs."""

    def __init__(self, folder, program, *options):
        for name in ("queue", "control"):
            (folder / name).mkdir()
        (folder / "tasks.py").write_text(textwrap.dedent(TASKS))
        self._folder, self._options = folder, options
        self._environment = dict(os.environ, FOLDER=str(folder), FORWARD=program.address,
                                 PYTHONPATH=str(folder))

    def send(self, task, *arguments, times=1):
        """Asks for a task, before the worker is there."""
        script = f"import tasks\nfor _ in range({times}): tasks.{task}.delay(*{arguments!r})"
        subprocess.run([sys.executable, "-c", script], env=self._environment, check=True)

    def run(self, tasks):
        """Runs until so many tasks are done. Returns what they said."""
        said = self._folder / "said"
        worker = subprocess.Popen([sys.executable, "-m", *COMMAND, *self._options], cwd=self._folder,
                                  env=self._environment, stderr=subprocess.PIPE, text=True,
                                  stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 4 * PATIENCE
            while (lines := said.read_text().splitlines() if said.exists() else []) == [] or len(lines) < tasks:
                assert worker.poll() is None, worker.communicate()
                assert time.monotonic() < deadline, lines
                time.sleep(0.05)
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=2 * PATIENCE)
        finally:
            worker.kill()
        return [json.loads(line) for line in lines]


def test_children_that_are_replaced(tmp_path, program):
    """Each child ends after seven tasks, and the last ones when the worker does."""
    worker = Worker(tmp_path, program, "--concurrency", "3", "--max-tasks-per-child", "7")
    worker.send("count", 10, times=60)
    said = worker.run(60)
    assert len({process for process, _ in said}) >= 8
    program.has("s", x=600, y=600, z=600, w=600)


def test_a_soft_limit_within_a_record(tmp_path, program):
    """Each record that is not cut short counts, once."""
    worker = Worker(tmp_path, program, "--concurrency", "2")
    worker.send("limited", times=6)
    said = worker.run(6)
    for _, total, counted, sent in said:
        assert counted <= total <= counted + 1 and counted - 1 <= sent <= counted
    x, counted, sent = (sum(line[place] for line in said) for place in (1, 2, 3))
    whole = {y for y in range(sent, sent + len(said) + 1)}
    events = program.document("s")["events"]
    deadline = time.monotonic() + PATIENCE
    while events["x"]["total"] != x or events["y"]["total"] not in whole:
        assert time.monotonic() < deadline, (events, x, whole)
        time.sleep(0.05)
        events = program.document("s")["events"]

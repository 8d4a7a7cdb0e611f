"""What happens at forks, and when a process ends.

A child of ``multiprocessing`` ends past ``atexit``, but has the same of its own, finalizers, which Celery's
``billiard`` uses, too. They are cleared when a child begins. So one is asked for after that.
"""

from __future__ import annotations

import atexit
import os
import sys

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Token:
    """What the registry of finalizers holds weakly."""


_TOKEN = _Token()
_asked = False
_forked = False


def _at_exit() -> None:
    unsent = _core.at_exit()
    if unsent:
        import logging

        for what in unsent:
            logging.getLogger("tickring").warning("%s", what)


def watch_children() -> None:
    """Asks for a last flush, should this process, or a child of it, be a child of `multiprocessing`."""
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


def _finalize(_: object = None) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _at_exit, exitpriority=0)
    _flush_before_a_pools_worker_ends(sys.modules.get("billiard.pool"))


def _flush_before_a_pools_worker_ends(pool: Any) -> None:
    """The workers of billiard's pools, and so Celery's, end by `os._exit`, past its finalizers."""
    ends = getattr(getattr(pool, "Worker", None), "_do_exit", None)
    if ends is None or hasattr(ends, "_at_exit"):
        return

    def end(*args: Any, **kwargs: Any) -> None:
        try:
            _at_exit()
        finally:
            ends(*args, **kwargs)

    end.__dict__["_at_exit"] = True
    pool.Worker._do_exit = end


def _after_fork() -> None:
    global _forked
    _forked = True
    _core.after_fork()
    watch_children()


atexit.register(_at_exit)
watch_children()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

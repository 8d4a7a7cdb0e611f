"""What .ci/weaken-orderings and .ci/mutations share: changes to the engine, made in a copy of the tree.

A change is a function from the text of a file to its new text. It raises `Stale` if the text has no place
for it, so that no change is dropped in silence when the engine changes.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A folder for these builds alone, so that no mutant is taken for a build of the tree as it is.
TARGET = ROOT / "target" / "weakened-build"
COPY = ROOT / "target" / "weakened"
ENGINE = Path("src/engine")


class Stale(Exception):
    """A mutation does not fit the source any more."""


def once(text, old, new):
    """Replaces `old`, which must be there once. White space counts as one blank."""
    pattern = r"\s+".join(re.escape(word) for word in old.split())
    found = len(re.findall(pattern, text))
    if found != 1:
        raise Stale(f"`{old}` found {found} times, not once")
    return re.sub(pattern, lambda _: new, text)


def move(statement, after):
    """Moves a statement behind each of several later ones."""

    def mutate(text):
        text = once(text, statement, "")
        for other in after:
            text = once(text, other, f"{other} {statement}")
        return text

    return mutate


def move_up(statement, before):
    def mutate(text):
        return once(once(text, statement, ""), before, f"{statement} {before}")

    return mutate


def replace(old, new):
    return lambda text: once(text, old, new)


def build(command, environment):
    """Builds tests in the copy; the executable of the last one."""
    command = [*command, "--message-format", "json", "--target-dir", str(TARGET)]
    built = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)
    if built.returncode != 0:
        for line in built.stdout.splitlines():
            print(json.loads(line).get("message", {}).get("rendered", ""), file=sys.stderr)
        sys.exit(f"does not compile:\n{built.stderr}")
    messages = map(json.loads, built.stdout.splitlines())
    return [m["executable"] for m in messages if m.get("executable")][-1]


# As in .ci/loom.
ENVIRONMENT = os.environ | {
    "RUSTFLAGS": (os.environ.get("RUSTFLAGS", "") + " --cfg loom").strip(),
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS": "true",
    "CARGO_INCREMENTAL": "1",
    "RUST_BACKTRACE": "0",
}


def build_models():
    """The models' executable."""
    command = ["cargo", "test", "-q", "-p", "loom-tests", "--release", "--no-run",
               "--config", "profile.release.package.loom-tests.opt-level=1",
               "--config", "profile.release.package.tickring.opt-level=1",
               "--test", "models"]
    return build(command, ENVIRONMENT)


def explore(executable, models):
    """Runs the models; their exit status and what they printed."""
    command = [executable, *filter(None, [models])]
    try:
        run = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        sys.exit(f"the models took more than five minutes: {' '.join(command)}")
    return run.returncode, run.stdout + run.stderr


def failing(executable, models):
    """A model that finds something wrong, and what; nothing if none does."""
    status, output = explore(executable, models)
    if status == 0:
        return None
    panics = re.findall(r"thread '([^']+)'[^\n]* panicked at [^\n]*\n([^\n]*)", output)
    # That a mutation leaves less to explore does not show that it is wrong.
    panics = [panic for panic in panics if not re.search("never seen|executions, not", panic[1])]
    if not panics:
        return None
    model, how = panics[0]
    how = how.removeprefix(model.split("::")[-1] + ": ")
    return model, re.sub(r"[;\[({].*", "", how).strip()


def copy_tree():
    """A fresh copy of the tree."""
    shutil.rmtree(COPY, ignore_errors=True)
    leave = shutil.ignore_patterns("target", ".git", "corpus", "artifacts")
    # Each file as of now, so that a mutant of an earlier run does not pass for fresh.
    shutil.copytree(ROOT, COPY, ignore=leave, copy_function=shutil.copy)


@contextlib.contextmanager
def changed(name, mutate):
    """The copy with a file of the engine changed."""
    path = COPY / ENGINE / name
    original = path.read_text()
    path.write_text(mutate(original))
    try:
        yield
    finally:
        path.write_text(original)

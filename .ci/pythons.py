"""The Pythons that are here. For the checks beside this file."""

import pathlib
import shutil
import subprocess
import sys


def pythons(least):
    """One of each version from `least` on, such as (3, 9), by its version; this one first."""
    names = [f"python3.{minor}" for minor in range(least[1], 20)]
    found = [sys.executable, *filter(None, map(shutil.which, names))]
    found += sorted(map(str, pathlib.Path.home().glob(".pyenv/versions/3.*/bin/python3")))
    versions = {}
    for python in found:
        asked = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        # Some are only stand-ins for a version that isn't chosen.
        if asked.returncode == 0 and (version := tuple(map(int, asked.stdout.split()))) >= least:
            versions.setdefault(version, python)
    return versions

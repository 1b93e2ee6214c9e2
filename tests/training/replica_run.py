"""Runs the script of a table of differences in a process of its own, and judges its lines."""

import json
import os
import subprocess
import sys

import pytest


def run_table(script, *arguments, **environment):
    """{key: largest difference from one device} that a table's script prints."""
    run = subprocess.run(
        [sys.executable, script.__file__, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    rows = {}
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            rows |= json.loads(line)
    return rows


def check(difference, tolerance):
    """Of one line of a table."""
    if difference == "skipped":
        pytest.skip("a package is not installed")
    assert isinstance(difference, float), difference
    assert difference <= tolerance

# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests that run a real Slurm: labs that are always taken down."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from weirlab import Lab  # noqa: E402  (found only now)

LOGS = ("slurmctld", "weirctld")
LINES = 60


@pytest.fixture(scope="session")
def build_dir():
    """The build under test, with bin/ and lib/: $WEIR_BUILD, or build/dev."""
    directory = Path(os.environ.get("WEIR_BUILD", ROOT / "build" / "dev")).resolve()
    if not (directory / "lib").is_dir():
        pytest.fail(f"no build in {directory}: build it, or set WEIR_BUILD")
    return str(directory)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.lab_test_failed = True


@pytest.fixture
def lab(request):
    """A factory: lab(nodes=4, policy=TEXT, ...) is Lab.up in a directory of its own."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if not shutil.which("slurmctld", path="/usr/sbin:/usr/bin"):
        pytest.skip("a lab needs Slurm's daemons")
    labs = []

    def up(**options):
        directory = options.pop("directory", None) or tempfile.mkdtemp(prefix="weir-lab-test-",
                                                                       dir="/tmp")
        labs.append(Lab.up(directory, **options))
        return labs[-1]

    yield up
    for running in labs:
        if getattr(request.node, "lab_test_failed", False):
            _print_logs(running)
        running.down()


def _print_logs(running):
    for name in LOGS:
        try:
            text = running.log(name, LINES)
        except OSError:
            text = ""
        print(f"--- {running.directory}: the end of the log of {name}\n{text or '(empty)'}")

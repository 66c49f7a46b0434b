# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests that run a real Slurm: labs, always taken down, and what is printed of them."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from weirlab import Lab  # noqa: E402  (found only now)
import submissions  # noqa: E402
import support  # noqa: E402

LINES = {"slurmctld": 60, "weirctld": 60, "weir-gateway": 40}
SHOWN = "squeue -a -o '%i %P %T %r %N %v %S'; scontrol -o show res; weir loans; weir plan"
labs_up, told = [], []


def pytest_configure():
    """Whoever ends the tests, labs are taken down as after Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(scope="session")
def build_dir():
    """The build under test, with bin/ and lib/: $WEIR_BUILD, or build/dev."""
    directory = Path(os.environ.get("WEIR_BUILD", ROOT / "build" / "dev")).resolve()
    if not (directory / "lib").is_dir():
        pytest.fail(f"no build in {directory}: build it, or set WEIR_BUILD")
    return str(directory)


@contextlib.contextmanager
def labs():
    """A factory: lab(nodes=4, policy=TEXT, ...) is Lab.up in a directory of its own."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if not shutil.which("slurmctld", path="/usr/sbin:/usr/bin"):
        pytest.skip("a lab needs Slurm's daemons")
    own = []

    def up(**options):
        directory = options.pop("directory", None) or tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
        own.append(Lab.up(directory, **options))
        labs_up.append(own[-1])
        return own[-1]

    try:
        yield up
    finally:
        for lab in own:
            labs_up.remove(lab)
            lab.down()


@pytest.fixture
def lab():
    """The factory, for one test."""
    with labs() as up:
        yield up


@pytest.fixture(scope="module")
def module_lab():
    """The factory, for what a file's tests share."""
    with labs() as up:
        yield up


@pytest.fixture(scope="module")
def module_weir(module_lab, build_dir, request):
    """A Weir in a lab of the file's LAYOUT, which its tests share."""
    return support.answering(module_lab(layout=request.module.LAYOUT, weir=build_dir, policy=support.policy()))


@pytest.fixture
def fresh(module_weir):
    """fresh(rule, ...) is that Weir with no jobs and no loans, and these rules in force."""
    def make(*rules):
        module_weir.reset(*rules)
        return module_weir

    return make


@pytest.fixture
def weir(fresh):
    """That Weir with no jobs and no loans, and the usual rule in force."""
    return fresh()


@pytest.fixture(scope="module")
def module_slurm(module_lab, build_dir):
    with submissions.up(module_lab, build_dir) as slurm:
        yield slurm


@pytest.fixture
def slurm(module_slurm):
    """A Slurm with job_submit_weir and no weirctld: a fresh heartbeat, the reservation, and no jobs."""
    module_slurm.reset()
    return module_slurm


@pytest.fixture
def tell():
    """tell(TEXT) prints what a test measured, whether it passes or not."""
    return told.append


def pytest_terminal_summary(terminalreporter):
    for text in told:
        terminalreporter.write_line(f"measured: {text}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    report = (yield).get_result()
    if report.failed:
        for running in labs_up:
            report.sections += [(f"{running.directory}: {what}", text) for what, text in _seen(running)]


def _seen(running):
    """What a failed test's lab shows."""
    for name, lines in LINES.items():
        try:
            yield f"the end of the log of {name}", running.log(name, lines)
        except OSError as error:
            yield f"no log of {name}", str(error)
    try:
        result = running.run(SHOWN, check=False, timeout=30)
        yield "what Slurm and weir show", result.stdout + result.stderr
    except Exception as error:  # a lab that hangs must not hide the failure
        yield "Slurm does not answer", str(error)

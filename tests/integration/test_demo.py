# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's second act, as it is run from a shell, and that its count notices what must not be."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "contrib" / "demo"
sys.path.insert(0, str(DEMO))

import overflow_lab  # noqa: E402  (found only now)
import overflow_measure  # noqa: E402
import overflow_story  # noqa: E402
from overflow_measure import Run  # noqa: E402

pytestmark = pytest.mark.usefixtures("module_lab")  # which skips where there can be none


def start(build, labs, *options):
    labs.mkdir(mode=0o755)
    for parent in (labs, *labs.parents[:3]):  # the lab's users pass through
        parent.chmod(parent.stat().st_mode | 0o055)
    return subprocess.Popen([sys.executable, "-B", str(DEMO / "main.py"), "--act", "2", "--quick", "--build-dir", build,
                             "--labs", str(labs), *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def nothing_left(labs):
    assert os.listdir(labs) == []
    assert str(labs) not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_backlog_overflows_comes_home_and_is_counted_alike_on_both_sides(build_dir, tmp_path):
    figures = tmp_path / "figures.json"
    demo = start(build_dir, tmp_path / "labs", "--json", str(figures))
    told = demo.communicate(timeout=400)[0]
    assert demo.returncode == 0, told
    for words in ("let job 2 start at west", "(DependencyNeverSatisfied); alice cancels it", "with exit code 3",
                  "reads the first line of job", "Slurm's books agree"):
        assert words in told, told
    assert "\x1b" not in told
    results = json.loads(figures.read_text())["overflow"]
    count = {place: seen["jobs"] for place, seen in results["with"]["places"].items()}
    assert min(count.values()) > 0 and results["with"]["copies"] == count["west"] + count["north"]
    assert results["without"]["copies"] == results["without"]["paid"] == 0
    assert results["without"]["places"]["home"]["jobs"] == results["with"]["jobs_run"] == sum(count.values())
    assert 0 < results["with"]["voucher_gpu_seconds"] <= overflow_lab.VOUCHER < results["with"]["gpu_seconds"]
    assert results["with"]["paid"] > 0
    assert results["with"]["wait_seconds_mean"] < results["without"]["wait_seconds_mean"]
    print("measured:", results)
    nothing_left(tmp_path / "labs")


@pytest.mark.parametrize("line, later", [
    ("comes up, without", 0.7), ("comes up, with overflow", 1.5), (f"about {overflow_story.LASTS} s", 9)])
def test_an_interrupt_leaves_nothing(build_dir, tmp_path, line, later):
    demo = start(build_dir, tmp_path / "labs")
    while line not in demo.stdout.readline():
        assert demo.poll() is None
    time.sleep(later)
    demo.send_signal(signal.SIGINT)
    time.sleep(0.3)
    demo.send_signal(signal.SIGINT)
    told = demo.communicate(timeout=60)[0]
    assert demo.returncode == 130 and "interrupted; everything is down again" in told, told
    nothing_left(tmp_path / "labs")


@pytest.fixture
def books():
    """An arm of three jobs, of which the second ran at west: all is well."""
    jobs = {number: overflow_story.Job(f"train-{number}", "alice", 0, 9) for number in (1, 2, 3)}
    jobs[3] = overflow_story.Job("train-3", "alice", 0, 9, code=3)
    arm = types.SimpleNamespace(
        by_id=jobs, output=lambda number, job: job.lines(),
        lab=types.SimpleNamespace(read=lambda path: f"weights of {Path(path).stem}\n"))
    home = {number: Run(number, job.name, job.ends, f"{job.code}:0", 100, 110, 120, ["t1"], 4)
            for number, job in jobs.items()}
    home[2].nodes = ["west-1"]
    copies = {"west": [Run(7, "weir.00ff.2.0.abc", "COMPLETED", "0:0", 108, 111, 119, ["n1"], 4)], "north": []}
    told = {"sites": [
        {"name": "west", "vouchers": [{"used": 20 / 3600}], "gpu_hours_this_month": 32 / 3600, "spent_this_month": 0.12},
        {"name": "north", "vouchers": [], "gpu_hours_this_month": 0, "spent_this_month": 0}]}
    return types.SimpleNamespace(arm=arm, home=home, copies=copies, told=told)


def faults(books):
    return overflow_measure.faults(books.arm, books.home, books.copies, books.told)


def test_a_count_that_is_right_has_no_fault(books):
    assert faults(books) == []


def test_a_job_that_ran_twice_or_for_nobody_is_noticed(books):
    books.copies["north"].append(Run(1, "weir.00ff.2.0.abd", "COMPLETED", "0:0", 108, 111, 111, ["n1"], 4))
    assert faults(books) == ["job 1 at north (weir.00ff.2.0.abd) ran for no job of home"]
    books.copies["west"].append(Run(8, "weir.00ff.2.0.abe", "COMPLETED", "0:0", 108, 111, 111, ["n1"], 4))
    assert "job 2 ran 2 times at west" in faults(books)


def test_a_job_that_is_lost_or_ended_otherwise_is_noticed(books):
    books.home[3].code = "1:0"
    assert faults(books) == ["job 3 (train-3) ended as FAILED 1:0, not as FAILED 3:0"]
    del books.home[3]
    assert faults(books) == ["job 3 (train-3) is lost"]
    books.copies["west"][0].state = "FAILED"
    assert "job 2 is COMPLETED 0:0 at home, and FAILED 0:0 as job 7 at west" in faults(books)
    books.copies["west"].clear()
    assert "job 2 ran 0 times at west" in faults(books)


def test_money_and_files_that_are_not_as_they_must_be_are_noticed(books):
    books.told["sites"][0]["spent_this_month"] = 0.32
    assert faults(books) == ["west is owed 0.12, and Weir has 0.32 as spent"]
    books.told["sites"][0] |= {"gpu_hours_this_month": 31 / 3600, "spent_this_month": 0.12}
    assert faults(books) == ["west has 32 GPU-seconds on its books, Weir 31"]
    books.told["sites"][0]["gpu_hours_this_month"] = 32 / 3600
    books.arm.output = lambda number, job: job.lines()[:3] if number == 2 else job.lines()
    books.arm.lab.read = lambda path: ""
    assert [fault.split(":")[0] for fault in faults(books)] == [
        "job 1 (train-1)", "job 2 (train-2)", "job 2 (train-2)"]

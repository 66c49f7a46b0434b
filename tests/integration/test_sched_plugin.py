# SPDX-License-Identifier: GPL-2.0-or-later
"""sched_weir.so in a real slurmctld: backfill goes on under it, and one weirctld beside it."""

import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

POLICY = "mode: advise\n"
EXPORTS = {"init", "fini", "sched_p_reconfig", "plugin_name", "plugin_type", "plugin_version"}
STAND_INS = {
    "serving": "#!/bin/sh\nwhile read -r line; do :; done\n",
    "crashing": "#!/bin/sh\necho 'weir.yaml:3: no key lent' >&2\nexit 2\n",
    "hanging": "#!/usr/bin/python3\nimport signal, time\n"
               "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)\n",
    "recording": "#!/usr/bin/python3\nimport os, signal, sys\n"
                 "record = open(os.environ['TMPDIR'] + '/reloads', 'a', buffering=1)\n"
                 "signal.signal(signal.SIGHUP, lambda *_: record.write('reload\\n'))\n"
                 "record.write(' '.join(os.listdir('/proc/self/fd')) + '\\n')\n"
                 "while sys.stdin.read(1): pass\n",
}


@pytest.fixture
def weir(build_dir):
    """A factory: weir("crashing") is a folder with bin/ and lib/ of this build's scheduler plugin
    and that controller; None stands for the build's own."""
    folders = []

    def make(controller=None):
        folder = Path(tempfile.mkdtemp(prefix="weir-sched-test-", dir="/tmp"))
        folders.append(folder)
        folder.chmod(0o755)
        for name in ("bin", "lib"):
            (folder / name).mkdir(mode=0o755)
        shutil.copy(f"{build_dir}/lib/sched_weir.so", folder / "lib")
        binary, real = folder / "bin/weirctld", Path(build_dir, "bin/weirctld")
        if controller is None and real.exists():
            shutil.copy(real, binary)
        elif controller != "missing":
            binary.write_text(STAND_INS.get(controller, STAND_INS["serving"]), encoding="utf-8")
            binary.chmod(0o644 if controller == "not executable" else 0o755)
        return folder

    yield make
    for folder in folders:
        shutil.rmtree(folder)


def up(lab, folder, **options):
    return lab(nodes=2, gpus=0, weir=str(folder), policy=POLICY, **options)


def one_controller(cluster):
    """Waits until exactly one weirctld lives, slurmctld's child, and no dead one; returns its pid."""
    def family():
        found = cluster.namespace.processes()
        parents = {p["pid"] for p in found if p["name"] == "slurmctld"}
        return [(p["pid"], p["state"] != "Z" and p["parent"] in parents)
                for p in found if p["name"] == "weirctld"]

    return cluster.wait(family, 20, "exactly one weirctld",
                        until=lambda seen: len(seen) == 1 and seen[0][1])[0][0]


def no_controller(cluster, seconds):
    cluster.wait(lambda: cluster.pids("weirctld"), seconds, "no weirctld, dead or alive",
                 until=lambda pids: not pids)


def assert_backfills(cluster):
    """A short job runs to its end ahead of one that waits for more nodes than are free."""
    common = ["--exclusive", "--partition=inference"]
    long = cluster.sbatch([*common, "-N1", "-t10"], script="sleep 600")
    cluster.wait_state(long, "RUNNING")
    big = cluster.sbatch([*common, "-N2", "-t10"], script="sleep 600")
    cluster.wait(lambda: cluster.job(big)["Reason"], 20, "the big job to wait for nodes",
                 until=lambda reason: reason in ("Resources", "Priority"))
    short = cluster.sbatch([*common, "-N1", "-t1"], script="true")
    cluster.wait_state(short, "COMPLETED")
    assert cluster.job(big)["JobState"] == "PENDING"
    statistics = cluster.run("sdiag").stdout
    assert re.search(r"Total backfilled jobs \(since last slurm start\): [1-9]", statistics)
    cluster.run(["scancel", str(long), str(big)])


class Census:
    """The most weirctlds alive at once while the block runs; kept by a thread."""

    def __init__(self, cluster):
        self.cluster, self.most, self.looks, self._done = cluster, 0, 0, threading.Event()
        self._thread = threading.Thread(target=self._count)

    def _count(self):
        while not self._done.wait(0.01):
            self.most = max(self.most, len(self.cluster.pids("weirctld", zombies=False)))
            self.looks += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


@pytest.mark.parametrize("scheduler", ["backfill", "weir"])
def test_backfill_works_in_both_installations(lab, weir, scheduler):
    cluster = up(lab, weir(), scheduler=scheduler)
    assert f"SchedulerType           = sched/{scheduler}\n" in cluster.run("scontrol show config").stdout
    one_controller(cluster)
    assert_backfills(cluster)


@pytest.mark.parametrize("scheduler", ["backfill", "weir"])
def test_installed_under_both_names_it_loads_once(lab, weir, scheduler):
    folder = weir()
    cluster = up(lab, folder, scheduler=scheduler)
    cluster.stop("slurmctld")
    for name in ("sched_backfill.so", "sched_weir.so"):
        shutil.copy(folder / "lib/sched_weir.so", cluster.path(f"plugins/{name}"))
    with Census(cluster) as census:
        cluster.start("slurmctld")
        one_controller(cluster)
        assert_backfills(cluster)
    assert census.most == 1


def test_heterogeneous_jobs_work_in_the_default_installation(lab, weir):
    cluster = up(lab, weir())
    job = cluster.sbatch("-pinference -n1 : -pinference -n2", script="srun --het-group=0,1 true")
    assert cluster.wait_state(job, "COMPLETED")["ExitCode"] == "0:0"
    assert cluster.wait_state(job + 1, "COMPLETED")["HetJobId"] == str(job)


def test_a_killed_weirctld_is_back_within_five_seconds(lab, weir):
    cluster = up(lab, weir())
    for _ in range(2):
        killed = one_controller(cluster)
        cluster.kill("weirctld", signal.SIGKILL)
        cluster.wait(lambda: set(cluster.pids("weirctld")), 5, "another weirctld",
                     until=lambda pids: pids and killed not in pids)
        assert f"weirctld (pid {killed}) ended" in cluster.log("slurmctld")
    one_controller(cluster)


def test_after_five_fast_deaths_the_intervals_grow_and_the_log_says_why(lab, weir):
    cluster = up(lab, weir("crashing"))

    def deaths():
        return re.findall(r"\[(\S+)\] error: weir: weirctld \(pid \d+\) ended after \d s with exit status 2, "
                          r'saying "weir.yaml:3: no key lent ?"; next start in (\d+) s',
                          cluster.log("slurmctld"))

    seen = cluster.wait(deaths, 60, "six deaths in slurmctld's log", until=lambda d: len(d) >= 6)
    assert [int(delay) for _, delay in seen[:6]] == [1, 1, 2, 4, 8, 16]
    at = [time.mktime(time.strptime(when[:19], "%Y-%m-%dT%H:%M:%S")) for when, _ in seen[:6]]
    gaps = [after - before for before, after in zip(at, at[1:])]
    assert all(abs(gap - delay) <= 2 for gap, delay in zip(gaps, [1, 1, 2, 4, 8])), gaps


@pytest.mark.parametrize("controller", [None, "hanging"])
def test_a_killed_slurmctld_takes_weirctld_with_it(lab, weir, controller):
    cluster = up(lab, weir(controller))
    one_controller(cluster)
    cluster.kill("slurmctld", signal.SIGKILL)
    no_controller(cluster, 5)


def test_reconfigure_restart_and_shutdown_leave_one_or_none(lab, weir):
    cluster = up(lab, weir())
    first = one_controller(cluster)
    with Census(cluster) as census:
        for _ in range(3):
            cluster.run("scontrol reconfigure")
            one_controller(cluster)
        for _ in range(2):
            cluster.stop("slurmctld")
            no_controller(cluster, 5)
            cluster.start("slurmctld")
            assert one_controller(cluster) != first
            cluster.wait(lambda: "is UP" in cluster.run("scontrol ping", check=False).stdout, 30,
                         "slurmctld to answer")
        cluster.run("scontrol shutdown slurmctld")
        cluster.wait(lambda: not cluster.pids("slurmctld", zombies=False), 20, "slurmctld to end")
        no_controller(cluster, 5)
    assert census.most == 1 and census.looks > 100


def test_a_reconfiguration_reaches_weirctld_which_inherits_nothing_else(lab, weir):
    cluster = up(lab, weir("recording"))
    one_controller(cluster)
    started = cluster.wait(lambda: cluster.read("tmp/reloads").splitlines(), 10, "its start")
    assert set(started[0].split()) <= {"0", "1", "2", "3", "4"}  # 3 and 4 are its own
    before = len(started)
    cluster.run("scontrol reconfigure")
    cluster.wait(lambda: cluster.read("tmp/reloads").splitlines()[before:], 10, "a SIGHUP",
                 until=lambda lines: "reload" in lines)


def test_a_weirctld_that_hangs_delays_the_shutdown_by_seconds_only(lab, weir):
    cluster = up(lab, weir("hanging"))
    one_controller(cluster)
    cluster.stop("slurmctld", timeout=10)
    no_controller(cluster, 5)


@pytest.mark.parametrize("controller, reason", [
    ("missing", "No such file or directory"), ("not executable", "Permission denied"),
    ("crashing", "no key lent"), ("hanging", None)])
def test_slurmctld_backfills_whatever_becomes_of_weirctld(lab, weir, controller, reason):
    cluster = up(lab, weir(controller))
    assert_backfills(cluster)
    said = re.findall(r"error: weir: .*", cluster.log("slurmctld"))
    assert 1 <= len(said) <= 6 and all(reason in line for line in said) if reason else said == []


def test_a_plugin_of_another_slurm_version_falls_through_to_the_stock_one(lab, weir):
    folder = weir()
    plugin = folder / "lib/sched_weir.so"
    version = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout
    major, minor, micro = (int(part) for part in re.search(r"(\d+)\.(\d+)\.(\d+)", version).groups())
    number = (major << 16) + (minor << 8) + micro
    ours, other = struct.pack("<I", number), struct.pack("<I", number + 1)
    data = plugin.read_bytes()
    assert ours in data
    plugin.write_bytes(data.replace(ours, other))
    cluster = up(lab, folder)
    assert_backfills(cluster)
    log = cluster.log("slurmctld")
    assert re.search(r"plugins/sched_backfill.so.*version", log), "not even tried"
    assert "weir: started" not in log and not cluster.pids("weirctld")


def test_without_a_backfill_to_forward_to_slurmctld_says_so(lab, weir):
    cluster = up(lab, weir(), scheduler="weir")
    cluster.stop("slurmctld")
    os.mkdir(cluster.path("others"), 0o755)
    text = cluster.read("etc/slurm.conf")
    stock = re.search(r"^PluginDir=[^:]*:(.*)$", text, re.MULTILINE).group(1)
    for name in os.listdir(stock):
        if name != "sched_backfill.so":
            os.symlink(f"{stock}/{name}", cluster.path(f"others/{name}"))
    cluster.write("etc/slurm.conf", text.replace(f":{stock}", f":{cluster.directory}/others"))
    cluster.start("slurmctld")
    cluster.wait(lambda: cluster.log("slurmctld"), 20, "the reason in slurmctld's log", until=lambda log:
                 "error: weir: no sched_backfill.so of this Slurm version in PluginDir=" in log)
    cluster.wait(lambda: not cluster.pids("slurmctld", zombies=False), 20, "slurmctld to give up")


def test_it_exports_what_slurm_asks_for_and_nothing_else(build_dir):
    symbols = subprocess.run(["nm", "-D", "--defined-only", "--format=just-symbols",
                              f"{build_dir}/lib/sched_weir.so"],
                             capture_output=True, text=True, check=True).stdout.split()
    assert set(symbols) == EXPORTS

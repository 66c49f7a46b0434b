# SPDX-License-Identifier: GPL-2.0-or-later
"""Many mirrored jobs at once through one gateway: what it takes, and whether each ran once and ended as it should."""

import collections
import os
import threading
import time

import place

_TICKS = os.sysconf("SC_CLK_TCK")
_ENDS = 3  # task N exits with N modulo this


def measure(home, count, seconds):
    script = place.stamped("crowd.$SLURM_ARRAY_TASK_ID", seconds,
                           f"exit $((SLURM_ARRAY_TASK_ID % {_ENDS}))")
    gateway, = home.pids("weir-gateway", zombies=False)
    job = place.held(home, "--ntasks=1", f"--array=1-{count}", "--output=/dev/null", script=script)
    place.nominate(home, job)
    cpu, asked, before = _cpu(home, gateway), time.monotonic(), place.requests(home)
    watch = _Watch(home, gateway)
    home.run(["scontrol", "release", str(job)], user="slurm")
    home.wait(lambda: _stamps(home, "begin"), 1200, "all to have begun", step=0.5, until=lambda seen: seen == count)
    begun = time.monotonic() - asked
    watch.look()
    relays = _relay_memory(home)
    home.wait(lambda: _stamps(home, "end"), 1200, "all to have ended", step=0.5, until=lambda seen: seen == count)
    ended, at_end = time.monotonic() - asked, place.requests(home)
    ends = home.wait(lambda: _ends(home, job), 1200, "all ends to be known", step=1,
                     until=lambda seen: len(seen) == count)
    known = time.monotonic() - asked
    watch.end()
    copies = _copies(home, job)
    wrong = [f"task {task}" for task in range(1, count + 1) if ends.get(task) != _expected(task)]
    wrong += [f"job {number} with {times} copies" for number, times in copies.items() if times != 1]
    return {"jobs": count, "seconds": seconds, "begun_after": begun, "ended_after": ended, "known_after": known,
            "gateway_cpu_seconds": _cpu(home, gateway) - cpu, "gateway_peak_mib": watch.peak / 1024,
            "relay_mib": relays, "requests_per_job": (at_end - before) / count,
            "copies": sum(copies.values()), "wrong": wrong}


class _Watch:
    """The gateway's largest memory in KiB."""

    def __init__(self, home, pid):
        self._home, self._pid, self.peak = home, pid, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self):
        for line in self._home.read(f"/proc/{self._pid}/status").splitlines():
            if line.startswith("VmRSS"):
                self.peak = max(self.peak, int(line.split()[1]))

    def _run(self):
        while not self._stop.wait(0.5):
            self.look()

    def end(self):
        self._stop.set()
        self._thread.join()


def _cpu(home, pid):
    fields = home.read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _relay_memory(home):
    """MiB of a relay that is its alone, on average."""
    own = []
    for pid in home.pids("weir-relay", zombies=False):
        try:
            lines = home.read(f"/proc/{pid}/smaps_rollup").splitlines()
        except OSError:
            continue
        own.append(sum(int(line.split()[1]) for line in lines if line.startswith(("Private_", "Pss_Anon"))
                       and not line.startswith("Pss")))
    return sum(own) / max(len(own), 1) / 1024


def _stamps(home, which):
    names = os.listdir(home.sites["west"].path(place.STAMPS))
    return sum(1 for name in names if name.startswith("crowd.") and name.endswith("." + which))


def _expected(task):
    code = task % _ENDS
    return ("FAILED" if code else "COMPLETED", f"{code}:0")


def _ends(home, job):
    """{task: (state, exit code)} of those that are over at home."""
    lines = home.run(["sacct", "-X", "-n", "-P", "-j", str(job), "-o", "jobid,state,exitcode"]).stdout.splitlines()
    found = {}
    for name, state, code in (line.split("|") for line in lines):
        task = name.rpartition("_")[2]
        if task.isdigit() and state in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"):
            found[int(task)] = (state, code)
    return found


def _copies(home, job):
    """{job id of a task: how many copies of it the site has had}"""
    ids = home.run(["sacct", "-X", "-n", "-P", "-j", str(job), "-o", "jobidraw"]).stdout.split()
    names = home.sites["west"].run(["sacct", "-a", "-X", "-n", "-P", "-o", "jobname"]).stdout.split()
    had = collections.Counter(name.split(".")[2] for name in names if name.startswith("weir."))
    return {number: had[number] for number in ids}


def text(found):
    return (f"{found['jobs']} jobs of {found['seconds']} s through one gateway: all begun after "
            f"{found['begun_after']:.0f} s, ended after {found['ended_after']:.0f} s, "
            f"known after {found['known_after']:.0f} s\n"
            f"gateway: {found['gateway_cpu_seconds']:.1f} s of CPU, {found['gateway_peak_mib']:.0f} MiB at most; "
            f"a relay {found['relay_mib']:.1f} MiB of its own\n"
            f"requests to the site: {found['requests_per_job']:.1f} a job\n"
            f"{found['copies']} copies, {len(found['wrong'])} jobs lost, twice or with another end")

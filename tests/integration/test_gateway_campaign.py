# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of two users while gateway, gateway nodes, site and link die and come back at random; then it is quiet, and
all is counted."""

import random
import time

import pytest

from flight import COUNTS, back_up, kill, of_job, restart, runs, stages
from mirroring import INSTALLATION, output, own, send
from overflowing import overflowing

JOBS, SECONDS, SEED = 30, 40, 4711
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", "TIMEOUT", "OUT_OF_MEMORY"}


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return overflowing(module_lab, build_dir, wait="10m")


class Faults:
    """Each comes and goes."""

    def __init__(self, home, west, dice):
        self.home, self.west, self.dice, self.jobs = home, west, dice, []
        self.nodes = list(home.facts["gateways"])

    def gateway(self):
        restart(self.home, "weir-gateway")

    def gateway_daemon(self):
        restart(self.home, f"slurmd@{self.dice.choice(self.nodes)}")

    def gateway_node(self):
        """With all that runs there; its jobs are requeued."""
        node = self.dice.choice(self.nodes)
        self.home.kill(f"slurmd@{node}")
        for job in self.home.run(["squeue", "-h", "-o", "%A", "-w", node]).stdout.split():
            kill(self.home, of_job(self.home, "slurmstepd", job) + of_job(self.home, "weir-relay", job))
        self.home.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], user="slurm")
        self.home.start(f"slurmd@{node}")
        self.home.run(["scontrol", "update", f"nodename={node}", "state=resume"], user="slurm", check=False)
        back_up(self.home, [node])

    def site_controller(self):
        """Saves first: what a site's Slurm forgets, it runs again itself."""
        self.west.stop("slurmctld")
        self.west.start("slurmctld")

    def site_rest(self):
        restart(self.west, "slurmrestd")

    def link(self):
        self.west.link(False)
        time.sleep(self.dice.uniform(0.2, 4))
        self.west.link(True)

    def one(self):
        self.dice.choice([self.gateway, self.gateway, self.gateway_daemon, self.gateway_node, self.site_controller,
                          self.site_rest, self.link])()


def accounts(lab):
    """sacct's lines of whole jobs, each a list."""
    lines = lab.run(["sacct", "-a", "-X", "-n", "-P", "-o", "jobid,jobname,state,exitcode,start"]).stdout
    return [line.split("|") for line in lines.splitlines()]


def at_site(west, jobs):
    """{job: how its copies ended}, of those that began at all."""
    ends = {job: [] for job in jobs}
    for _, name, state, code, start in accounts(west):
        _, installation, job, _ = name.split(".") if name.startswith("weir.") else ("", "", "0", "")
        if installation == INSTALLATION and int(job) in ends and start not in ("None", "Unknown"):
            ends[int(job)].append([state.split()[0], code])
    return ends


def test_none_of_many_jobs_is_lost_or_runs_twice_whatever_dies(home, tell):
    west, dice = home.sites["west"], random.Random(SEED)
    faults, jobs, codes = Faults(home, west, dice), {}, {}
    began = time.monotonic()
    while len(jobs) < JOBS or time.monotonic() - began < SECONDS:
        if len(jobs) < JOBS and time.monotonic() - began >= len(jobs) * SECONDS / JOBS / 2:
            user, code = dice.choice(("alice", "bob")), dice.choice((0, 3, 7))
            script = COUNTS + f"for i in $(seq 20); do echo $i; sleep {dice.uniform(0, 0.4):.2f}; done; exit {code}"
            job = send(home, "--requeue", script=script, user=user)
            jobs[job], codes[job] = user, code
        elif dice.random() < 0.5:
            faults.one()
        else:
            time.sleep(dice.uniform(0, 0.5))
    for job, reason in (line.split(None, 1) for line in
                        home.run(["squeue", "-h", "-t", "PENDING", "-o", "%A %r"]).stdout.splitlines()):
        # One whose node died before its relay had come to the gateway waits two minutes, as Slurm has it; one whose
        # node died while Slurm launched it may be held, and its node drained, as after any failed launch.
        if "held" in reason:
            home.run(["scontrol", "release", job], user="slurm", check=False)
        home.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"], user="slurm", check=False)
    for node in faults.nodes:
        home.run(["scontrol", "update", f"nodename={node}", "state=resume"], user="slurm", check=False)
    for job in jobs:
        home.wait_state(job, ENDED, 150)
    home.wait(lambda: stages(home), 90, "the gateway to be done", until=lambda seen: not seen)
    wanted = {job: ["COMPLETED" if code == 0 else "FAILED", f"{code}:0"] for job, code in codes.items()}
    home.wait(lambda: {int(line[0]): line[2:4] for line in accounts(home) if int(line[0]) in jobs}, 60,
              "home's accounting to have all", until=lambda seen: seen == wanted)
    west.wait(lambda: at_site(west, jobs), 60, "the site's accounting to have each once",
              until=lambda seen: seen == {job: [end] for job, end in wanted.items()})
    assert {job: runs(west, job, user) for job, user in jobs.items()} == dict.fromkeys(jobs, 1)
    for job, user in jobs.items():
        assert own(output(home, job, user)) == [str(number) for number in range(1, 21)], job
    requeued = sum(int(home.job(job)["Restarts"]) for job in jobs)
    tell(f"campaign: {JOBS} jobs, {requeued} requeues, all ended {time.monotonic() - began:.0f} s after the first")

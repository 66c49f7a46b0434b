# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab that lends: one node of its own for inference, some of training's that may be lent."""

import contextlib
import json
import os
import tempfile
import time
from datetime import datetime

from weirlab import Lab, LabError

RESERVATION = "weir_inference"
NOTICE = 2
POLICY = """\
mode: {mode}
cycle: 1s
lend:
  - name: inference
    from: train
    to: inference
    keep_idle: 0
    min_loan: 2s
    idle_return: {idle_return}
    reclaim: {{after: 2s, notice: {notice}s, then: requeue}}
    backoff: {{first: 1s, max: 2s}}
"""
# Tells when it was told to leave, which the end of a job does too, and runs on until it is killed.
SERVING = """\
#SBATCH --signal=B:TERM@1
trap 'date +%s.%N >> told-$SLURM_JOB_ID' TERM
while :; do sleep 0.1; done
"""


def policy(mode="act", idle_return="4s"):
    return POLICY.format(mode=mode, idle_return=idle_return, notice=NOTICE)


def layout(training=4):
    train = f"t[1-{training}]"
    return {"nodes": [{"names": "i1", "gpus": "h100:8"}, {"names": train, "gpus": "h100:8"}],
            "partitions": [{"name": "train", "nodes": train, "default": True},
                           {"name": "inference", "nodes": f"i1,{train}"}],
            "slurm_conf": ["AuthInfo=cred_expire=5"]}  # how long a requeued job waits


@contextlib.contextmanager
def lending(build_dir, training=4, **options):
    """A lab with all of Weir that has made its reservation, as a Lending."""
    directory = tempfile.mkdtemp(prefix="weir-lending-", dir="/tmp")
    options = {"layout": layout(training), "weir": build_dir, "policy": policy()} | options
    with Lab.up(directory, **options) as cluster:
        here = Lending(cluster)
        if options.get("scheduler") == "stock":
            cluster.start("weirctld")
            here.named = [f"--reservation={RESERVATION}"]  # as job_submit_weir would
        cluster.wait(here.held, 20, "Weir to make its reservation")
        yield here


class Lending:
    """What the tests do and ask in such a lab."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.wait, self.run = cluster.wait, cluster.run
        self.jobs = []  # of which none may be lost
        self.named = []  # what a borrower's sbatch says besides

    # Weir

    def weir(self, verb):
        """What `weir VERB --json` says; None while no weirctld answers or it has not looked yet."""
        result = self.run(["weir", *verb.split(), "--json"], check=False)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return None

    def status(self, timeout=15):
        return self.wait(lambda: self.weir("status"), timeout, "weir status to answer",
                         until=lambda seen: seen and seen.get("cycle", {}).get("number"))

    def cycles(self, count, timeout=15):
        """Waits until as many cycles have begun and been acted upon."""
        last = self.status()["cycle"]["number"] + count + 1
        self.wait(lambda: self.status()["cycle"]["number"], timeout, f"{count} cycles",
                  until=lambda number: number >= last)

    def loans(self):
        """{node: loan}, those on their way home included."""
        return {loan["node"]: loan for loan in (self.weir("loans") or {}).get("loans", [])}

    def lent(self):
        return {node for node, loan in self.loans().items() if loan["state"] != "vacating"}

    def held(self):
        return self.cluster.reservation_nodes(RESERVATION)

    def explained(self, cycles=2):
        """Asserts that within two cycles the reservation holds the own node and the loans."""
        first = self.status()["cycle"]["number"]
        while True:
            before = self.status()["cycle"]["number"]
            lent, held = self.lent(), self.held()
            number = self.status()["cycle"]["number"]
            if number == before and held == {"i1"} | lent:
                return
            assert number <= first + cycles, \
                f"{number - first} cycles later {held} is reserved and {lent} is lent"
            time.sleep(0.05)

    def journal(self, **fields):
        """The journal's lines that have these fields."""
        try:
            text = self.cluster.read("state/slurmctld/weir/journal.jsonl")
        except FileNotFoundError:
            return []
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if all(line.get(k) == v for k, v in fields.items())]

    def reload(self, text):
        """Puts another weir.yaml in force, and waits until weirctld says that it tried."""
        before = len(self.journal(event="reload"))
        self.cluster.write("etc/weir.yaml", text)
        self.run("scontrol reconfigure")
        return self.wait(lambda: self.journal(event="reload")[before:], 15,
                         "weirctld to read weir.yaml anew")[-1]

    def pid(self, other_than=(), timeout=20):
        """The pid of the weirctld that lives."""
        return self.wait(lambda: set(self.cluster.pids("weirctld", zombies=False)) - set(other_than),
                         timeout, "a weirctld", until=lambda pids: len(pids) == 1).pop()

    # Jobs

    def serve(self, *args, script=SERVING):
        """A borrower's job of a whole node's GPUs."""
        job = self.cluster.sbatch(["--gpus=8", "-t60", "--requeue", "--output=/dev/null", *self.named, *args],
                                  script=script, user="serve", partition="inference")
        self.jobs.append(job)
        return job

    def train(self, *args, script="exec sleep 600", partition="train"):
        """An owner's job of a whole node's GPUs."""
        job = self.cluster.sbatch(["--gpus=8", "-t60", "--output=/dev/null", *args], script=script,
                                  user="alice", partition=partition)
        self.jobs.append(job)
        return job

    def fill_own(self):
        """Occupies i1, so that what comes next needs a loan."""
        job = self.serve("-wi1", script="exec sleep 600")
        self.running(job)
        return job

    def running(self, job, timeout=40):
        """Waits until the job runs; returns its node."""
        self.cluster.wait_state(job, "RUNNING", timeout)
        return self.cluster.job(job)["NodeList"]

    def borrow(self):
        """A borrower's job that runs on a lent node; returns it and the node, in all steps taken."""
        job = self.serve()
        node = self.running(job)
        self.wait(self.lent, 10, f"the loan of {node}", until=lambda lent: node in lent)
        return job, node

    def untouched(self, *jobs):
        """Asserts that jobs run as they began."""
        for number in jobs:
            job = self.cluster.job(number)
            assert (job["JobState"], job["Restarts"]) == ("RUNNING", "0"), job

    def none_lost(self):
        """Asserts that Slurm knows every job and that none ended but by its own doing."""
        known = self.cluster.jobs()
        for number in self.jobs:
            assert number in known, f"job {number} is lost"
            assert known[number]["JobState"] in \
                ("PENDING", "RUNNING", "COMPLETING", "COMPLETED", "REQUEUED"), known[number]

    def ended_with_notice(self, job):
        """Asserts that a requeued SERVING job was told first and ended no sooner than promised;
        times in the ledger are whole seconds."""
        told = [float(at) for at in self.cluster.read(f"home/serve/told-{job}").split()]
        if self.named:  # without job_submit_weir nobody noted its --signal: it got the time alone
            given = self.journal(kind="notify_job", job=job)
            assert given, f"job {job} got no notice"
            told.insert(0, datetime.fromisoformat(given[0]["at"].replace("Z", "+00:00")).timestamp())
        assert len(told) >= 2 and told[-1] - told[0] > NOTICE - 1, f"job {job} was told at {told}"

    def cancel(self, *jobs):
        if jobs:
            self.run(["scancel", *map(str, jobs)])
        self.jobs = [job for job in self.jobs if job not in jobs]

    def clean(self):
        """No job, no loan, every node up: as it began."""
        self.cancel(*self.jobs)
        for node in self.cluster.facts["nodes"]:
            if any(word in self.cluster.node(node)["State"] for word in ("DOWN", "DRAIN")):
                self.run(["scontrol", "update", f"nodename={node}", "state=resume"])
        for name in self.cluster.resvs():
            if name != RESERVATION:
                self.run(["scontrol", "delete", f"reservationname={name}"])
        if self.cluster.read("etc/weir.yaml") != policy():
            self.reload(policy())
        self.wait(lambda: (self.held(), set(self.loans())), 30, "every loan to be home",
                  until=lambda seen: seen == ({"i1"}, set()))


def saved(here, job):
    """Waits until slurmctld has saved that the job runs: what a SIGKILL sooner would lose."""
    def state_is_newer():
        record = here.cluster.job(job)
        start = time.mktime(time.strptime(record["StartTime"], "%Y-%m-%dT%H:%M:%S"))
        try:
            return os.stat(here.cluster.path("state/slurmctld/job_state")).st_mtime > start + 1
        except FileNotFoundError:  # nothing saved yet, or just being replaced
            return False
    here.wait(state_is_newer, 30, f"the running job {job} to be in slurmctld's saved state", step=0.3)


__all__ = ["Lending", "LabError", "NOTICE", "POLICY", "RESERVATION", "lending", "policy", "saved"]

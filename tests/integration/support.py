# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole of Weir on a real Slurm, and the words that tests are told in."""

import contextlib
import json
import math
import os
import signal
from datetime import datetime

from weirlab import expand

RESERVATION = "weir_inference"
STATE = "state/slurmctld/weir"  # of weirctld, in a lab
NODE = "-N1 --gpus-per-node=8"  # all GPUs of a node
NOTICE = 2
RULE = {
    "name": "inference", "from": "train", "to": "inference", "keep_idle": 0, "min_loan": "2s",
    "idle_return": "4s", "reclaim": f"{{after: 2s, notice: {NOTICE}s, then: requeue}}",
    "backoff": "{first: 0s, max: 0s}",
}
QUIET = {"idle_return": "0s", "min_loan": "0s"}
# A script that notes when it is told to leave, which the end of a job does too, and runs on until it is killed.
NOTES_NOTICE = "#SBATCH --signal=B:TERM@1\ntrap 'date +%s.%N >> told.$SLURM_JOB_ID' TERM\n"
KEEPS_RUNNING = NOTES_NOTICE + "while :; do sleep 0.1; done"
LOST = {"CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"}


def policy(*rules, mode="act"):
    """weir.yaml with a cycle of a second; each rule is RULE with changes."""
    text = f"mode: {mode}\ncycle: 1s\nlend:\n"
    for changes in rules or ({},):
        keys = {key: value for key, value in (RULE | changes).items() if value is not None}
        text += "  - " + "\n    ".join(f"{key}: {value}" for key, value in keys.items()) + "\n"
    return text


def layout(serving, training, *slurm_conf):
    """Nodes i… of inference's own, and nodes t… of training's that may be lent; all of eight H100."""
    return {"nodes": [{"names": f"{serving},{training}", "gpus": "h100:8"}],
            "partitions": [{"name": "train", "nodes": training, "default": True},
                           {"name": "inference", "nodes": f"{serving},{training}"}],
            "slurm_conf": list(slurm_conf)}


class Weir:
    """A lab with all of Weir in it. Whatever waits here has a deadline and says for what it waited."""

    def __init__(self, lab):
        self.lab, self.wait, self.run = lab, lab.wait, lab.run
        self.jobs = []  # of which none may be lost
        self.reservation_option = ""  # what job_submit_weir would add, where there is none

    # What is set

    def reset(self, *rules):
        """No jobs, no loans, every node up, nothing held home and nothing paused; then these rules."""
        self.status(40)
        self.run("weir resume && weir resume")  # the first may only end a pause
        assert not self.apply(policy(QUIET))
        self.cancel_all()
        for name, node in self.lab.nodes().items():
            if any(word in node["State"] for word in ("DOWN", "DRAIN")):
                self.run(["scontrol", "update", f"nodename={name}", "state=resume"])
        for name in self.lab.resvs():
            if not name.startswith("weir_"):
                self.run(["scontrol", "delete", f"reservationname={name}"])
        self.wait(lambda: [self.loans(), *self.lent()], 30, "every loan to be home", until=lambda seen: seen == [{}])
        assert not self.apply(policy(*rules))
        wanted = {f"weir_{(RULE | rule)['name']}" for rule in rules or ({},)}
        self.wait(lambda: wanted - set(self.lab.resvs()), 15, "the rules' reservations",
                  until=lambda missing: not missing)
        self.cycles(1)  # job_submit_weir knows them too

    def apply(self, text, tell=None):
        """Has weirctld read this weir.yaml, by SIGHUP or as `tell` does; returns what it had to say of it."""
        before = self.mark()
        self.lab.write("etc/weir.yaml", text, owner="slurm")
        if tell:
            tell()
        else:
            self.lab.kill("weirctld", signal.SIGHUP)
        seen = self.wait(lambda: self.journal(before, event="reload"), 15, "weirctld to read its policy anew")
        return seen[0]["text"]

    # What users do

    def serve(self, args="", script="sleep 600", **options):
        """A job of the borrower; a whole node's unless `args` say otherwise."""
        return self._submit(f"{self.reservation_option} {args}", script=script,
                            **{"user": "serve", "partition": "inference"} | options)

    def train(self, args="", script="sleep 600", **options):
        """A job of the owner; a whole node's unless `args` say otherwise."""
        return self._submit(args, script=script, **{"user": "alice", "partition": "train"} | options)

    def _submit(self, args, **options):
        self.jobs.append(self.lab.sbatch(f"{NODE} {args}", **options))
        return self.jobs[-1]

    def fill_own(self):
        """Occupies i1, so that what comes next needs a loan."""
        job = self.serve("-wi1")
        self.running(job)
        return job

    def borrow(self, **options):
        """A borrower's job that runs on a lent node; returns it and the node, once the loan is told of."""
        job = self.serve(**options)
        node = self.running(job).pop()
        self.wait(self.on_loan, 10, f"the loan of {node}", until=lambda nodes: node in nodes)
        return job, node

    def cancel(self, *jobs):
        if jobs:
            self.run(["scancel", *map(str, jobs)])
        self.jobs = [job for job in self.jobs if job not in jobs]

    def cancel_all(self):
        self.jobs = []
        for how in ("--signal=KILL --full", ""):  # the first for those that would wait for it, the second for all
            self.run(f"squeue -h -o %A | sort -u | xargs -r scancel {how}", check=False)
        self.wait(lambda: self.run("squeue -h").stdout, 40, "all jobs to be gone", until=lambda text: not text)

    def requeued(self, *jobs, timeout=30, more_than=0):
        """Waits until all were requeued more often than that, and takes off the two minutes that Slurm has such jobs wait, but for two
        seconds: slurmd ends a job that comes back in the second in which it was killed ("Job credential revoked")."""
        for job in jobs:
            self.wait(lambda job=job: self.lab.job(job), timeout, f"job {job} to be requeued",
                      until=lambda seen: int(seen["Restarts"]) > more_than and seen["JobState"] != "COMPLETING")
            self.run(f"scontrol update jobid={job} starttime=now+2")

    def resumed(self, *jobs, timeout=60):
        """Waits until all run, also those that were requeued."""
        for job in jobs:
            seen = self.wait(lambda job=job: self.lab.job(job), timeout, f"job {job} to be done with its end",
                             until=lambda seen: seen["JobState"] != "COMPLETING")
            if seen["JobState"] == "PENDING" and seen["Restarts"] != "0":
                self.requeued(job)
        return self.running(*jobs, timeout=timeout)

    # What is seen of jobs

    def running(self, *jobs, timeout=40):
        """Waits until all run; returns the set of their nodes."""
        nodes = set()
        for job in jobs:
            nodes |= set(expand(self.lab.wait_state(job, "RUNNING", timeout)["NodeList"]))
        return nodes

    def state(self, job):
        return self.lab.job(job)["JobState"]

    def restarts(self, job):
        return int(self.lab.job(job)["Restarts"])

    def told(self, job):
        """When a script that NOTES_NOTICE was told to leave, in seconds since 1970."""
        return [float(at) for at in self.lab.read(f"home/serve/told.{job}").split()]

    def untouched(self, *jobs):
        """Asserts that jobs run as they began."""
        for number in jobs:
            job = self.lab.job(number)
            assert (job["JobState"], job["Restarts"]) == ("RUNNING", "0"), job

    def none_lost(self):
        """Asserts that Slurm knows every job and that none ended but by its own doing."""
        known = self.lab.jobs()
        for number in self.jobs:
            assert number in known, f"job {number} is lost"
            assert known[number]["JobState"] not in LOST, known[number]

    def ended_with_notice(self, job, notice=NOTICE):
        """Asserts that a requeued job that KEEPS_RUNNING was told first and ended no sooner than promised."""
        told = self.told(job)
        if self.reservation_option:  # without job_submit_weir nobody noted its --signal: it got the time alone
            given = self.steps("notify_job")
            told[:0] = [seconds(step["at"]) for step in given if step["job"] == job][:1]
        # Times in the ledger are whole seconds.
        assert len(told) >= 2 and told[-1] - told[0] > notice - 1, f"job {job} was told at {told}"

    # What is seen of loans

    def reserved(self, reservation=RESERVATION):
        """The reservation's nodes, as Slurm has them."""
        return self.lab.reservation_nodes(reservation)

    def lent(self, reservation=RESERVATION):
        """The owner's nodes among them."""
        return {node for node in self.reserved(reservation) if node.startswith("t")}

    def wait_lent(self, count, timeout=20, reservation=RESERVATION):
        return self.wait(lambda: self.lent(reservation), timeout, f"{count} nodes in {reservation}",
                         until=lambda nodes: len(nodes) == count)

    def loans(self):
        """{node: loan} as `weir loans` tells, those on their way home included."""
        return {loan["node"]: loan for loan in (self.ask("loans") or {}).get("loans", [])}

    def on_loan(self):
        return {node for node, loan in self.loans().items() if loan["state"] != "vacating"}

    def explained(self, cycles=2):
        """Asserts that within two cycles the reservation holds just inference's own nodes and the loans."""
        own = {node for node in self.lab.facts["nodes"] if node.startswith("i")}
        first = self.number()

        def look():
            before, loans, nodes = self.number(), self.on_loan(), self.reserved()
            in_one_cycle = self.number() == before  # else the two may be told of different ones
            assert nodes == own | loans or before <= first + cycles or not in_one_cycle, \
                f"{before - first} cycles later {nodes} is reserved and {loans} is lent"
            return in_one_cycle and nodes == own | loans

        self.wait(look, 60, "every reserved node to be explained")

    # What is seen of weirctld

    def ask(self, verb):
        """What `weir VERB --json` says; None while no weirctld answers."""
        result = self.run(f"weir {verb} --json", check=False)
        return json.loads(result.stdout) if result.stdout else None

    def status(self, timeout=20):
        """What `weir status` tells, once weirctld has looked at Slurm."""
        return self.wait(lambda: self.ask("status"), timeout, "weir status to answer",
                         until=lambda seen: seen and seen.get("cycle", {}).get("number"))

    def rule(self):
        """What it tells of the first rule."""
        return self.status()["rules"][0]

    def number(self):
        return self.status()["cycle"]["number"]

    def cycles(self, count, timeout=30):
        """Waits until so many cycles have begun and been acted upon."""
        last = self.number() + count + 1
        self.wait(self.number, timeout, f"{count} cycles", until=lambda number: number >= last)

    def pid(self, other_than=(), timeout=30):
        """The pid of the weirctld that lives, as the lab counts."""
        return self.wait(lambda: set(self.lab.pids("weirctld", zombies=False)) - set(other_than), timeout,
                         "a weirctld", until=lambda pids: len(pids) == 1).pop()

    def journal(self, since=0, **fields):
        """The journal's entries from that number on that have these fields."""
        try:
            lines = self.lab.read(f"{STATE}/journal.jsonl").splitlines()[since:]
        except FileNotFoundError:
            return []
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return [entry for entry in entries if all(entry.get(key) == value for key, value in fields.items())]

    def steps(self, kind, since=0):
        """The steps of a kind in the journal."""
        return self.journal(since, kind=kind)

    def mark(self):
        """How long the journal is."""
        return len(self.journal())


def answering(lab):
    """A Weir whose weirctld has looked at Slurm and acted: a job of before that starts as on stock Slurm."""
    weir = Weir(lab)
    weir.status(30)
    weir.cycles(1)
    return weir


def saved(weir, job):
    """Waits until slurmctld has saved that the job runs, or waits: what a SIGKILL sooner would lose."""
    marker = f"saved-{job}-{weir.state(job)}"
    weir.run(f"scontrol update jobid={job} comment={marker}")

    def written():
        with contextlib.suppress(FileNotFoundError):  # nothing saved yet, or just being replaced
            return marker in weir.lab.read("state/slurmctld/job_state")

    weir.wait(written, 30, f"job {job} to be in slurmctld's saved state")


def seconds(text):
    """A time of Slurm's (local) or of the journal (UTC) as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def quantile(values, share):
    """The nearest-rank quantile: the smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

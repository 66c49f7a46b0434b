# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole of Weir on a real Slurm, and the words that tests about lending are told in."""

import json
import math
import os
import shutil
import signal
import tempfile
from datetime import datetime

import pytest

from weirlab import Lab, LabError, expand

RESERVATION = "weir_inference"
QUIET = {"idle_return": "0s", "min_loan": "0s"}
NODE = "-N1 --gpus-per-node=8"  # asks for all GPUs of an H100 node
RULE = {
    "name": "inference", "from": "train", "to": "inference", "keep_idle": 0, "min_loan": "2s",
    "idle_return": "4s", "reclaim": "{after: 2s, notice: 2s, then: requeue}",
    "backoff": "{first: 0s, max: 0s}",
}


def policy(*rules, mode="act"):
    """weir.yaml with a cycle of a second; each rule is RULE with changes."""
    text = f"mode: {mode}\ncycle: 1s\n" + "lend:\n"
    for changes in rules or ({},):
        keys = {key: value for key, value in (RULE | changes).items() if value is not None}
        lines = [f"{key}: {value}" for key, value in keys.items()]
        text += "  - " + "\n    ".join(lines) + "\n"
    return text


class Weir:
    """A lab with all of Weir in it. Whatever waits here has a deadline and says for what it waited."""

    def __init__(self, lab):
        self.lab = lab

    # What is set

    def reset(self, *rules):
        """No jobs, no loans, nothing held home and nothing paused; then these rules."""
        self.cancel_all()
        self.lab.run("weir resume")
        self.apply(policy(QUIET))
        self.wait(lambda: self.loans(), 30, "all loans to be home", until=lambda loans: not loans)
        self.apply(policy(*rules))
        wanted = [f"weir_{(RULE | rule)['name']}" for rule in rules or ({},)]
        self.wait(lambda: set(wanted) - set(self.lab.resvs()), 15, "the rules' reservations",
                  until=lambda missing: not missing)
        self.cycles(1)  # job_submit_weir knows them too

    def apply(self, text):
        """Puts this weir.yaml in force."""
        before = len(self.events("reload"))
        self.lab.write("etc/weir.yaml", text, owner="slurm")
        self.lab.kill("weirctld", signal.SIGHUP)
        seen = self.wait(lambda: self.events("reload")[before:], 10, "weirctld to read its policy anew")
        assert not seen[0]["text"], seen[0]["text"]

    def cancel_all(self):
        self.lab.run("squeue -h -o %A | sort -u | xargs -r scancel", check=False)
        self.wait(lambda: self.lab.run("squeue -h").stdout, 40, "all jobs to be gone",
                  until=lambda text: not text)

    # What users do

    def serve(self, args=NODE, script="sleep 300", **options):
        """A job of the borrower."""
        return self.lab.sbatch(args, script=script, user="serve", partition="inference", **options)

    def train(self, args=NODE, script="sleep 300", user="alice"):
        """A job of the owner."""
        return self.lab.sbatch(args, script=script, user=user, partition="train")

    def cancel(self, *jobs):
        self.lab.run(["scancel", *map(str, jobs)])

    def requeued(self, *jobs, timeout=30):
        """Waits until all were requeued, and takes off the two minutes that Slurm has such jobs wait."""
        for job in jobs:
            self.wait(lambda job=job: self.lab.job(job), timeout, f"job {job} to be requeued",
                      until=lambda seen: int(seen["Restarts"]) > 0 and seen["JobState"] != "COMPLETING")
            self.lab.run(f"scontrol update jobid={job} starttime=now")

    # What is seen

    def wait(self, *args, **options):
        return self.lab.wait(*args, **options)

    def running(self, *jobs, timeout=20):
        """Waits until all run; returns the set of their nodes."""
        nodes = set()
        for job in jobs:
            nodes |= set(expand(self.lab.wait_state(job, "RUNNING", timeout)["NodeList"]))
        return nodes

    def reason(self, job):
        return (self.lab.job(job) or {}).get("Reason")

    def loans(self):
        """What `weir loans` tells, by node."""
        told = json.loads(self.lab.run("weir --json loans").stdout)
        return {loan["node"]: loan for loan in told["loans"]}

    def lent(self, reservation=RESERVATION):
        """The owner's nodes in the reservation, as Slurm has them."""
        return {node for node in self.lab.reservation_nodes(reservation) if node.startswith("t")}

    def wait_lent(self, count, timeout=15, reservation=RESERVATION):
        return self.wait(lambda: self.lent(reservation), timeout, f"{count} nodes in {reservation}",
                         until=lambda nodes: len(nodes) == count)

    def status(self):
        """What `weir status` tells of the first rule."""
        return json.loads(self.lab.run("weir --json status").stdout)["rules"][0]

    def cycles(self, count, timeout=20):
        """Waits until the controller has been through so many whole cycles more."""
        def number():
            return json.loads(self.lab.run("weir --json status").stdout)["cycle"]["number"]
        first = number()
        self.wait(number, timeout, f"{count} cycles", until=lambda now: now > first + count)

    def journal(self):
        try:
            lines = self.lab.read("state/slurmctld/weir/journal.jsonl").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def events(self, event):
        return [entry for entry in self.journal() if entry["event"] == event]

    def steps(self, kind, since=0):
        """The steps of a kind in the journal, from the entry with that number on."""
        return [entry for entry in self.journal()[since:] if entry.get("kind") == kind]

    def mark(self):
        """How long the journal is."""
        return len(self.journal())


def seconds(text):
    """A time of Slurm's (local) or of the journal (UTC) as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def quantile(values, share):
    """The nearest-rank quantile: the smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def up(build_dir, **options):
    """A lab with the whole of Weir; skips by name where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if not shutil.which("slurmctld", path="/usr/sbin:/usr/bin"):
        pytest.skip("a lab needs Slurm's daemons")
    directory = options.pop("directory", None) or tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    return Lab.up(directory, weir=build_dir, **options)


def answering(lab):
    """A Weir whose controller answers."""
    weir = Weir(lab)

    def asked():
        result = lab.run("weir --json status", check=False)
        return "yes" if result.returncode == 0 else result.stderr

    try:
        lab.wait(asked, 20, "weirctld to answer", until=lambda text: text == "yes")
    except LabError as error:
        raise LabError(f"{error}\n{lab.log('weirctld', 30)}\n{lab.log('slurmctld', 20)}") from error
    return weir


def print_logs(lab):
    for name, lines in (("weirctld", 60), ("slurmctld", 40)):
        print(f"--- {lab.directory}: the end of the log of {name}\n{lab.log(name, lines) or '(empty)'}")
    print(lab.run("squeue -a -o '%i %P %T %r %N %v %S'; scontrol -o show res; weir loans; weir plan",
                  check=False).stdout)

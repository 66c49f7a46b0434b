# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs of one user at every stage that a copy goes through, all at once, held there until they are let go."""

import os

from mirroring import copies, left_at, output, own, send, told

STAGES = ("staging", "submitting", "waiting", "running", "fetching")
# Each run of a copy adds a line to a file of its job's, so that runs are counted.
COUNTS = 'echo $$ >>/scratch/$USER/ran.$WEIR_HOME_JOB_ID\n'
HELD = COUNTS + """echo begun
while [ ! -e /scratch/$USER/go.$WEIR_HOME_JOB_ID ]; do sleep 0.1; done
[ ! -e data/there ] || cat data/there
mkdir result; echo mine >result/left
echo over; exit 7"""
FRAME = {"staging": ["begun", "was sent", "over"]}


def runs(west, job, user="alice"):
    """How often a copy of the job has begun at the site."""
    try:
        with open(west.scratch(user, f"ran.{job}"), encoding="utf-8") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def let_go(west, job, user="alice"):
    account = west.people.prefix + user
    west.run(["touch", f"/scratch/{account}/go.{job}"], user=account)


def stages(home):
    """{job: stage} of the copies that the gateway tells of."""
    return {run["job"]: run["stage"] for run in told(home)["sites"][0]["runs"]}


def of_job(lab, name, job):
    """The pids inside of the relay (weir-relay) or the stepd (slurmstepd) of a job."""
    return [process["pid"] for process in lab.namespace.processes()
            if process["name"] == name and process["state"] not in "ZX"
            and (f"--job\0{job}\0" in "\0".join(process["argv"]) + "\0"
                 or f"[{job}.batch]" in " ".join(process["argv"]))]


def kill(lab, pids, number=9):
    lab.namespace.ask(do="signal", pids=list(pids), signal=number)


class Flight:
    """One job at each of STAGES. REST and SFTP of the site fail until `heal`."""

    def __init__(self, home, west):
        self.home, self.west, self.jobs = home, west, {}
        self.filler = west.sbatch(["-N4", "-n4", "--gres=gpu:4", "--mem=100"], script="sleep 900", user="w-carol")
        west.wait_state(self.filler, "RUNNING", 30)
        home.run("mkdir -p data && echo was sent >data/there", user="alice")
        for stage in ("running", "fetching", "waiting"):
            self._send(stage, *["--gpus-per-node=1"] * (stage == "waiting"))
        home.wait(lambda: [runs(west, self.jobs["running"]), runs(west, self.jobs["fetching"])], 60, "two to run",
                  until=lambda seen: seen == [1, 1])
        for stage in ("waiting", "running"):
            self._at(stage)
        west.kill("sshd")
        let_go(west, self.jobs["fetching"])
        self._at("fetching")
        west.rest_answers("500")
        self._send("staging", "--weir-stage-in=data")
        self._send("submitting")
        for stage in STAGES:
            self._at(stage)

    def _send(self, stage, *options):
        self.jobs[stage] = send(self.home, "--requeue", "--weir-stage-out=result", *options, script=HELD)

    def _at(self, stage):
        self.home.wait(lambda: stages(self.home), 60, f"job {self.jobs[stage]} to be {stage}",
                       until=lambda seen: seen.get(self.jobs[stage]) == stage)

    def heal(self, room=True):
        """The site answers again, and has room unless told."""
        self.west.rest_answers(None)
        if not self.west.pids("sshd", zombies=False):
            self.west.start("sshd")
        if room:
            self.west.run(["scancel", str(self.filler)])

    def land(self, timeout=150):
        """Lets all go: each copy has run once and whole, and each job ended as its copy."""
        for job in self.jobs.values():
            let_go(self.west, job)
        for stage, job in self.jobs.items():
            self.home.wait_state(job, {"FAILED", "COMPLETED", "CANCELLED", "NODE_FAIL", "TIMEOUT"}, timeout)
            assert (self.home.job(job)["JobState"], self.home.job(job)["ExitCode"]) == ("FAILED", "7:0"), stage
            assert own(output(self.home, job)) == FRAME.get(stage, ["begun", "over"]), stage
            assert self.home.run(["cat", "result/left"], user="alice").stdout == "mine\n"
            assert runs(self.west, job) == 1, stage
        self.ended(dict.fromkeys(STAGES, ["FAILED"]))

    def ended(self, states):
        """Exactly these copies were at the site, ended so, and nothing of them is left there or in the ledger."""
        for stage, job in self.jobs.items():
            self.home.wait(lambda job=job: sorted(copies(self.west, job).values()), 60, f"the copies of {stage}",
                           until=lambda seen, stage=stage: seen == states[stage])
            self.home.wait(lambda job=job: left_at(self.west, job), 120, f"the site to be clean of {stage}",
                           until=lambda left: not left)
        self.home.wait(lambda: stages(self.home), 60, "the gateway to be done", until=lambda seen: not seen)
        folder = self.home.path("state/weir-gateway/jobs")
        self.home.wait(lambda: os.listdir(folder), 60, "its ledger to be empty", until=lambda names: not names)


def restart(lab, name):
    """Killed and started again."""
    lab.kill(name)
    lab.wait(lambda: not lab.pids(name), 20, f"{name} to be gone")
    lab.start(name)


def answers(lab):
    lab.wait(lambda: "is UP" in lab.run("scontrol -o ping").stdout, 30, "slurmctld to answer")


def back_up(lab, nodes):
    """Waits until the nodes take jobs."""
    lab.wait(lambda: {name: node["State"] for name, node in lab.nodes().items() if name in nodes}, 60,
             "nodes to be up", until=lambda seen: set(seen.values()) <= {"IDLE", "MIXED", "ALLOCATED"})


def start_soon(home, *jobs):
    """Takes off the two minutes that Slurm has requeued jobs wait."""
    for job in jobs:
        home.wait(lambda job=job: home.job(job)["JobState"], 30, "it to wait", until=lambda state: state == "PENDING")
        home.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"], user="slurm")


def node_failure(home, jobs):
    """All gateway nodes die with all that ran there, the jobs are requeued, and the nodes come back."""
    nodes = list(home.facts["gateways"])
    for node in nodes:
        home.kill(f"slurmd@{node}")
    for name in ("slurmstepd", "weir-relay"):  # a stepd that saw its relay killed would tell of it
        for job in jobs:
            kill(home, of_job(home, name, job))
    home.run(["scontrol", "update", f"nodename={','.join(nodes)}", "state=down", "reason=test"], user="slurm")
    for job in jobs:
        home.wait(lambda job=job: home.job(job)["Restarts"], 30, "it to be requeued", until=lambda seen: seen == "1")
    for node in nodes:
        home.start(f"slurmd@{node}")
    home.run(["scontrol", "update", f"nodename={','.join(nodes)}", "state=resume"], user="slurm", check=False)
    back_up(home, nodes)

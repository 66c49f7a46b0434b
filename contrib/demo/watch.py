# SPDX-License-Identifier: GPL-2.0-or-later
"""What an arm shows, look by look: Slurm's nodes and jobs, the service, and what was done and why."""

import dataclasses
import json

from weirlab import expand

from live import Scene
from service import NAME, is_replica
from workload import SERVING_NODES, TRAINING_NODES

TRAINING = [f"t{number}" for number in range(1, TRAINING_NODES + 1)]
SERVING = [f"i{number}" for number in range(1, SERVING_NODES + 1)]
_SERVICE_STEPS = ("submit_replica", "drain_replica", "end_replica")
#        use         glyph, ASCII, colour, meaning
_GLYPHS = {
    "train": ("█", "#", "34", "training"),
    "inference": ("▒", "+", "32", "inference"),
    "vacating": ("◇", "!", "33", "inference, going home"),
    "lent": ("○", "o", "36", "lent and free"),
    "idle": ("·", ".", "2", "idle"),
}


@dataclasses.dataclass
class Chat:
    """The service at one look: `rate` answers a second, `p95` of their seconds, None without any."""

    ready: int
    waiting: int
    rate: float
    p95: float | None
    lost: int  # requests, so far


@dataclasses.dataclass
class Seen:
    """One look at an arm. `use` says for each node what the glyph shows."""

    at: float
    use: dict
    waiting: dict    # kind of job: jobs
    unfinished: set  # job ids, replicas included
    chat: Chat
    sentences: list  # new since the last look


def _chat(now):
    """The service in one line of at most 79 columns."""
    took = "" if now.p95 is None else f", p95 {now.p95:.2f} s"
    lost = f", {now.lost} LOST" if now.lost else ""
    replicas = "1 replica" if now.ready == 1 else f"{now.ready} replicas"
    return f"{replicas} ready, {now.rate:.0f} requests/s{took}, {now.waiting} waiting{lost}"


def _status(seen):
    waiting = f"waiting: training {seen.waiting['training']}, batches {seen.waiting['batch']}"
    return [("", waiting), (NAME, _chat(seen.chat))]


SCENE = Scene([SERVING, TRAINING], _GLYPHS, _status, 2)


class Journal:
    """Weir's journal, read on where the last reading ended."""

    def __init__(self, lab):
        self._path, self._read = lab.path("state/slurmctld/weir/journal.jsonl"), 0

    def steps(self):
        try:
            with open(self._path, "rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[:data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [line for line in map(json.loads, whole.splitlines()) if line.get("event") == "step"]


def reclaims(step):
    """Whether a change of the reservation takes nodes back for a job of their owner."""
    return bool(step["removed"]) and "has waited" in step["why"]


class Watch:
    def __init__(self, arm, lab, service, traffic):
        self._arm, self._lab, self._service, self._traffic = arm, lab, service, traffic
        self._journal, self._lent, self._before = Journal(lab), set(), {}
        self._vacating = set()

    def look(self, at):
        output = self._lab.run(["squeue", "-h", "-t", "PD,R,CG", "-o", "%A|%P|%t|%N|%j"]).stdout
        use = {node: "idle" for node in SERVING + TRAINING}
        waiting, jobs, replicas = {"training": 0, "batch": 0}, {}, []
        for line in output.splitlines():
            job, partition, state, nodes, name = line.split("|")
            jobs[int(job)] = (state, expand(nodes), name)
            if state == "PD" and not is_replica(name):
                waiting[name] += 1
            if state == "R" and is_replica(name):
                replicas.append(name)
            for node in expand(nodes) if state != "PD" else ():
                use[node] = partition
        ready, queued = self._service.look(replicas)
        chat = Chat(ready, queued, *self._traffic.look(at), self._traffic.lost)
        sentences = self._weir(use) if self._arm == "weir" else self._cut(jobs)
        self._before = jobs
        return Seen(at, use, waiting, set(jobs), chat, sentences)

    def _cut(self, jobs):
        """Jobs that ran a moment ago and wait again."""
        return [("preempt", f"job {job} ({name}) was cut off on "
                            f"{','.join(self._before[job][1])} and waits again")
                for job, (state, _, name) in sorted(jobs.items())
                if state == "PD" and self._before.get(job, ("",))[0] in ("R", "CG")]

    def _weir(self, use):
        sentences = []
        for step in self._journal.steps():
            if not step.get("ok"):
                sentences.append(("failed", f"{step['do']} failed: {step.get('error')}"))
                continue
            kind, said = step["kind"], f"{step['do']}: {step['why']}"
            if kind == "set_reservation":
                self._lent = set(step["nodes"]) & set(TRAINING)
                self._vacating = (self._vacating | set(step["removed"])) - self._lent
                event = ("reclaim" if reclaims(step) else "return" if step["removed"] else
                         "lend" if self._lent & set(step["added"]) else "begin")
                sentences.append((event, said))
            elif kind in ("notify_job", "end_job"):
                sentences.append(("reclaim", said))
            elif kind in _SERVICE_STEPS:
                sentences.append(("service", said))
        self._vacating = {node for node in self._vacating if use[node] == "inference"}
        use.update({node: "vacating" for node in self._vacating})
        use.update({node: "lent" for node in self._lent if use[node] == "idle"})
        return sentences

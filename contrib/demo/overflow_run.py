# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the second act: the same backlog on two labs at once, one of which may send jobs to its sites."""

import contextlib
import os
import time

from weirlab import LabError

import overflow_lab
import overflow_measure
import overflow_report
import overflow_story
from overflow_watch import RUNS, SCENE, WAITS, Watch

POLL = 0.7  # seconds between two looks
_SETTLED_WITHIN = 60


class Arm:
    """The backlog on one lab: submits what is due, and does what its users do."""

    def __init__(self, lab, jobs):
        self.lab, self.ids, self.by_id = lab, {}, {}
        self._todo, self._watch = list(jobs), Watch(lab)
        self._read, self._cancelled = set(), set()
        self.over = False

    @property
    def due(self):
        """When the next job is submitted."""
        return self._todo[0].at if self._todo else None

    def submit(self, at):
        while self._todo and self._todo[0].at <= at:
            job = self._todo.pop(0)
            number = self.lab.sbatch(job.arguments(self.ids), job.script(), job.user, "train")
            self.ids[job.name], self.by_id[number] = number, job

    def look(self, at):
        """What there is to see, with what users have done meanwhile; notes whether all is over."""
        seen = self._watch.look(at)
        seen.sentences += self._users_act(seen)
        ended = [number for number, record in seen.jobs.items() if record.state not in WAITS + RUNS]
        self.over = not self._todo and len(ended) == len(self.by_id)
        return seen

    def unfinished(self, seen):
        return [f"{number} ({self.by_id[number].name}, {record.state}, {record.reason})"
                for number, record in sorted(seen.jobs.items())
                if record.state in WAITS + RUNS and number in self.by_id]

    def _users_act(self, seen):
        said = []
        for number, job in self.by_id.items():
            record = seen.jobs.get(number)
            if record is None or number in self._cancelled:
                continue
            if job.regretted and record.place and self._first_line(number, job):
                said.append(("scancel", f"{job.user} reads the first line of job {number}, which runs on "
                                        f"{','.join(record.nodes)}, and cancels it"))
                self._cancel(number, job)
            elif record.reason == "DependencyNeverSatisfied":
                said.append(("never", f"job {number} was to start after job {self.ids[job.after[1]]} succeeded, which "
                                      f"has failed (DependencyNeverSatisfied); {job.user} cancels it"))
                self._cancel(number, job)
            elif job.code and record.state == "FAILED":
                said.append(("failed", f"job {number} ended with exit code {job.code}, on {','.join(record.nodes)}"))
                self._cancelled.add(number)  # said once
        return said

    def _first_line(self, number, job):
        return job.lines()[0] in self.output(number, job)

    def _cancel(self, number, job):
        self.lab.run(["scancel", str(number)], user=job.user)
        self._cancelled.add(number)

    def output(self, number, job):
        """The lines of a job's own output at home, without what the gateway says in it."""
        try:
            text = self.lab.read(f"home/{job.user}/slurm-{number}.out")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if not line.startswith("weir: ")]


class Late(LabError):
    """Jobs of the story did not end in time."""


def run(arms, length, show):
    """Passes the story on all arms at once. The last one is shown."""
    began, next_look, seen = time.monotonic(), 0.0, {}
    while True:
        at = time.monotonic() - began
        for arm in arms.values():
            arm.submit(at)
        if at >= next_look:
            for name, arm in arms.items():
                if not arm.over:
                    seen[name] = arm.look(time.monotonic() - began)
            *others, shown = seen.values()
            shown.at, shown.beside = at, others[0] if others else None
            show(shown)
            shown.sentences = []
            if all(arm.over for arm in arms.values()):
                return
            next_look = at + POLL
        if at > 3 * length + 90:
            late = [f"{name}: {', '.join(arm.unfinished(seen[name]))}" for name, arm in arms.items() if not arm.over]
            raise Late(f"jobs have not ended {at:.0f} s after the first was submitted; {'; '.join(late)}")
        now = time.monotonic() - began
        due = [arm.due for arm in arms.values() if arm.due is not None]
        time.sleep(min(max(min([next_look, *due]) - now, 0.01), POLL))


def settled(lab):
    """What Weir tells of its sites once all that was set aside is settled."""
    def all_settled(told):
        return bool(told.get("sites")) and not told["jobs"] and not any(
            budget["aside"] for budget in told["budgets"]) and not any(
            voucher["aside"] for site in told["sites"] for voucher in site["vouchers"])

    return lab.wait(lambda: overflow_lab.ask_sites(lab), _SETTLED_WITHIN, "Weir to have settled every job",
                    until=all_settled, step=0.3)


@contextlib.contextmanager
def labs(directory, build, view, protect):
    """{arm: its lab}; down again afterwards, which `protect` keeps from being cut short."""
    up = {}
    try:
        for arm in overflow_lab.MODES:
            view.stage(f"act 2: a Slurm with two remote sites of their own comes up, {arm} overflow")
            up[arm] = overflow_lab.start(arm, os.path.join(directory, arm), build)
        yield up
    finally:
        with protect():
            for lab in up.values():
                lab.down()


def act(seed, quick, directory, build, view, protect):
    """All of it: (figures of each arm, what is wrong, the summary)."""
    scale = 1 if quick else 2
    with labs(directory, build, view, protect) as up:
        arms = {name: Arm(lab, overflow_story.make(seed, scale)) for name, lab in up.items()}
        length = overflow_story.LASTS * scale
        view.begin(SCENE, "act 2", "training overflows to two sites and comes home", length)
        run(arms, length, view.show)
        view.end()
        view.stage("reading the accounting of home and of its sites")
        results, wrong = {}, []
        for name, arm in arms.items():
            results[name], problems = overflow_measure.measure(arm, settled(arm.lab))
            wrong += [f"{name} overflow: {problem}" for problem in problems]
    return results, wrong, overflow_report.text(results, wrong)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The second act's figures, from Slurm's accounting at home and at the sites, and whether the two agree."""

import dataclasses
import re

from weirlab import LabError, expand

import overflow_lab
from overflow_watch import PLACES, place_of

_FORMAT = "JobIDRaw,JobName,State,ExitCode,Submit,Start,End,NodeList,AllocTRES"
_OPEN = ("PENDING", "RUNNING", "COMPLETING", "REQUEUED")
_COPY = re.compile(r"weir\.[0-9a-f]+\.(\d+)\.")


@dataclasses.dataclass
class Run:
    """A job's record. Times are Unix seconds, None where there is none."""

    job: int
    name: str
    state: str
    code: str
    submit: int
    start: int | None
    end: int | None
    nodes: list
    gpus: int

    @property
    def gpu_seconds(self):
        return self.gpus * (self.end - self.start) if self.start is not None else 0


def parse(output):
    runs = []
    for line in output.splitlines():
        job, name, state, code, submit, start, end, nodes, tres = line.split("|")
        gpus = re.search(r"(?:^|,)gres/gpu=(\d+)", tres)
        start, end = (int(text) if text.isdigit() and int(text) > 0 else None for text in (start, end))
        nodes = [] if nodes == "None assigned" else expand(nodes)
        runs.append(Run(int(job), name, state.split()[0], code, int(submit), start if nodes else None, end, nodes,
                        int(gpus.group(1)) if gpus else 0))
    return runs


def runs_of(lab, jobs=()):
    """All that accounting knows, once it has these jobs and nothing in it is open."""
    def ask():
        # Of a job that never could start, sacct tells only those who ask for it.
        known = [["-S", "now-1day"]] + ([["-j", ",".join(map(str, jobs))]] if jobs else [])
        runs = [run for which in known for run in parse(lab.run(
            ["sacct", "-a", "-X", "-n", "-P", *which, f"--format={_FORMAT}"], env={"SLURM_TIME_FORMAT": "%s"}).stdout)]
        return list({run.job: run for run in runs}.values())

    def closed(runs):
        return set(jobs) <= {run.job for run in runs} and all(
            run.end is not None and run.state not in _OPEN for run in runs)

    try:
        return lab.wait(ask, 30, "accounting to have all jobs as over", until=closed, step=0.5)
    except LabError:
        return ask()  # what is missing is then told


def measure(arm, told):
    """(figures, what is wrong) of an arm (overflow_run.Arm) whose jobs have ended; `told` is what `weir sites`
    says of it."""
    home = {run.job: run for run in runs_of(arm.lab, arm.by_id)}
    copies = {site: runs_of(lab) for site, lab in arm.lab.sites.items()}
    wrong = faults(arm, home, copies, told)
    began = min((run.submit for run in home.values()), default=0)
    places = {place: _of_place(place, home, copies, told) for place in PLACES}
    waits, turnarounds = [], []
    for job in home.values():
        ran = _where_it_ran(job, copies)
        if ran:
            waits.append(ran.start - job.submit)
            turnarounds.append(job.end - job.submit)
    return {
        "jobs_submitted": len(arm.by_id), "jobs_recorded": len(home), "jobs_run": len(waits),
        "copies": sum(map(len, copies.values())), "places": places,
        "gpu_seconds": sum(place["gpu_seconds"] for place in places.values()),
        "wait_seconds_mean": _mean(waits), "turnaround_seconds_mean": _mean(turnarounds),
        "paid": round(sum(place["paid"] for place in places.values()), 4),
        "voucher_gpu_seconds": sum(place["voucher_gpu_seconds"] for place in places.values()),
        "last_job_ended_seconds": max((run.end for run in home.values()), default=0) - began,
        "jobs_wrong": len(wrong),
    }, wrong


def faults(arm, home, copies, told):
    """What is wrong, in words: `home` has the jobs' records by id, `copies` those of each site."""
    return [*_records(arm, home), *_both_sides(home, copies), *_files(arm, home), *_money(copies, told)]


def _mean(values):
    return round(sum(values) / len(values), 1) if values else None


def _copies_of(job, runs):
    """A job's copies at a site that ever ran."""
    return [run for run in runs if (match := _COPY.match(run.name)) and int(match[1]) == job and run.start is not None]


def _where_it_ran(job, copies):
    """Its own record, or that of its copy; None where it never ran."""
    place = place_of(job.nodes)
    if place in copies:
        return next(iter(_copies_of(job.job, copies[place])), None)
    return job if place else None


def _of_place(place, home, copies, told):
    there = [job for job in home.values() if place_of(job.nodes) == place]
    ran = [(job, run) for job in there if (run := _where_it_ran(job, copies))]
    site = next((site for site in told["sites"] if site["name"] == place), {"vouchers": [], "spent_this_month": 0})
    return {
        "jobs": len(ran), "gpu_seconds": sum(run.gpu_seconds for _, run in ran),
        "wait_seconds_mean": _mean([run.start - job.submit for job, run in ran]),
        "turnaround_seconds_mean": _mean([job.end - job.submit for job, _ in ran]),
        "paid": site["spent_this_month"],
        "voucher_gpu_seconds": round(sum(voucher["used"] for voucher in site["vouchers"]) * 3600),
    }


def _records(arm, home):
    """Each job has one record at home, and ended there as it must."""
    for number in home.keys() - arm.by_id.keys():
        yield f"job {number} at home is nobody's"
    for number, job in arm.by_id.items():
        record = home.get(number)
        if record is None:
            yield f"job {number} ({job.name}) is lost"
            continue
        if record.state != job.ends or (job.ends != "CANCELLED" and record.code != f"{job.code}:0"):
            yield f"job {number} ({job.name}) ended as {record.state} {record.code}, not as {job.ends} {job.code}:0"
        if bool(record.nodes) != job.runs:
            yield f"job {number} ({job.name}) {'ran' if record.nodes else 'never ran'}"
        if not job.may_leave and place_of(record.nodes) not in ("home", None):
            yield f"job {number} ({job.name}) left home against its user's wish"


def _both_sides(home, copies):
    """Each job that ran at a site has one copy there, which ended as it did; no other copy has run."""
    for site, runs in copies.items():
        here = {job.job: job for job in home.values() if place_of(job.nodes) == site}
        for job in here.values():
            own = _copies_of(job.job, runs)
            if len(own) != 1:
                yield f"job {job.job} ran {len(own)} times at {site}"
            elif own[0].state != job.state or (job.state != "CANCELLED" and own[0].code != job.code):
                yield (f"job {job.job} is {job.state} {job.code} at home, and {own[0].state} {own[0].code} "
                       f"as job {own[0].job} at {site}")
        for run in runs:
            match = _COPY.match(run.name)
            if run.start is not None and (not match or int(match[1]) not in here):
                yield f"job {run.job} at {site} ({run.name}) ran for no job of home"


def _files(arm, home):
    """The whole output and the result of each job that completed are in its user's folder at home, once."""
    for number, job in arm.by_id.items():
        if number not in home or not job.result:
            continue
        if arm.output(number, job) != job.lines():
            yield f"job {number} ({job.name}): its output at home is {arm.output(number, job)}"
        try:
            result = arm.lab.read(f"home/{job.user}/{job.result}")
        except FileNotFoundError:
            result = None
        if result != f"weights of {job.name}\n":
            yield f"job {number} ({job.name}): {job.result} is not at home: {result!r}"


def _money(copies, told):
    """What Weir has settled is what the sites' own accounting makes of it."""
    for site in told["sites"]:
        ran = sum(run.gpu_seconds for run in copies[site["name"]])
        counted = round(site["gpu_hours_this_month"] * 3600)
        if ran != counted:
            yield f"{site['name']} has {ran} GPU-seconds on its books, Weir {counted}"
        used = sum(voucher["used"] for voucher in site["vouchers"]) * 3600
        due = (ran - used) * overflow_lab.rate(site["name"])
        if abs(due - site["spent_this_month"]) > 0.005:
            yield f"{site['name']} is owed {due:.2f}, and Weir has {site['spent_this_month']:.2f} as spent"

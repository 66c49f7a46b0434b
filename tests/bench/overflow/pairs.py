# SPDX-License-Identifier: GPL-2.0-or-later
"""One job at the site after the other, submitted there directly and mirrored in turn."""

import random
import statistics
import time

import place

_SECONDS = 3  # that a job runs
_GOAL = 2  # seconds


def measure(home, count):
    """Seconds from submission to the script's first line, and from its last to the job's end in squeue."""
    found = {way: {"start": [], "end": []} for way in ("direct", "mirrored")}
    for number in range(count):
        for way, run in (("direct", _direct), ("mirrored", _mirrored)):
            # Slurm acts once a second: at any moment of it, not always at the one at which the job before has ended.
            time.sleep(random.random())
            start, end = run(home, f"{way}.{number}")
            found[way]["start"].append(start)
            found[way]["end"].append(end)
    polls = _polls(home)
    return found | {"polls_per_minute": polls}


def _direct(home, tag):
    west = home.sites["west"]
    asked = time.time()
    job = west.sbatch(["--time=5", "--ntasks=1"], script=place.stamped(tag, _SECONDS), user=place.ACCOUNT)
    return _times(home, west, job, tag, asked)


def _mirrored(home, tag):
    job = place.held(home, "--ntasks=1", script=place.stamped(tag, _SECONDS))
    place.nominate(home, job)
    asked = time.time()
    home.run(["scontrol", "release", str(job)], user="slurm")
    return _times(home, home, job, tag, asked)


def _times(home, cluster, job, tag, asked):
    began = place.stamp(home, tag, "begin")
    ended = place.stamp(home, tag, "end")
    cluster.wait(lambda: cluster.job(job)["JobState"], 60, f"{tag} to be over", step=0.02,
                 until=lambda state: state == "COMPLETED")
    return began - asked, time.time() - ended


def _polls(home, seconds=30):
    """Requests a minute to the site for one job that runs, beside those for none."""
    def in_a_while():
        before, began = place.requests(home), time.monotonic()
        time.sleep(seconds)  # what is measured is what happens in so long
        return (place.requests(home) - before) * 60 / (time.monotonic() - began)

    idle = in_a_while()
    job = place.held(home, "--ntasks=1", script=place.stamped("polled", 10 + seconds))
    place.nominate(home, job)
    home.run(["scontrol", "release", str(job)], user="slurm")
    place.stamp(home, "polled", "begin")
    home.wait(lambda: place.known(home)["runs"], 30, "the gateway to see it run",
              until=lambda runs: [run["stage"] for run in runs] == ["running"])
    busy = in_a_while()
    home.wait_state(job, "COMPLETED", timeout=60)
    return {"no_job": idle, "one_job": busy}


def missed(found):
    """What took longer than it may: a start 2 s later than the direct one, an end known 2 s after the last line."""
    later = statistics.median(there - here for here, there in zip(found["direct"]["start"], found["mirrored"]["start"]))
    known = statistics.median(found["mirrored"]["end"])
    return [f"a mirrored job {what} {seconds:.2f} s later, more than {_GOAL} s"
            for what, seconds in (("starts", later), ("is known to have ended", known)) if seconds > _GOAL]


def text(found):
    lines = []
    for what, name in (("start", "submission to first line"), ("end", "last line to known end")):
        direct, mirrored = found["direct"][what], found["mirrored"][what]
        more = sorted(there - here for here, there in zip(direct, mirrored))
        lines.append(f"{name}: direct median {statistics.median(direct):.2f} s, mirrored "
                     f"{statistics.median(mirrored):.2f} s; by pair {statistics.median(more):+.2f} s in the median, "
                     f"{more[0]:+.2f} to {more[-1]:+.2f} s ({len(more)} pairs)")
    polls = found["polls_per_minute"]
    lines.append(f"requests to the site a minute: {polls['no_job']:.0f} without a job, {polls['one_job']:.0f} with one")
    return "\n".join(lines)

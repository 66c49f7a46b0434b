# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the gateway with several sites: their policy, jobs that are sent to each, and what must hold of every one
that has ended."""

import glob
import json
import os
import tempfile

from mirroring import INSTALLATION, copies, left_at, output, own
from weirlab import site_policy

TERMS = "    max_remote_wait: 10m\n    price: {currency: USD, gpu_hour: {other: 0.60}}\n"
RULE = """overflow:
  - {name: spill, partitions: [train], default: never, value_of_time: 0.20}
"""
# What every job of these tests does: notes that it runs, speaks until it is let go, and leaves a result.
TALK = """echo "$SLURM_JOB_ID" >>../ran.$WEIR_HOME_JOB_ID
i=0
until [ -e ../go.$WEIR_HOME_JOB_ID ]; do i=$((i + 1)); echo "line $i"; sleep 0.2; done
echo "end $i"
"""


def with_sites(module_lab, weir, *names):
    """A lab with these sites, of two nodes each and with little room."""
    directory = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    text = "mode: act\nsites:\n" + "".join(site_policy.site(name, 2, directory, TERMS) for name in names) + RULE
    return module_lab(directory=directory, nodes=1, weir=weir, policy=text,
                      sites=[{"name": name, "nodes": 2, "scratch_mib": 96} for name in names])


def send(home, site, *options, script=TALK, user="alice"):
    """A job that is nominated for the site before it starts."""
    job = home.sbatch(["--hold", "--time=10", *options], script=script, user=user, partition="train")
    home.run(["scontrol", "update", f"jobid={job}", f"partition={site.name}",
              f"admincomment=weir:site={site.name}@{INSTALLATION}"], user="slurm")
    home.run(["scontrol", "release", str(job)], user="slurm")
    return job


def let_go(site, job, user="alice"):
    """A job that speaks ends."""
    account = site.people.prefix + user
    site.run(["touch", f"/scratch/{account}/go.{job}"], user=account)


def told(home, site):
    """What the gateway tells the controller of the site."""
    every = json.loads(home.run(["curl", "-sf", "http://127.0.0.1:9812/sites"]).stdout)["sites"]
    return next(one for one in every if one["name"] == site.name)


def stage(home, site, job):
    """How far a copy has come; None once it is over."""
    return next((run["stage"] for run in told(home, site)["runs"] if run["job"] == job), None)


def speaks(home, site, job, timeout=90):
    """Waits until it runs at the site and its output comes home."""
    home.wait(lambda: "line 2" in output(home, job), timeout, f"the output of job {job} at {site.name}", step=0.2)


def over(home, job, timeout=90):
    """Waits for the end of a job; its state and exit code."""
    record = home.wait_state(job, ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"), timeout)
    return record["JobState"], record["ExitCode"]


def ran_once(site, job, user="alice"):
    """Asserts that the job's script began once, in all."""
    with open(site.scratch(user, f"ran.{job}"), encoding="utf-8") as file:
        assert len(file.read().split()) == 1


def whole(lines):
    """Asserts that these are all lines of a job that speaks, each once and in order."""
    count = int(lines[-1].removeprefix("end "))
    assert lines[:-1] == [f"line {number + 1}" for number in range(count)]


def came_whole(home, site, job, code, timeout=90, user="alice"):
    """Waits for the end of a job that speaks, and asserts that nothing of it was lost, doubled or left behind."""
    state = "FAILED" if code else "COMPLETED"
    assert over(home, job, timeout) == (state, f"{code}:0")
    whole(own(output(home, job, user)))
    ran_once(site, job, user)
    home.wait(lambda: list(copies(site, job).values()), 30, f"one copy of job {job} that ended as it did",
              until=lambda seen: seen == [state], step=0.3)
    home.wait(lambda: left_at(site, job, user), 120, f"{site.name} to be clean", until=lambda left: not left, step=0.3)


def big_file(home, name, mib, user="alice"):
    """A file of the user's of random bytes."""
    home.run(f"mkdir -p $(dirname {name}) && head -c {mib << 20} /dev/urandom >{name}", user=user)


def same(home, *paths, user="alice"):
    """Whether the user's files are alike."""
    return home.run(["cmp", *paths], user=user, check=False).returncode == 0


def size_at(site, pattern, user="alice"):
    """Bytes that the site has of the file below a copy's folder, 0 for none."""
    return sum(os.path.getsize(path) for path in glob.glob(site.scratch(user, pattern)))

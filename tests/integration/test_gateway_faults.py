# SPDX-License-Identifier: GPL-2.0-or-later
"""A site that does not answer, or answers nonsense, while its jobs are at every stage: jobs wait until it is well
again and then end as if nothing had been. Each site has one fault after the other; all at once, in one gateway."""

import concurrent.futures
import itertools
import threading

import pytest

from mirroring import copies, left_at
from sites import TALK, big_file, came_whole, let_go, same, send, speaks, stage, told, with_sites

STAGES = {"sending": 0, "pending": 3, "running": 4, "ending": 5}  # and exit codes
CANCELLED = ("not sent", "leaving")  # by their user, while nothing can be told to the site


class Link:
    """The line is cut."""

    def __init__(self, site):
        self.site = site

    def begin(self):
        self.site.link(False)

    def end(self):
        self.site.link(True)


class Rest(Link):
    """REST answers as told, or so much of what it should, in turn."""

    def __init__(self, site, kind, *parts):
        super().__init__(site)
        self.kind, self.parts = kind, parts or (0.5,)
        self.over, self.turns = threading.Event(), threading.Thread(target=self._take_turns)

    def _take_turns(self):
        for part in itertools.islice(itertools.cycle(self.parts), 1, None):
            if self.over.wait(0.7):
                return
            self.site.rest_answers(self.kind, part)

    def begin(self):
        self.site.rest_answers(self.kind, self.parts[0])
        self.turns.start()

    def end(self):
        self.over.set()
        self.turns.join()
        self.site.rest_answers(None)


class Certificate(Link):
    """REST shows the certificate of an authority that home does not know, then home is given that authority."""

    def begin(self):
        self.site.new_authority()

    def end(self):
        self.site.home.write(f"etc/sites/{self.site.name}/ca.pem", self.site.read("etc/tls/ca.pem"), owner="slurm")


FAULTS = {
    "unreachable": ("west", Link),
    "status 500": ("west", lambda site: Rest(site, "500")),
    "broken off": ("east", lambda site: Rest(site, "truncated", 0, 0.1, 0.5, 0.9)),
    "no JSON": ("east", lambda site: Rest(site, "garbage")),
    "cut JSON": ("north", lambda site: Rest(site, "cut", 0, 0.03, 0.3, 0.6, 0.97, 0.999)),
    "other JSON": ("north", lambda site: Rest(site, "other")),
    "slow": ("south", lambda site: Rest(site, "slow")),
    "wrong certificate": ("south", Certificate),
}
SAID = {"unreachable": "rest.west.example", "status 500": "by order of the lab", "no JSON": "no whole JSON",
        "wrong certificate": "certificate"}


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = with_sites(module_lab, build_dir, "west", "east", "north", "south")
    big_file(lab, "data/big", 3)
    return lab


def talk(result, code):
    """A job that leaves a result and ends so."""
    return f"{TALK}seq 1 20000 >{result}\nexit {code}"


def ordeal(home, site, fault, name):
    """Jobs at each stage when the fault comes, and goes; returns {stage: job} and {stage: result}."""
    jobs, results = {}, {place: f"result-{name}-{place}".replace(" ", "-") for place in STAGES}

    def start(place, *options, script=None):
        jobs[place] = send(home, site, f"--weir-stage-out={results[place]}", *options,
                           script=script or talk(results[place], STAGES[place]))

    blocker = site.sbatch("--exclusive -w n2 --time=60", script="sleep 3600", user=f"{site.people.prefix}bob")
    site.wait_state(blocker, "RUNNING", 60)
    for place in ("running", "ending"):
        start(place)
    jobs["leaving"] = send(home, site)
    for job in jobs.values():
        speaks(home, site, job)
    start("pending", "--nodes=2")
    home.wait(lambda: stage(home, site, jobs["pending"]), 60, "it to wait there", until=lambda seen: seen == "waiting",
              step=0.3)
    ending = remote_id(home, site, jobs["ending"])

    fault.begin()
    start("sending", "--weir-stage-in=data/big", script=f"{TALK}mv data/big {results['sending']}")
    let_go(site, jobs["ending"])
    site.run(["scancel", str(blocker)])
    home.wait(lambda: told(home, site), 90, f"the gateway to miss {site.name} and say why", step=0.3,
              until=lambda seen: not seen["reachable"] and SAID.get(name, ".") in seen["problem"])
    jobs["not sent"] = send(home, site)  # before, its submission might have come through
    site.wait_state(ending, "FAILED", 60)
    for place in ("sending", "not sent"):
        home.wait_state(jobs[place], "RUNNING", 60)
    known = home.wait(lambda: {place: stage(home, site, job) for place, job in jobs.items()}, 60,
                      "the gateway to know of all", step=0.3, until=lambda seen: all(seen.values()))
    assert known["running"] == "running" and known["pending"] == "waiting", known
    assert all(home.job(job)["JobState"] == "RUNNING" for job in jobs.values())
    for place in CANCELLED:
        home.run(["scancel", str(jobs[place])], user="alice")
        home.wait_state(jobs[place], "CANCELLED", 60)
    home.wait(lambda: [run["withdrawn"] for run in told(home, site)["runs"] if run["job"] in
                       [jobs[place] for place in CANCELLED]], 30, "the gateway to hear of it", until=all, step=0.1)
    fault.end()
    home.wait(lambda: told(home, site)["reachable"], 90, f"{site.name} to answer", step=0.3)
    for place in STAGES:
        let_go(site, jobs[place])
    return jobs, results


def remote_id(home, site, job):
    return next(run["remote_id"] for run in told(home, site)["runs"] if run["job"] == job)


@pytest.fixture(scope="module")
def ordeals(home):
    """fault -> what ordeal returns; a site's faults come one after the other, sites have theirs at once."""
    def of_site(name):
        seen = {}
        for fault, (where, make) in FAULTS.items():
            if where == name:
                try:
                    seen[fault] = ordeal(home, home.sites[name], make(home.sites[name]), fault)
                except Exception as error:  # of that fault's tests, not of all
                    seen[fault] = error
        return seen

    with concurrent.futures.ThreadPoolExecutor() as pool:
        every = list(pool.map(of_site, sorted(home.sites)))
    return {fault: seen for part in every for fault, seen in part.items()}


@pytest.mark.parametrize("place", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_job_outlives_a_fault_of_its_site_at_every_stage(home, ordeals, fault, place):
    if isinstance(ordeals[fault], Exception):
        raise ordeals[fault]
    jobs, results = ordeals[fault]
    came_whole(home, home.sites[FAULTS[fault][0]], jobs[place], STAGES[place])
    if place == "sending":
        assert same(home, "data/big", results[place])
    else:
        assert home.run(["cat", results[place]], user="alice").stdout.split() == [str(n + 1) for n in range(20000)]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_cancelled_while_its_site_has_a_fault_ends_there_afterwards(home, ordeals, fault):
    if isinstance(ordeals[fault], Exception):
        raise ordeals[fault]
    site, jobs = home.sites[FAULTS[fault][0]], ordeals[fault][0]
    home.wait(lambda: [list(copies(site, jobs[place]).values()) for place in CANCELLED], 60, "the copies to be gone",
              until=lambda seen: seen == [[], ["CANCELLED"]], step=0.3)
    for place in CANCELLED:
        home.wait(lambda place=place: left_at(site, jobs[place]), 120, "the site to be clean",
                  until=lambda left: not left, step=0.3)


def test_both_sides_count_the_same_jobs(home, ordeals):
    """Every copy that a site has ever had is one of a job here, which ended as it did, and no job has two."""
    def counted(lab, *keys):
        lines = lab.run(["sacct", "-a", "-X", "-n", "-P", "-o", ",".join(keys)]).stdout.splitlines()
        return [line.split("|") for line in lines]

    def end(state, code):
        return "CANCELLED" if state.startswith("CANCELLED") else (state, code)  # by whom, by which signal

    unsent = {str(seen[0]["not sent"]) for seen in ordeals.values()}
    here = {job: end(state, code) for job, state, code in counted(home, "jobid", "state", "exitcode")}
    there = [(name.split(".")[2], end(state, code)) for site in home.sites.values()
             for name, state, code in counted(site, "jobname", "state", "exitcode") if name.startswith("weir.")]
    assert len(here) == len(FAULTS) * (len(STAGES) + len(CANCELLED))
    assert sorted(there) == sorted((job, ended) for job, ended in here.items() if job not in unsent)

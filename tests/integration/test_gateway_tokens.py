# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens that run out or are not taken while jobs are at a site, certificates that are not to be believed, and
submissions of which nobody knows whether they came."""

import time

import pytest

from mirroring import copies, output, own
from sites import TALK, came_whole, let_go, over, ran_once, send, speaks, stage, told, whole, with_sites


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return with_sites(module_lab, build_dir, "west", "east")


def attempts(site):
    """How many submissions the site's front has seen the end of."""
    return site.read("log/nginx.access.log").count("/job/submit HTTP")


# How answers to a submission alone fail, and how much of them comes where some does.
ANSWERS = {"500": 0.5, "garbage": 0.5, "other": 0.5, "truncated": 0.3, "cut": 0.6, "lost_submit": 0.5,
           "late_submit": 0.5}


@pytest.fixture(scope="module")
def unsure(home):
    """{kind: job} of jobs whose submission is not answered; that of late_submit reaches the site only after its answer
    has been waited for, by when all is well."""
    east, jobs = home.sites["east"], {}
    for kind, part in ANSWERS.items():
        seen = attempts(east)
        east.rest_answers(kind, part, only="/job/submit")
        jobs[kind] = send(home, east, script=f"{TALK}exit 6")
        home.wait(lambda seen=seen: attempts(east) > seen, 60, f"a submission that meets {kind}")
    for job in jobs.values():
        let_go(east, job)
    east.rest_answers("late_submit", late=85)
    jobs["twice"] = send(home, east, script=f"{TALK}exit 6")
    home.wait(lambda: attempts(east) > len(ANSWERS), 60, "a submission that comes very late")
    jobs["over"] = send(home, east, script="echo run >>../ran.$WEIR_HOME_JOB_ID; exit 6")
    home.wait(lambda: attempts(east) > len(ANSWERS) + 1, 60, "another one")
    east.rest_answers(None)
    return jobs


def renew_with(home, site, program):
    home.write(f"etc/sites/{site.name}/renew", program, owner="slurm", mode=0o755)


def test_a_token_that_runs_out_and_cannot_be_renewed_holds_up_its_user_alone(home, unsure):
    west = home.sites["west"]
    program = home.read("etc/sites/west/renew")
    home.stop("weir-gateway")
    for user, lifespan in (("alice", 40), ("bob", 86400)):
        west.renew(user, lifespan)
    renew_with(home, west, "#!/bin/sh\nexit 7\n")
    until = time.monotonic() + 40
    home.start_gateway()
    runs = send(home, west, script=f"{TALK}exit 3")
    ends = send(home, west, script=f"{TALK}exit 4")
    for job in (runs, ends):
        speaks(home, west, job)
    home.wait(lambda: time.monotonic() > until, 60, "her token to run out", step=0.5)
    let_go(west, ends)
    waits = send(home, west, script=f"{TALK}exit 5")
    home.wait(lambda: told(home, west)["problem"], 60, "the gateway to miss a token", step=0.3,
              until=lambda text: "token_command for w-alice" in text and "renew ended with 7" in text)
    bobs = send(home, west, script=f"{TALK}exit 2", user="bob")
    let_go(west, bobs, "bob")
    came_whole(home, west, bobs, 2, timeout=30, user="bob")
    assert told(home, west)["reachable"] and copies(west, waits) == {}
    assert stage(home, west, ends) == "running" and home.job(ends)["JobState"] == "RUNNING"
    renew_with(home, west, program)
    for job in (runs, waits):
        let_go(west, job)
    for job, code in ((runs, 3), (ends, 4), (waits, 5)):
        came_whole(home, west, job, code)
    assert "w-alice" not in told(home, west)["problem"]


def test_a_token_that_the_site_does_not_take_holds_up_its_user_alone(home, unsure):
    west = home.sites["west"]
    program = home.read("etc/sites/west/renew")
    home.stop("weir-gateway")
    renew_with(home, west, "#!/bin/sh\nexit 7\n")
    bad = west.renew("alice")[:-6] + "AAAAAA"
    home.write("etc/sites/west/w-alice.jwt", bad, owner="slurm", mode=0o600)
    home.start_gateway()
    waits = send(home, west, script=f"{TALK}exit 3")
    let_go(west, waits)
    home.wait(lambda: told(home, west)["problem"], 60, "the gateway to miss a token", step=0.3)
    bobs = send(home, west, script=f"{TALK}exit 2", user="bob")
    let_go(west, bobs, "bob")
    came_whole(home, west, bobs, 2, timeout=30, user="bob")
    home.wait(lambda: told(home, west)["reachable"], 30, "the site to be open to him", step=0.1)
    assert copies(west, waits) == {}
    renew_with(home, west, program)
    came_whole(home, west, waits, 3)


@pytest.mark.parametrize("wrong, said", [({"host": "rest.east.example"}, "no alternative certificate subject name"),
                                         ({"days": -1}, "certificate has expired")])
def test_a_certificate_of_another_host_or_time_is_not_believed_and_its_jobs_go_on(home, unsure, wrong, said):
    west = home.sites["west"]
    job = send(home, west, script=f"{TALK}exit 4")
    speaks(home, west, job)
    west.new_certificate(**wrong)
    home.wait(lambda: told(home, west), 60, "the gateway to believe west no more", step=0.3,
              until=lambda seen: not seen["reachable"] and said in seen["problem"])
    waits = send(home, west, script=f"{TALK}exit 5")
    home.wait_state(waits, "RUNNING", 60)
    for one in (job, waits):
        let_go(west, one)
    home.wait(lambda: list(copies(west, job).values()), 60, "its copy to end", until=lambda seen: seen == ["FAILED"],
              step=0.3)
    assert home.job(job)["JobState"] == "RUNNING" and copies(west, waits) == {}
    west.new_certificate()
    came_whole(home, west, job, 4)
    came_whole(home, west, waits, 5)


def test_a_submission_that_comes_when_it_was_made_again_runs_once(home, unsure):
    east, job = home.sites["east"], unsure["twice"]
    speaks(home, east, job, 120)
    # sacct does not list what depends on another, as the late one does.
    home.wait(lambda: sorted(one["JobState"] for one in east.jobs().values() if f".{job}." in one["JobName"]), 60,
              "the late one to be withdrawn", until=lambda seen: seen == ["CANCELLED", "RUNNING"], step=0.3)
    let_go(east, job)
    assert over(home, job) == ("FAILED", "6:0")
    whole(own(output(home, job)))
    ran_once(east, job)


def test_a_submission_that_comes_when_the_one_that_was_made_again_is_over_does_not_run(home, unsure):
    east, job = home.sites["east"], unsure["over"]
    assert over(home, job, 120) == ("FAILED", "6:0")
    home.wait(lambda: list(copies(east, job).values()), 60, "the late one", step=0.3,
              until=lambda seen: len(seen) == 2 and set(seen) <= {"FAILED", "CANCELLED"})
    ran_once(east, job)


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_submission_whose_answer_is_nonsense_or_late_runs_once(home, unsure, kind):
    came_whole(home, home.sites["east"], unsure[kind], 6, timeout=120)

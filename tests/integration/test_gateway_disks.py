# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs that run elsewhere, where there is no room for their files, here or there."""

import os
import time

import pytest

from mirroring import copies, left_at, output, own
from sites import TALK, big_file, came_whole, let_go, over, ran_once, same, send, speaks, stage, with_sites

DISKS = {"patient": 1024, "hopeless": 512, "results": 1024}  # KiB of small disks at home
LINES = "seq -f 'line %.0f of many, which take more room than there is' 1 12000"  # some 650 KiB


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = with_sites(module_lab, build_dir, "west", "east")
    for name, kib in DISKS.items():
        lab.run(["mkdir", name], user="alice")
        lab.small_disk(f"home/alice/{name}", kib, "alice")
    return lab


@pytest.fixture
def west(home):
    return home.sites["west"]


@pytest.fixture
def full(home):
    """The site east, whose shared file system has no room left."""
    site = home.sites["east"]
    site.fill("bob")
    yield site
    if os.path.exists(site.scratch("bob", ".full")):
        site.free("bob")


def here(home, command):
    """What a command of alice's says on the gateway host, which alone sees the small disks."""
    return home.run(command, user="alice", host="gw1").stdout


@pytest.fixture(scope="module")
def hopeless(home):
    """A job for whose output there is never room enough; begun first, since it waits for a minute."""
    return send(home, home.sites["west"], "--output=hopeless/%j.out",
                script=f"echo $SLURM_JOB_ID >>../ran.$WEIR_HOME_JOB_ID\n{LINES}\nexit 6")


def test_files_wait_for_room_at_the_site(home, hopeless, full):
    big_file(home, "data/in", 5)
    job = send(home, full, "--weir-stage-in=data/in", "--weir-stage-out=out-in", script=f"{TALK}mv data/in out-in")
    home.wait(lambda: "no room" in output(home, job), 60, "its user to be told")
    assert copies(full, job) == {} and home.job(job)["JobState"] == "RUNNING"
    full.free("bob")
    let_go(full, job)
    came_whole(home, full, job, 0)
    assert same(home, "data/in", "out-in")
    assert output(home, job).count("no room") == 1


def test_a_job_whose_script_finds_no_room_at_the_site_fails_and_runs_nothing(home, full):
    job = send(home, full, script="touch /scratch/e-alice/was-here; true")
    assert over(home, job) == ("FAILED", "0:25")
    assert "could not grow at east: no room" in output(home, job)
    assert not os.path.exists(full.scratch("alice", "was-here"))
    full.free("bob")
    home.wait(lambda: left_at(full, job), 60, "the site to be clean", until=lambda left: not left)


def test_a_job_that_runs_outlives_a_full_disk_at_the_site(home, west, full):
    full.free("bob")
    line = "x" * 5000
    job = send(home, full, script=f"""echo $SLURM_JOB_ID >>../ran.$WEIR_HOME_JOB_ID
n=0
until [ -e ../go.$WEIR_HOME_JOB_ID ]; do
    n=$((n + 1)); echo "line $n {line}" || touch ../met.$WEIR_HOME_JOB_ID; sleep 0.2
done
exit 7""")
    speaks(home, full, job)
    full.fill("bob")
    home.wait(lambda: os.path.exists(full.scratch("alice", f"met.{job}")), 60, "it to meet the full disk")
    full.free("bob")
    before = len(output(home, job))
    home.wait(lambda: len(output(home, job)) > before + 20000, 60, "its output to go on")
    let_go(full, job)
    assert over(home, job) == ("FAILED", "7:0")
    ran_once(full, job)
    numbers = [int(text.split()[1]) for text in own(output(home, job)) if text.startswith("line ")]
    assert numbers == sorted(set(numbers)) and numbers[:3] == [1, 2, 3]


def test_output_waits_for_room_at_home(home, west):
    here(home, "head -c 900000 /dev/zero >patient/filler")
    job = send(home, west, "--output=patient/%j.out",
               script=f"echo $SLURM_JOB_ID >>../ran.$WEIR_HOME_JOB_ID\n{LINES}\nexit 8")
    out = f"patient/{job}.out"
    home.wait(lambda: here(home, "df --output=avail patient | tail -1").strip(), 60, "the disk to be full",
              until=lambda free: free == "0")
    home.wait(lambda: stage(home, west, job), 60, "it to have ended there", until=lambda seen: seen == "fetching")
    assert home.job(job)["JobState"] == "RUNNING"
    here(home, "rm patient/filler")
    assert over(home, job) == ("FAILED", "8:0")
    assert own(here(home, f"cat {out}")) == here(home, LINES).splitlines()
    ran_once(west, job)
    home.wait(lambda: left_at(west, job), 60, "the site to be clean", until=lambda left: not left)


def test_results_wait_for_room_at_home_and_are_left_where_they_are_if_they_can_never_be_written(home, west):
    here(home, "head -c 900000 /dev/zero >results/filler")
    home.run("mkdir denied && chmod 555 denied", user="alice")
    job = send(home, west, "--chdir=results", "--output=../slurm-%j.out", "--weir-stage-out=small,big",
               script=f"{TALK}echo small >small; {LINES} >big")
    denied = send(home, west, "--weir-stage-out=denied/kept", script=f"{TALK}mkdir denied; echo result >denied/kept")
    for one in (job, denied):
        let_go(west, one)
    home.wait(lambda: "No space left on device" in output(home, job), 60, "its user to be told")
    assert home.job(job)["JobState"] == "RUNNING" and here(home, "cat results/small") == "small\n"
    here(home, "rm results/filler")
    came_whole(home, west, job, 0)
    assert here(home, "cat results/big") == here(home, LINES)
    assert here(home, "ls -A results").split() == ["big", "small"]

    assert over(home, denied) == ("COMPLETED", "0:0")
    assert "denied/kept: Permission denied; it is left at west in /scratch/w-alice/weir." in output(home, denied)
    [folder] = home.wait(lambda: left_at(west, denied), 60, "its output to be cleaned away",
                         until=lambda left: len(left) == 1)
    assert open(west.scratch("alice", f"{folder}/denied/kept"), encoding="utf-8").read() == "result\n"


def test_nothing_is_sent_while_the_gateway_cannot_note_it(home, west):
    runs = send(home, west, script=f"{TALK}exit 3")
    speaks(home, west, runs)
    home.stop("weir-gateway")
    home.run("cp -a state/weir-gateway tmp/ledger", cwd=home.directory)
    home.small_disk("state/weir-gateway", 256, "slurm")
    home.run("cp -a tmp/ledger/. state/weir-gateway/ && chmod 700 state/weir-gateway", cwd=home.directory, host="gw1")
    home.start_gateway()
    ends = send(home, west, script=f"{TALK}exit 4")
    speaks(home, west, ends)

    def fill():
        """What is settled makes room again. Returns the gateway's log."""
        home.run("head -c 300000 /dev/zero >>state/weir-gateway/filler; true", cwd=home.directory, host="gw1")
        return home.log("weir-gateway")

    fill()
    waits = send(home, west, script=f"{TALK}exit 5")
    let_go(west, ends)
    for job in (waits, ends):
        home.wait(fill, 60, "the gateway to meet it", step=0.3,
                  until=lambda log, job=job: f"job {job}: writing" in log)
    lines = len(home.log("weir-gateway").splitlines())
    time.sleep(3)  # in which nothing happens, and that is not told ten times a second
    assert len(home.log("weir-gateway").splitlines()) < lines + 15
    assert copies(west, waits) == {} and home.job(waits)["JobState"] == home.job(ends)["JobState"] == "RUNNING"
    home.run("rm state/weir-gateway/filler", cwd=home.directory, host="gw1")
    for job in (runs, waits):
        let_go(west, job)
    for job, code in ((runs, 3), (ends, 4), (waits, 5)):
        came_whole(home, west, job, code)
    noted = home.run("cat state/weir-gateway/finished.jsonl", cwd=home.directory, host="gw1").stdout
    for job in (runs, ends, waits):
        assert noted.count(f'"job":{job},') == 1


def test_output_for_which_there_is_never_room_is_left_at_the_site(home, hopeless):
    west = home.sites["west"]
    assert over(home, hopeless, 120) == ("FAILED", "6:0")
    ran_once(west, hopeless)
    have = here(home, f"cat hopeless/{hopeless}.out")
    wanted = here(home, LINES)
    kept = home.wait(lambda: left_at(west, hopeless), 60, "the rest to be cleaned away",
                     until=lambda left: len(left) == 1)
    with open(west.scratch("alice", kept[0]), encoding="utf-8") as file:
        assert file.read() == wanted
    assert have and wanted.startswith("\n".join(own(have)[:-1]))

# SPDX-License-Identifier: GPL-2.0-or-later
"""A site whose Slurm is of another release than home's: which API is spoken, in every version that it serves, and how
what a job asks for arrives. tests/releases runs it, and other files of the gateway's tests, on each release."""

import os

import pytest

from mirroring import alone, copies, ended, left_at, output, own, send, told
from overflowing import overflowing
from test_gateway_life import STEP, warned as with_warning
from weirlab import site_release, site_services

ROOT = os.environ.get("WEIR_SITE_ROOT")  # "/" for this machine's own Slurm
# Runs until it is let go, or is warned.
TALK = "trap 'echo warned; exit 7' USR1\necho up\nuntil [ -e go ]; do sleep 0.2; done\nexit 3"
ROOM = {"nodes": 4, "cpus": 32, "memory": 256000, "gpu_type": "a100", "gpus": 4}


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    if not ROOT:
        pytest.skip("a lab needs the root of another Debian release in $WEIR_SITE_ROOT: tests/releases makes them")
    return alone(overflowing(module_lab, build_dir, wait="10m"))


@pytest.fixture(scope="module")
def west(home):
    return home.sites["west"]


@pytest.fixture(scope="module")
def served(west):
    """The versions of the API, the newest last."""
    return site_release.rest_versions(west)


def runs(home, job, timeout=60):
    home.wait(lambda: "up" in output(home, job), timeout, f"job {job} to run")


def let_go(west, job):
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    west.run(["touch", f"/scratch/w-alice/{folder}/go"], user="w-alice")


def over(home, job, code, timeout=60):
    home.wait_state(job, "FAILED", timeout=timeout)
    assert home.job(job)["ExitCode"] == code


def only(west, versions):
    """Has slurmrestd serve these versions and no other. Up to 22.05 each is a plugin of its own."""
    option = "-s" if site_release.of(west) < (23, 2) else "-d"
    daemon = west.facts["daemons"]["slurmrestd"]
    west.facts["daemons"]["slurmrestd"] = daemon | {
        "argv": [daemon["argv"][0], option, ",".join(f"v0.0.{version}" for version in versions), *daemon["argv"][1:]]}
    west.stop("slurmrestd")
    west.start("slurmrestd")
    site_services.await_slurmrestd(west)
    west.facts["daemons"]["slurmrestd"] = daemon
    assert site_release.rest_versions(west) == versions


def asked(west, text):
    return [line for line in west.read("log/nginx.access.log").splitlines() if text in line]


def test_the_newest_version_of_the_api_is_spoken_and_the_release_is_told(home, west, served, tell):
    release = west.run(["slurmctld", "-V"]).stdout.split()[-1]
    expected = f"v0.0.{served[-1]}, Slurm {release}"
    tell(f"{expected}; it serves v0.0.{served[0]} to {served[-1]}")
    home.wait(lambda: told(home)["sites"][0], 60, "the gateway to have looked at the site",
              until=lambda seen: seen["reachable"] and seen["api"] == expected and seen["rooms"] == [ROOM])
    home.wait(lambda: " ".join(home.run(["weir", "sites"]).stdout.split()), 30, "weir sites to tell so",
              until=lambda text: expected in text)


def test_what_a_job_asks_for_arrives(home, west):
    job = send(home, "--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=3", "--mem=4G",
               "--gpus-per-node=2", "--time=7", script=f"""set -- "$FOO" $SLURM_JOB_NUM_NODES $SLURM_NTASKS
echo "$(id -un) in $PWD: $*, $SLURM_CPUS_PER_TASK, $CUDA_VISIBLE_DEVICES"
srun sh -c 'echo "task $SLURM_PROCID on node $SLURM_NODEID with $CUDA_VISIBLE_DEVICES"'
{TALK}""", env={"FOO": "it's a \"värde\" $x \\"})
    runs(home, job)
    [copy] = home.wait(lambda: copies(west, job), 30, "the site's accounting to have it")
    fields = west.run(["sacct", "-X", "-n", "-P", "-j", copy, "-o", "nnodes,timelimitraw,alloctres"]).stdout.strip()
    nodes, limit, tres = fields.split("|")
    assert (nodes, limit) == ("2", "7")
    assert {"cpu=12", "mem=8G", "node=2", "gres/gpu=4"} <= set(tres.split(","))
    home.wait(lambda: told(home)["sites"][0]["rooms"], 60, "the gateway to see what is left",
              until=lambda rooms: sorted(rooms, key=lambda room: room["gpus"]) ==
              [ROOM | {"nodes": 2, "cpus": 26, "memory": 256000 - 4096, "gpus": 2}, ROOM | {"nodes": 2}])
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    let_go(west, job)
    over(home, job, "3:0")
    first, *tasks = [line for line in own(output(home, job)) if line != "up"]
    assert first == f"w-alice in /scratch/w-alice/{folder}: it's a \"värde\" $x \\ 2 4, 3, 0,1"
    assert sorted(tasks) == [f"task {task} on node {task // 2} with 0,1" for task in range(4)]
    ended(home, west, job, "FAILED")


def test_what_ends_a_job_there_ends_it_here(home, west):
    killed = send(home, script="kill -9 $$")
    many = send(home, "--array=1-12", script="exit $((SLURM_ARRAY_TASK_ID % 2))")
    over(home, killed, "0:9")
    states = ["sacct", "-X", "-n", "-P", "-j", str(many), "-o", "exitcode"]
    home.wait(lambda: sorted(home.run(states).stdout.split()), 90, "an array's tasks to end as their copies",
              until=lambda seen: seen == ["0:0"] * 6 + ["1:0"] * 6)


def test_every_version_of_the_api_that_it_serves_works(home, west, served):
    """The gateway finds out by itself that the site has been changed."""
    with_steps = []
    for version in served:
        only(west, [version])
        before = len(asked(west, f"/v0.0.{version}/job/submit"))
        with_steps.append(with_warning(home, "USR2@100", STEP))
        ends, warned, cancelled = (send(home, "--gpus-per-node=1", script=TALK) for _ in range(3))
        for job in (with_steps[-1], ends, warned, cancelled):
            runs(home, job, 90)
        home.run(["scancel", "--signal=USR1", "--batch", str(warned)], user="alice")
        home.run(["scancel", str(cancelled)], user="alice")
        let_go(west, ends)
        over(home, ends, "3:0")
        over(home, warned, "7:0")
        home.wait_state(cancelled, "CANCELLED", timeout=60)
        said = own(output(home, warned))
        assert (said[0], said[-1]) == ("up", "warned")
        assert len(said) == 2 or version < 40  # before, its children get the signal, too: the shell tells of that
        ended(home, west, ends, "FAILED")
        ended(home, west, warned, "FAILED")
        ended(home, west, cancelled, "CANCELLED")
        home.wait(lambda: told(home)["sites"][0]["api"], 60, f"the gateway to tell v0.0.{version}",
                  until=lambda api, version=version: api.startswith(f"v0.0.{version},"))
        assert len(asked(west, f"/v0.0.{version}/job/submit")) == before + 4
    for job in with_steps:
        over(home, job, "9:0", timeout=90)
        assert "step warned" in own(output(home, job))
    only(west, served)

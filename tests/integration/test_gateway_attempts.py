# SPDX-License-Identifier: GPL-2.0-or-later
"""What users might try at a gateway. Whatever it is, nothing of theirs runs on its host, and they are told why."""

import json
import os
import subprocess

import pytest

from mirroring import INSTALLATION, copies, left_at, nominate, output, own, send
from overflowing import overflowing

SOCKET = "/run/weir/gateway.sock"
# Says one thing at the gateway's socket, with files, and prints what it answers.
CLIENT = """import array, json, os, socket, sys
asked, files = json.loads(sys.argv[1]), [os.open(path, os.O_RDWR) for path in sys.argv[2:]]
gateway = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
gateway.settimeout(30)
gateway.connect("/run/weir/gateway.sock")
gateway.sendmsg([json.dumps(asked).encode() + b"\\n"],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else [])
print(gateway.recv(1 << 17).split(b"\\n")[0].decode() or "closed")
"""


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = overflowing(module_lab, build_dir)
    lab.wait(lambda: lab.run("weir sites").stdout, 60, "weirctld to know the site")
    lab.run(["mkdir", "-m", "1777", lab.inside("tmp/marks")])
    lab.run(f"printf '#!/bin/sh\\ntouch {lab.inside('tmp/marks/ran')}\\n' >mark; chmod 755 mark; "
            "echo $PWD/mark | tee -a .profile >>.bashrc", user="alice")
    lab.run("echo note >f", user="alice")
    lab.run("echo note >f", user="bob")
    return lab


@pytest.fixture(autouse=True)
def nothing_ran(home):
    yield
    marks = os.listdir(home.path("tmp/marks"))
    home.run(["rm", "-f", home.inside("tmp/marks/ran")])
    assert marks == []


@pytest.fixture
def west(home):
    return home.sites["west"]


@pytest.fixture(scope="module")
def mirrored(home):
    """A job of alice's that runs at the site all the time."""
    job = send(home, "--ntasks=4", "--time=30", script="echo up; sleep 900")
    home.wait(lambda: "up" in output(home, job), 60, "it to run")
    yield job
    assert home.job(job)["JobState"] == "RUNNING" and list(copies(home.sites["west"], job).values()) == ["RUNNING"]


def over(home, job):
    home.wait(lambda: home.job(job)["JobState"], 60, "it to be over",
              until=lambda state: state not in ("PENDING", "RUNNING", "COMPLETING"))


def say(home, user, asked, *files):
    return home.run(["python3", "-c", CLIENT, json.dumps(asked), *files], user=user).stdout.strip()


def ask_to_run(home, user, job, *files):
    return say(home, user, {"do": "run", "version": 1, "job": job, "node": "west-1"}, *(files or ("f", "f")))


def test_another_users_job_is_not_served(home, mirrored):
    assert json.loads(ask_to_run(home, "bob", mirrored)) == {
        "do": "refused", "said": f"job {mirrored} is not yours; nothing of it was run"}
    waiting = home.sbatch(["--hold", "--time=5"], script="true", user="alice", partition="train")
    for job in (waiting, 4_000_000):
        assert json.loads(ask_to_run(home, "bob", job))["said"] == f"job {job} is not yours; nothing of it was run"
    home.run(["scancel", str(waiting)])


def test_nonsense_at_the_socket_ends_its_connection_alone(home, mirrored):
    home.run("mkfifo -m 600 pipe", user="alice")
    assert ask_to_run(home, "alice", mirrored, "pipe", "pipe") == "closed"
    assert ask_to_run(home, "alice", mirrored, "/dev/null", "/dev/null") == "closed"
    assert say(home, "alice", {"do": "run", "job": mirrored}) == "closed"
    assert say(home, "alice", {"do": "run", "job": "x"}, "f", "f") == "closed"
    assert "refused" in ask_to_run(home, "bob", mirrored)  # it is still there


def test_a_crowd_of_one_users_leaves_room_for_others(home):
    crowd = "import resource, socket, sys\nresource.setrlimit(resource.RLIMIT_NOFILE, (7000, 7000))\nall = []\n" \
            "for number in range(6000):\n all.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))\n" \
            f" all[-1].connect('{SOCKET}')\n" \
            "all[-1].settimeout(30)\nprint(all[-1].recv(1), flush=True)\nsys.stdin.read()"
    process = home.popen(["python3", "-c", crowd], user="bob", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"b''\n"  # the last one is turned away
    job = send(home, script="echo here")
    home.wait_state(job, "COMPLETED", timeout=60)
    process.communicate(timeout=60)
    assert own(output(home, job)) == ["here"]


def test_a_relay_run_by_hand_for_a_job_that_is_not_sent_is_refused(home):
    job = home.sbatch(["--time=5"], script="sleep 60", user="alice", partition="train")
    node = home.wait_state(job, "RUNNING", timeout=60)["NodeList"]
    relay = home.inside("plugins/weir-relay")
    tried = home.run(f"{relay} --socket {SOCKET} --environment-fd 3 --job {job} --node {node} -- mark 3<f",
                     user="alice", check=False)
    assert tried.returncode == 1
    why = f"job {job} does not run on gateway nodes that this gateway serves"
    assert tried.stderr == f"weir: {why}; nothing of it was run\n"
    home.run(["scancel", str(job)])


@pytest.mark.parametrize("options", [["--overlap"], ["--overlap", "-n4"], ["--overlap", "--pty"]])
@pytest.mark.parametrize("extra", [[], ["--task-prolog=mark"], ["--task-epilog=mark"], ["--bcast=/dev/shm/weir-bcast"]])
def test_no_step_runs_whatever_it_brings(home, mirrored, options, extra):
    extra = [word.replace("=mark", f"={home.inside('home/alice/mark')}") for word in extra]
    step = home.run(["srun", f"--jobid={mirrored}", *options, *extra, "./mark"], user="alice", check=False)
    assert step.returncode != 0
    assert "this node is a gateway to another site: no step of a job runs on it, only its copy there" in step.stderr


def test_files_may_be_put_on_the_host_but_nothing_attaches_or_runs(home, mirrored):
    placed = home.inside("tmp/placed")
    home.run(["sbcast", f"--jobid={mirrored}", "f", placed], user="alice")
    assert home.read(placed) == "note\n"
    assert home.run(["sattach", f"{mirrored}.0"], user="alice", check=False).returncode != 0


def test_the_gateways_partition_is_nobodys_to_name(home):
    for command in (["sbatch", "--wrap=./mark"], ["srun", "./mark"], ["salloc", "./mark"]):
        refused = home.run([command[0], "-p", "west", "-t1", *command[1:]], user="alice", check=False)
        assert refused.returncode != 0 and "partition west is a gateway of site west" in refused.stderr
    word = f"weir:site=west@{INSTALLATION}"
    job = home.sbatch(["--hold", "--time=5"], script="./mark", user="alice", partition="train")
    for change in ("partition=west", "partition=train,west", f"admincomment={word}"):
        assert home.run(["scontrol", "update", f"jobid={job}", change], user="alice", check=False).returncode != 0
    seen = home.job(job)
    assert (seen["Partition"], seen.get("AdminComment")) == ("train", None)
    refused = home.run(["sbatch", "-t1", f"--admin-comment={word}", "--wrap=./mark"], user="alice", check=False)
    assert refused.returncode != 0 or INSTALLATION not in home.job(refused.stdout.split()[-1]).get("AdminComment", "")
    home.run(["scancel", str(job)])


@pytest.mark.parametrize("command", [["salloc", "srun", "./mark"], ["srun", "./mark"]])
def test_an_allocation_that_gets_there_all_the_same_runs_nothing(home, west, command):
    name = f"by-{command[0]}"
    process = home.popen([command[0], "-J", name, "-p", "train", "-t5", "--begin=now+1hour", *command[1:]],
                         user="alice", stderr=subprocess.PIPE, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                         encoding="utf-8")
    job = int(home.wait(lambda: home.run(["squeue", "-h", "-n", name, "-o", "%A"]).stdout, 60, "it to wait"))
    nominate(home, job)
    home.run(["scontrol", "update", f"jobid={job}", "starttime=now"], user="slurm")
    said = process.communicate(timeout=90)[1]
    assert process.returncode != 0 and "this node is a gateway to another site" in said
    assert copies(west, job) == {}
    over(home, job)


@pytest.mark.parametrize("option", ["--get-user-env", "--export=NONE", "--export=FOO=bar"])
def test_a_job_for_which_a_login_shell_would_run_stays_here(home, west, option):
    refused = home.run(["sbatch", "-t5", option, "--weir-overflow=allow", "--wrap=true"], user="alice", check=False)
    assert refused.returncode != 0 and "it does not go with --get-user-env" in refused.stderr
    job = home.sbatch(["--hold", "-t5", option], script="./mark", user="alice", partition="train")
    assert "overflow=never" in home.job(job)["AdminComment"]
    nominate(home, job)
    home.wait_state(job, "FAILED", timeout=60)
    assert "cannot be sent: its user's login shell is to run" in output(home, job) and copies(west, job) == {}


def test_a_job_in_a_container_stays_here(home, west):
    refused = home.run(["sbatch", "-t5", "--container=/srv/x", "--weir-overflow=allow", "--wrap=true"], user="alice",
                       check=False)
    assert refused.returncode != 0 and "jobs in a container (--container) do not run elsewhere" in refused.stderr
    job = home.sbatch(["--hold", "-t5", "--container=/srv/x"], script="./mark", user="alice", partition="train")
    nominate(home, job)
    over(home, job)
    assert copies(west, job) == {}


def test_limits_environment_files_and_the_like_do_no_harm(home, west):
    home.run("printf 'FOO=from a file\\0' >environment", user="alice")
    job = home.sbatch(["--hold", "-t5", "--propagate=ALL", "--export-file=environment"], script='echo "$FOO"; exit 2',
                      user="alice", partition="train")
    nominate(home, job)
    home.wait_state(job, "FAILED", timeout=60)
    assert own(output(home, job)) == ["from a file"] and home.job(job)["ExitCode"] == "2:0"


# Files


def test_a_file_that_its_user_may_not_read_is_not_sent(home, west):
    home.run("echo secret >secret; chmod 600 secret; chmod 755 .", user="bob")
    home.run("mkdir -p swapped; echo mine >later; echo mine >swapped/file", user="alice")
    jobs = [home.sbatch(["--hold", "-t5", f"--weir-stage-in={path}"], script="./mark", user="alice", partition="train")
            for path in ("later", "swapped")]
    theirs = home.inside("home/bob/secret")
    home.run(f"ln -sf {theirs} later; ln -sf {theirs} swapped/file", user="alice")
    for job in jobs:
        nominate(home, job)
    home.wait_state(jobs[0], "FAILED", timeout=60)
    assert "its files cannot be sent: later: Permission denied" in output(home, jobs[0]) and copies(west, jobs[0]) == {}
    # In a folder a link that leads out of it is passed over, whatever it leads to.
    home.wait_state(jobs[1], "FAILED", timeout=60)
    assert "swapped/file is not sent: it leads elsewhere" in output(home, jobs[1])
    for job in jobs:
        home.wait(lambda job=job: left_at(west, job), 30, "the site to be clean", until=lambda left: not left)


def test_what_comes_back_is_written_in_the_jobs_folder_and_over_nobody_elses_file(home):
    shared = home.inside("tmp/shared")
    home.run(["mkdir", "-m", "1777", shared])
    home.run(f"echo theirs >theirs; chmod 666 theirs; mkdir -m 777 other; touch {shared}/.loot.weir-part; "
             f"chmod 666 {shared}/.loot.weir-part; echo old >{shared}/taken; chmod 644 {shared}/taken", user="bob")
    home.run(f"ln -s {home.inside('home/bob/theirs')} link; ln -s {home.inside('home/bob/other')} folder", user="alice",
             cwd=shared)
    refused = home.run(["sbatch", "--weir-stage-out=../out", "--wrap=true"], user="alice", check=False)
    assert refused.returncode != 0 and "../out" in refused.stderr
    # sbatch would not take these as an option.
    home.run("printf 'SLURM_WEIR_STAGE_OUT=../out,/tmp/out,loot,taken,link,folder/inside\\0' >paths", user="alice")
    job = home.sbatch(["--hold", "-t5", f"--chdir={shared}", "--output=job.out", "--export-file=paths"], user="alice",
                      script="mkdir -p folder; for f in loot taken link folder/inside; do echo mine >$f; done",
                      partition="train")
    nominate(home, job)
    home.wait_state(job, {"COMPLETED", "FAILED"}, timeout=60)
    assert home.read(f"{shared}/.loot.weir-part") == "" and home.read(f"{shared}/taken") == "old\n"
    assert home.read("home/bob/theirs") == "theirs\n" and os.listdir(home.path("home/bob/other")) == []
    assert home.read(f"{shared}/link") == "mine\n" and not os.path.islink(home.path(f"{shared}/link"))
    assert not os.path.exists(home.path("tmp/out")) and not os.path.exists("/tmp/out")


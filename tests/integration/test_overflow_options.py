# SPDX-License-Identifier: GPL-2.0-or-later
"""What users say of running at remote sites: how it is kept, what is refused, and that gateways have no other door.

The heartbeat is written by hand, but for the last test."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

import submissions
from support import answering
from weirlab.config import STOCK_PLUGINS
from weirlab.users import identity

LAYOUT = {
    "nodes": [{"names": "t[1-2],w1", "gpus": "a100:4"}],
    "partitions": [{"name": "train", "nodes": "t[1-2]", "default": True}, {"name": "secret", "nodes": "t[1-2]"},
                   {"name": "debug", "nodes": "t[1-2]"}, {"name": "west", "nodes": "w1"}],
}
OVERFLOW = "weir: --weir-overflow: "
GATEWAY = "weir: partition west is a gateway of site west: jobs come there by --weir-overflow, see man weir-sbatch"
EVERYTHING = ["--weir-overflow=allow:west", "--weir-max-cost=12.5", "--weir-latency=1s"]
KEPT = "weir:overflow=allow:west;max_cost=12.50;latency=1000ms"
POLICY = """mode: act
cycle: 1s
sites:
  west:
    gateway: {nodes: w1, partition: west, host: gw1}
    rest: {url: "https://rest.west.example:6820", token_file: "west/{user}.jwt"}
    files: {sftp: dtn.west.example, key_file: "west/{user}.key", host_key_sha256: DIGEST, root: "/scratch/{user}"}
    users: {alice: w-alice}
    price: {gpu_hour: {a100: 0.60}}
overflow:
  - {partitions: [train], mode: advise}
  - {partitions: [secret], default: forbidden}
""".replace("DIGEST", "k" * 43)


class Sites(submissions.Slurm):
    """Alice may go to west from train, bob to east; nobody leaves secret."""

    def reset(self):
        self.cancel_all()
        self.tell()

    def tell(self, age=0):
        alice, bob = (identity(name)[0] for name in ("alice", "bob"))
        self.write("\n".join([
            "weir heartbeat 2", f"at {int(time.time() - age)}", "valid_for 60",
            "site east", "gateway gw_east", "site west", "gateway west", f"site_users 0 {bob}", f"site_users 1 {alice}",
            "overflow spill", "overflow_from train", "overflow none", "forbidden", "overflow_from secret", "end", ""]),
            age)

    def held(self, *args, **options):
        """What the AdminComment of a job of alice's says that waits."""
        job = self.lab.sbatch(["-H", *args], **options)
        return self.lab.job(job).get("AdminComment", "")

    def refused(self, argv, user="alice", env=None):
        result = self.run(argv, user=user, check=False, env=env, input="#!/bin/sh\ntrue\n")
        assert result.returncode != 0, f"{argv} was taken: {result.stdout}"
        return result.stderr

    def output(self, *args, script, env=None):
        """What a job of alice's prints that runs at once."""
        job = self.lab.sbatch(["-ptrain", "-N1", "-o", "said.%j", *args], script=script, env=env)
        self.lab.wait_state(job, "COMPLETED")
        return self.lab.read(f"home/alice/said.{job}")


@pytest.fixture(scope="module")
def module_sites(module_lab, build_dir):
    with tempfile.TemporaryDirectory(prefix="weir-submit-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for plugin in ("job_submit_weir.so", "spank_weir.so"):
            shutil.copy(f"{build_dir}/lib/{plugin}", folder)
        sites = Sites(module_lab(layout=LAYOUT, scheduler="stock", slurm_conf=[
            f"PluginDir={folder}:{STOCK_PLUGINS}", "JobSubmitPlugins=weir"]))
        sites.lab.write("etc/plugstack.conf", f"optional {folder}/spank_weir.so\n")
        sites.run(f"install -d -o slurm {sites.lab.directory}/state/slurmctld/weir")
        for name, size in (("data/a", 100), ("data/deep/b", 20), ("other/c", 3)):
            os.makedirs(os.path.dirname(sites.lab.path(f"home/alice/{name}")), exist_ok=True)
            sites.lab.write(f"home/alice/{name}", "x" * size, owner="alice")
        sites.lab.write("home/alice/closed", "x", owner="root", mode=0o600)
        yield sites


@pytest.fixture
def sites(module_sites):
    module_sites.reset()
    return module_sites


# How it is said and kept

@pytest.mark.parametrize("option,value,kept", [
    ("weir-overflow", "prefer:west", "overflow=prefer:west"), ("weir-max-cost", "5", "max_cost=5.00"),
    ("weir-latency", "45ms", "latency=45ms"), ("weir-stage-in", "data,other/c", "stage_in=123")])
def test_an_option_is_taken_from_command_line_script_and_environment(sites, option, value, kept):
    variable = "SBATCH_" + option.upper().replace("-", "_")
    script = f"#!/bin/bash\n#SBATCH --{option}={value}\nsleep 60\n"
    assert sites.held(f"--{option}={value}") == "weir:" + kept
    assert sites.held(script=script) == "weir:" + kept
    assert sites.held(env={variable: value}) == "weir:" + kept


def test_all_stand_in_one_word_that_outlives_updates_and_requeues(sites):
    job = sites.lab.sbatch(["-ptrain", "-N1", *EVERYTHING], script="touch began; sleep 600")
    sites.wait(lambda: os.path.exists(sites.lab.path("home/alice/began")), 30, "the job to begin")
    sites.run(f"scontrol requeue {job}", user="alice")
    sites.wait(lambda: sites.lab.job(job), 30, "the requeue",
               until=lambda seen: seen["Restarts"] == "1" and seen["JobState"] == "PENDING")
    sites.run(f"scontrol hold {job} && scontrol update jobid={job} timelimit=7 && scontrol release {job}", user="alice")
    assert sites.lab.job(job)["AdminComment"] == KEPT


def test_the_jobs_of_a_job_have_none_of_it(sites):
    child, step = sites.output(*EVERYTHING, script="sbatch --parsable -H --wrap true; srun -n1 true && echo step").split()
    assert step == "step" and "AdminComment" not in sites.lab.job(int(child))


def test_help_tells_of_all_within_eighty_columns(sites):
    for command in ("sbatch", "salloc", "srun"):
        shown = sites.run([command, "--help"], user="alice").stdout
        ours = shown[shown.index("Options provided by plugins"):].splitlines()
        for option in ("overflow=never|allow|prefer[:SITE,...]", "max-cost=AMOUNT", "latency=TIME", "stage-in=PATH,...",
                       "stage-out=PATH,..."):
            assert any(f"--weir-{option}" in line for line in ours), shown
        assert max(len(line) for line in ours if "weir" in line) <= 80, shown


# What is staged

PATHS = ["--weir-stage-in=data", "--weir-stage-out=results,log"]
SAYS = 'echo "$SLURM_WEIR_STAGE_IN $SLURM_WEIR_STAGE_OUT"'


@pytest.mark.parametrize("export", [None, "ALL", "NONE", "HOME", "HOME,X=1"])
def test_paths_reach_the_job_whatever_it_exports(sites, export):
    args = [f"--export={export}"] if export else []
    assert sites.output(*PATHS, *args, script=SAYS) == "data results,log\n"


@pytest.mark.parametrize("export", [None, "NONE"])
def test_a_job_does_not_hand_its_paths_down(sites, export):
    inner = f"sbatch -W -o inner {f'--export={export}' if export else ''} <<'END'\n#!/bin/bash\n{SAYS}\nEND\ncat inner"
    assert sites.output(*PATHS, script=inner).splitlines()[-1] == " "
    # One that says its own has these.
    inner = inner.replace("sbatch", "sbatch --weir-stage-in=other")
    assert sites.output(*PATHS, script=inner).splitlines()[-1] == "other "


def test_paths_are_no_secret_that_slurm_tells(sites):
    job = sites.lab.sbatch(["-H", *PATHS])
    shown = sites.run(["scontrol", "show", "job", str(job)]).stdout
    assert "weir:stage_in=120" in shown and "results" not in shown


def test_what_is_taken_along_is_measured_in_the_folder_that_the_job_will_work_in(sites):
    home = sites.lab.inside("home/alice")
    assert sites.held("--weir-stage-in=data") == "weir:stage_in=120"
    assert sites.held(f"--weir-stage-in={home}/other") == "weir:stage_in=3"
    assert sites.held("--weir-stage-in=deep", "-D", f"{home}/data") == "weir:stage_in=20"
    assert sites.held("-D", "data", "--weir-stage-in=deep") == "weir:stage_in=20"
    script = "#!/bin/bash\n#SBATCH --weir-stage-in=deep\n#SBATCH --chdir=data\ntrue\n"
    assert sites.held(script=script) == "weir:stage_in=20"


@pytest.mark.parametrize("args,why", [
    (["--weir-stage-in=none"], '"none" (in "/'), (["--weir-stage-in=/none"], '"/none": No such file or directory'),
    (["--weir-stage-in=data", "-Dother"], "No such file or directory"),
    (["--weir-stage-in=closed"], "Permission denied"), (["--weir-stage-in=/dev/null"], "neither a file nor a folder"),
    (["--weir-stage-in=data,,other"], '"" names no file'), (["--weir-stage-in="], '"" names no file'),
    (["--weir-stage-in=data/../.."], "leads upwards"), (["--weir-stage-in=a\nb"], "control character"),
    (["--weir-stage-out=/results"], "is absolute"), (["--weir-stage-out=../results"], "leads upwards")])
def test_paths_that_make_no_sense_are_refused(sites, args, why):
    said = sites.refused(["sbatch", *args])
    assert f"weir: {args[0].partition('=')[0]}: " in said and why in said, said


def test_counting_a_large_folder_ends(sites):
    sites.run("mkdir many && cd many && seq 10100 | xargs touch", user="alice")
    began = time.monotonic()
    result = sites.run(["sbatch", "-H", "--weir-stage-in=many"], user="alice", input="#!/bin/sh\ntrue\n")
    assert "weir: --weir-stage-in: more than 0 bytes; counting was stopped" in result.stderr
    assert time.monotonic() - began < 10


# What is refused

@pytest.mark.parametrize("argv,user,why", [
    (["-ptrain", "--weir-overflow=alow"], "alice", '"alow" is not never, allow or prefer (did you mean allow?)'),
    (["-pdebug", "--weir-overflow=allow"], "alice", "jobs of partition debug do not overflow"),
    (["-psecret", "--weir-overflow=allow"], "alice", "jobs of partition secret may not leave"),
    (["-ptrain", "--weir-overflow=allow:north"], "alice", "there is no site north (there are: east, west)"),
    (["-ptrain", "--weir-overflow=prefer:west"], "bob", "you have no account at site west"),
    (["-ptrain", "--weir-overflow=allow"], "serve", "you have no account at any site (east, west)")])
def test_a_job_that_could_never_leave_is_told_why(sites, argv, user, why):
    said = sites.refused(["sbatch", *argv], user=user)
    assert OVERFLOW + why in said, said
    if "did you mean" in why:
        return
    sites.tell(age=3600)  # weirctld may know better by now
    sites.run(["sbatch", "-H", *argv], user=user, input="#!/bin/sh\ntrue\n")


def test_a_job_may_say_that_it_stays_anywhere(sites):
    for partition in ("debug", "secret", "train"):
        assert sites.held(f"-p{partition}", "--weir-overflow=never", user="serve") == "weir:overflow=never"


@pytest.mark.parametrize("command", ["srun", "salloc"])
def test_only_batch_jobs_leave(sites, command):
    for option in (*EVERYTHING, *PATHS):
        said = sites.refused([command, "-ptrain", option, "true"])
        assert f"weir: {option.partition('=')[0]}: only batch jobs run elsewhere; submit one with sbatch" in said
    sites.run([command, "-ptrain", "--weir-overflow=never", "true"], user="alice")


@pytest.mark.parametrize("age", [0, 86400])
def test_a_gateway_has_no_door_for_users_also_while_weirctld_is_gone(sites, age):
    sites.tell(age)
    for argv in (["sbatch", "-pwest"], ["sbatch", "-ptrain,west"], ["salloc", "-pwest", "true"],
                 ["srun", "-pwest", "true"]):
        assert GATEWAY in sites.refused(argv)
    job = sites.lab.sbatch("-H -ptrain")
    for change in ("west", "train,west"):
        assert "denied" in sites.refused(["scontrol", "update", f"jobid={job}", f"partition={change}"])
    assert sites.lab.job(job)["Partition"] == "train"
    sites.run(f"scontrol update jobid={job} partition=debug", user="alice")


def test_root_and_slurmuser_may_send_a_job_to_a_gateway(sites):
    for user in ("root", "slurm"):
        job = sites.lab.sbatch("-H -ptrain")
        comment = "weir:site=west@1f3a9c20b7d4e5f6"
        sites.run(["scontrol", "update", f"jobid={job}", "partition=train,west", f"admincomment={comment}"], user=user)
        seen = sites.lab.job(job)
        assert (seen["Partition"], seen["AdminComment"]) == ("train,west", comment)
        # Its user can hold it, let it go and take it home; but not send it there anew.
        sites.run(f"scontrol release {job} && scontrol hold {job} && scontrol update jobid={job} partition=train",
                  user="alice")
        assert "denied" in sites.refused(["scontrol", "update", f"jobid={job}", "partition=train,west"])
        assert sites.lab.job(job)["AdminComment"] == comment


def test_without_a_heartbeat_everything_is_taken(sites):
    sites.remove_heartbeat()
    assert sites.held("-pdebug", *EVERYTHING, user="bob") == KEPT


def test_the_example_says_what_it_may_cost_and_runs_at_home_as_ever(sites):
    jobs = Path(__file__).resolve().parents[2] / "contrib" / "jobs"
    for name in ("overflow.sbatch", "train.py"):
        sites.lab.write(f"home/alice/{name}", (jobs / name).read_bytes(), owner="alice")
    result = sites.run("sbatch --parsable overflow.sbatch", user="alice", env={"TRAIN_STEPS": "3"})
    job = int(result.stdout)
    size = (jobs / "train.py").stat().st_size
    assert sites.lab.job(job)["AdminComment"] == f"weir:overflow=allow;max_cost=20.00;stage_in={size}"
    sites.lab.wait_state(job, "COMPLETED")
    assert "\nresult " in sites.lab.read("home/alice/learnt/result.txt")


# As weirctld tells it

def test_weirctld_tells_of_the_sites_in_its_policy(lab, build_dir):
    weir = answering(lab(layout=LAYOUT, weir=build_dir, policy=POLICY))
    heartbeat = weir.lab.read("state/slurmctld/weir/heartbeat")
    assert f"site west\ngateway west\nsite_users 0 {identity('alice')[0]}\n" in heartbeat
    weir.run(["sbatch", "-H", "-ptrain", *EVERYTHING], user="alice", input="#!/bin/sh\ntrue\n")
    for argv, why in ((["-psecret", EVERYTHING[0]], "may not leave"), (["-pwest"], GATEWAY)):
        result = weir.run(["sbatch", *argv], user="alice", check=False, input="#!/bin/sh\ntrue\n")
        assert result.returncode != 0 and why in result.stderr, result.stderr

# SPDX-License-Identifier: GPL-2.0-or-later
"""What users say to Weir at sbatch, salloc and srun: how it is kept, and that nobody else can say it for them."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from support import NOTICE, layout

LAYOUT = layout("i1", "t[1-3]", "AuthInfo=cred_expire=5")
CHECKPOINT = "USR1@20,every=10m,reload=30s"
KEPT = "weir:checkpoint=USR1@20,every=600s,reload=30s"
SAVES = """trap 'echo saving >> saved.$SLURM_JOB_ID; scontrol requeue $SLURM_JOB_ID' USR1
while :; do sleep 0.1; done"""

# A user's own program: sends what sbatch would not, an AdminComment and what stands in spank_job_env.
FORGER = r"""
#include <slurm/slurm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char *environment[] = {"PATH=/usr/bin:/bin"};
    job_desc_msg_t job;
    submit_response_msg_t *answer = NULL;
    slurm_init(NULL);
    slurm_init_job_desc_msg(&job);
    if (*argv[1]) job.admin_comment = argv[1];
    job.spank_job_env = argv + 2;
    job.spank_job_env_size = argc - 2;
    job.environment = environment;
    job.env_size = 1;
    job.min_nodes = job.max_nodes = 1;
    job.script = "#!/bin/sh\ntrue\n";
    job.user_id = getuid();
    job.group_id = getgid();
    job.std_out = "/dev/null";
    job.work_dir = "/tmp";
    if (slurm_submit_batch_job(&job, &answer) != 0) return slurm_perror("submit"), 1;
    printf("%u\n", answer->job_id);
    return 0;
}
"""


def comment(weir, job):
    return weir.lab.job(job).get("AdminComment", "")


def held(weir, args="", **options):
    """A job of alice's that waits; returns what its AdminComment says."""
    return comment(weir, weir.lab.sbatch(f"-H -ptrain {args}", **options))


def refused(weir, argv, user="alice"):
    result = weir.run(argv, user=user, check=False, input="#!/bin/sh\ntrue\n")
    assert result.returncode != 0, result.stdout
    return result.stderr


# How it is said

@pytest.mark.parametrize("option,value,kept", [
    ("weir-checkpoint", CHECKPOINT, KEPT), ("weir-notice", "TERM@90", "weir:notice=B:TERM@90")])
def test_sbatch_takes_an_option_from_command_line_script_and_environment(weir, option, value, kept):
    variable = "SBATCH_" + option.upper().replace("-", "_")
    script = f"#!/bin/bash\n#SBATCH --{option}={value}\nsleep 60\n"
    other = {variable: "USR2@7"}
    assert held(weir, f"--{option}={value}") == kept
    assert held(weir, script=script) == kept
    assert held(weir, env={variable: value}) == kept
    # As with Slurm's own: the command line over the environment over the script.
    assert held(weir, script=script, env=other) == kept.partition("=")[0] + "=" + ("B:" if "notice" in option else "") \
        + "USR2@7"
    assert held(weir, f"--{option}={value}", script=script.replace(value, "HUP@9"), env=other) == kept


@pytest.mark.parametrize("command,variable", [("salloc", "SALLOC_WEIR_NOTICE"), ("srun", "SLURM_WEIR_NOTICE")])
def test_salloc_and_srun_take_a_notice_for_their_steps(weir, command, variable):
    show = [command, "-ptrain", "-N1", "sh", "-c", "scontrol show job $SLURM_JOB_ID"]
    for argv, env in ((show[:1] + ["--weir-notice=USR1@15"] + show[1:], {}), (show, {variable: "USR1@15"})):
        assert "AdminComment=weir:notice=USR1@15 " in weir.run(argv, user="alice", env=env).stdout
    assert "AdminComment" not in weir.run(show, user="alice").stdout


def test_both_options_stand_in_one_word_and_the_jobs_of_a_job_do_not_inherit_it(weir):
    job = weir.lab.sbatch(f"-ptrain --weir-checkpoint={CHECKPOINT} --weir-notice=TERM@5",
                          script="env | grep -c WEIR_CHECKPOINT= > seen; sbatch --parsable -H --wrap true > child;"
                                 " srun -n1 true && srun --weir-notice=USR2@5 -n1 true && touch steps", env={})
    weir.lab.wait_state(job, "COMPLETED")
    assert comment(weir, job) == KEPT + ";notice=B:TERM@5"
    home = "home/alice/"
    assert comment(weir, int(weir.lab.read(home + "child"))) == ""
    assert os.path.exists(weir.lab.path(home + "steps"))


def test_help_tells_of_both_options_within_eighty_columns(weir):
    for command in ("sbatch", "salloc", "srun"):
        shown = weir.run([command, "--help"], user="alice").stdout
        ours = shown[shown.index("Options provided by plugins"):][:600].splitlines()
        assert any("--weir-checkpoint=SIGNAL@SECONDS[,every=TIME][,reload=TIME]" in line for line in ours), shown
        assert any("--weir-notice=SIGNAL@SECONDS" in line for line in ours), shown
        assert max(map(len, ours)) <= 80, shown


# How it is kept

def test_it_survives_updates_arrays_het_jobs_and_requeues(weir):
    job = weir.lab.sbatch(f"-ptrain -N1 --weir-checkpoint={CHECKPOINT}", script="touch began; sleep 600")
    weir.wait(lambda: os.path.exists(weir.lab.path("home/alice/began")), 30, "the job to begin")
    weir.run(f"scontrol update jobid={job} comment=weir:checkpoint=HUP@1 timelimit=77", user="alice")
    assert comment(weir, job) == KEPT
    weir.run(f"scontrol requeue {job}", user="alice")
    weir.requeued(job)
    weir.lab.wait_state(job, "RUNNING")
    assert comment(weir, job) == KEPT
    array = weir.lab.sbatch(f"-ptrain -a0-2 --weir-checkpoint={CHECKPOINT}")
    weir.wait(lambda: weir.run(f"squeue -h -j {array} -t R -o %i").stdout.split(), 20, "three tasks",
              until=lambda tasks: len(tasks) == 3)
    kept = {job["AdminComment"] for job in weir.lab.jobs().values() if job.get("ArrayJobId") == str(array)}
    assert kept == {KEPT}
    het = weir.lab.sbatch(f"-H -ptrain --weir-checkpoint={CHECKPOINT} -N1 : -ptrain --weir-notice=TERM@9 -N1")
    parts = {job["HetJobOffset"]: job["AdminComment"] for job in weir.lab.jobs().values()
             if job.get("HetJobId") == str(het)}
    # As with every plugin's option: what is said of the first component holds for those that follow.
    assert parts == {"0": KEPT, "1": KEPT + ";notice=TERM@9"}


def test_it_survives_a_restart_of_slurmctld(weir):
    job = weir.lab.sbatch(f"-H -ptrain --weir-checkpoint={CHECKPOINT}")
    weir.lab.stop("slurmctld")
    weir.lab.start("slurmctld")
    weir.wait(lambda: weir.run("scontrol ping", check=False).stdout, 20, "slurmctld", until=lambda text: "is UP" in text)
    assert comment(weir, job) == KEPT
    weir.status(40)


def test_words_of_an_administrator_and_of_a_later_version_stay(weir):
    weir.fill_own()
    owner = weir.train("-N3")  # nothing can be lent: the job waits and Weir looks at it
    weir.running(owner)
    job = weir.serve("--weir-notice=TERM@5")
    weir.run(["scontrol", "update", f"jobid={job}",
              "admincomment=see ticket 4 weir:notice=B10;phase=2;checkpoint=USR1@20,colour=red thanks"])
    weir.cancel(owner)
    weir.running(job)
    assert re.fullmatch(r"see ticket 4 weir:notice=B10;phase=2;checkpoint=USR1@20,colour=red thanks( \[Weir .*\])?",
                        comment(weir, job))
    explained = weir.wait(lambda: weir.run(["weir", "explain", str(job)]).stdout, 15, "explain",
                          until=lambda text: "declared" in text)
    assert "save and start again within 20s" in " ".join(explained.split())


def test_only_an_administrator_can_change_or_strip_it(weir):
    job = weir.lab.sbatch(f"-H -ptrain --weir-checkpoint={CHECKPOINT}")
    for text in ("", "weir:checkpoint=USR1@1", "nothing"):
        said = refused(weir, ["scontrol", "update", f"jobid={job}", f"admincomment={text or ' '}"])
        assert "denied" in said
        said = refused(weir, ["scontrol", "update", f"jobid={job}", f"admincomment={text or ' '}"], user="bob")
        assert "denied" in said
    assert comment(weir, job) == KEPT
    weir.run(["scontrol", "update", f"jobid={job}", "admincomment=by hand"])
    assert comment(weir, job) == "by hand"


def test_a_users_own_program_cannot_forge_it(weir):
    program = weir.lab.path("tmp/forger")
    subprocess.run(["gcc", "-x", "c", "-", "-lslurm", "-o", program], input=FORGER, text=True, check=True)
    forge = [weir.lab.inside("tmp/forger")]
    for text in ("weir:checkpoint=USR1@20", "[Weir 2026-01-01T00:00:00Z: moved]", "hello"):
        assert "denied" in refused(weir, forge + [text])
    for value, why in (("USR1@20;begin=99", "is not a duration"), ("USR1@20 weir:begin=9", "is not a duration"),
                       ("USR1", "seconds"), ("KILL@20", "cannot be caught"), ("USR1@20\nx", "is not a duration"),
                       ("", "is empty"), ("@" * 5000, "no signal")):
        assert "weir: --weir-checkpoint: " in (said := refused(weir, forge + ["", f"WEIR_CHECKPOINT={value}"])), said
        assert why in said, said
    job = int(weir.run(forge + ["", f"WEIR_CHECKPOINT={CHECKPOINT}"], user="alice").stdout)
    assert comment(weir, job) == KEPT  # what sbatch sends


def test_slurmrestd_is_no_way_around(weir):
    socket = weir.lab.inside("tmp/rest.sock")
    daemon = weir.lab.popen(["slurmrestd", "-a", "rest_auth/local", f"unix:{socket}"], user="alice",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def call(method, path, body=None):
            argv = ["curl", "-sS", "--unix-socket", socket, "-X", method, f"http://localhost/slurm/v0.0.38/{path}"]
            if body is not None:
                argv += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
            return json.loads(weir.run(argv, user="alice").stdout)

        weir.wait(lambda: call("GET", "ping"), 20, "slurmrestd")
        job = weir.lab.sbatch(f"-H -ptrain --weir-checkpoint={CHECKPOINT}")
        for forged in ("weir:checkpoint=USR1@1", ""):
            assert call("POST", f"job/{job}", {"admin_comment": forged})["errors"]
        # What a user may change comes through, and is not taken for the word.
        assert not call("POST", f"job/{job}", {"comment": "weir:checkpoint=HUP@1"})["errors"]
        assert weir.lab.job(job)["Comment"] == "weir:checkpoint=HUP@1" and comment(weir, job) == KEPT
        plain = {"name": "x", "environment": {"PATH": "/bin"}, "current_working_directory": "/tmp",
                 "standard_output": "/dev/null"}
        accepted = call("POST", "job/submit", {"script": "#!/bin/sh\ntrue\n", "job": plain})
        assert not accepted["errors"], accepted
        assert comment(weir, accepted["job_id"]) == ""
        answer = call("POST", "job/submit", {"script": "#!/bin/sh\ntrue\n",
                                             "job": plain | {"admin_comment": "weir:checkpoint=USR1@1"}})
        assert answer["errors"] and not answer.get("job_id"), answer
    finally:
        daemon.terminate()
        daemon.wait(10)


# What becomes of it

def test_a_borrower_that_needs_less_than_the_rules_notice_is_back_sooner(fresh):
    weir = fresh({"reclaim": "{after: 2s, notice: 120s, then: requeue}"})
    weir.fill_own()
    weir.running(*[weir.train("-N2")])
    job, _ = weir.borrow(args="--weir-notice=TERM@3", script="trap 'date +%s.%N >> told.$SLURM_JOB_ID' TERM\n"
                                                              "while :; do sleep 0.1; done")
    owner = weir.train()
    began = time.monotonic()
    weir.running(owner)
    assert time.monotonic() - began < 60
    weir.ended_with_notice(job, 3)
    assert "requeued: its notice of 3s has run out" in comment(weir, job)


def test_a_borrower_that_declared_a_checkpoint_is_told_to_save_and_says_so_everywhere(fresh):
    weir = fresh({"reclaim": "{after: 2s, notice: 60s, then: requeue}"})
    since = weir.mark()
    weir.fill_own()
    weir.running(weir.train("-N2"))
    job, node = weir.borrow(args="--weir-checkpoint=USR1@50", script=SAVES)
    weir.running(weir.train())
    assert weir.lab.read(f"home/serve/saved.{job}") == "saving\n"
    told = re.search(r"\[Weir \S+: (.*)\]", comment(weir, job)).group(1)
    assert told.startswith(f"will be requeued in 50s: {node} goes home to train")
    assert told in [step["told"] for step in weir.steps("notify_job")]
    explained = weir.wait(lambda: " ".join(weir.run(["weir", "explain", str(job)]).stdout.split()), 15, "explain",
                          until=lambda text: told in text)
    assert "rule inference: 0 jobs wait in inference" in explained, explained  # this one begins later
    assert not weir.steps("end_job", since), "it was gone by itself"


# With Weir's plugins broken or absent

BROKEN = {  # what may stand in its place
    "garbage": "not a library",
    "other_version": "const char plugin_name[] = \"weir\", plugin_type[] = \"spank\";"
                     "const unsigned plugin_version = 0x070000, spank_plugin_version = 1;",
    "unresolved": "#include <slurm/spank.h>\nSPANK_PLUGIN(weir, 1)\nvoid nobody_has_this(void);"
                  "int slurm_spank_init(spank_t s, int c, char **v) { nobody_has_this(); return 0; }",
}


@pytest.mark.parametrize("how", ["missing", *BROKEN])
def test_without_a_working_spank_weir_sbatch_works_as_ever(weir, how):
    plugin = weir.lab.path("plugins/spank_weir.so")
    with open(plugin, "rb") as file:
        whole = file.read()
    os.unlink(plugin)
    try:
        if how == "garbage":
            weir.lab.write("plugins/spank_weir.so", BROKEN[how])
        elif how in BROKEN:
            subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-z,now", "-x", "c", "-", "-o", plugin], input=BROKEN[how],
                           text=True, check=True)
        job = weir.lab.sbatch("-ptrain", script="srun true")
        weir.lab.wait_state(job, "COMPLETED")
        weir.run("salloc -ptrain true && srun -ptrain true", user="alice")
        assert "unrecognized option" in refused(weir, ["sbatch", "--weir-notice=TERM@9"])
    finally:
        weir.lab.write("plugins/spank_weir.so", whole, mode=0o755)


def test_with_weirctld_gone_options_are_kept_all_the_same(weir):
    weir.lab.kill("weirctld", signal.SIGSTOP)
    try:
        assert held(weir, f"--weir-checkpoint={CHECKPOINT}") == KEPT
        assert "weir: " in refused(weir, ["sbatch", "--weir-checkpoint=USR1@60", "--no-requeue"])
    finally:
        weir.lab.kill("weirctld", signal.SIGCONT)


def test_the_plugin_exports_what_slurm_looks_up_and_nothing_else(build_dir):
    plugin = f"{build_dir}/lib/spank_weir.so"
    lines = subprocess.run(["nm", "-D", "--defined-only", plugin], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    assert {line.split()[-1] for line in lines} == {
        "slurm_spank_init", "slurm_spank_init_post_opt", "slurm_spank_task_init", "plugin_name",
        "plugin_type", "plugin_version", "spank_plugin_version"}
    needed = subprocess.run(["readelf", "-d", plugin], check=True, capture_output=True, text=True).stdout
    assert "libslurm" not in needed and "libstdc++" not in needed

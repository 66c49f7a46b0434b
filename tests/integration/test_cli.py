# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line against a real weirctld: who sees and may do what, exit statuses, JSON."""

import json
import subprocess

import pytest

from support import answering

POLICY = """\
mode: act
cycle: 500ms
metrics: {listen: "off"}
lend:
  - name: inference
    from: train
    to: inference
"""
STATUS = {"schema", "cluster", "version", "mode", "paused", "paused_by", "healthy", "problem",
          "problem_since", "failures", "cycle", "partitions", "rules", "services", "consolidation", "overflow",
          "telemetry"}
CYCLE = {"number", "at", "period_seconds", "observe_seconds", "decide_seconds"}
PARTITION = {"name", "nodes", "idle_nodes", "lent_nodes", "gpus", "gpus_used", "gpus_lent"}
RULE = {"name", "reservation", "mode", "from", "to", "own_nodes", "lendable_nodes", "lent_nodes",
        "vacating_nodes", "owner_idle_nodes", "borrower_free_gpus", "wanted_nodes", "waiting_jobs",
        "held_home", "held_back", "problem"}
LOAN = {"node", "rule", "from", "to", "since", "why", "state", "unused_since", "vacating_since",
        "vacating_why", "jobs"}
EXPLAINED = {"comparison", "job", "user", "partitions", "state", "reason", "why"}
FINDING = {"severity", "rule", "message"}


class Command:
    """`weir` inside a lab whose weirctld has looked at Slurm."""

    def __init__(self, cluster):
        self.cluster = cluster
        answering(cluster)

    def run(self, *argv, user="root", status=0, **options):
        """Runs it and returns its CompletedProcess; any other exit status is a failure."""
        result = self.cluster.run(["weir", *argv], user=user, check=False, **options)
        assert result.returncode == status, (argv, user, result.stdout, result.stderr)
        assert all(len(line) <= 80 for line in result.stdout.splitlines() if "--json" not in argv)
        return result

    def json(self, *argv, **options):
        answer = json.loads(self.run(*argv, "--json", **options).stdout)
        assert answer["schema"] == 1
        return answer

    def rule(self):
        return self.json("status")["rules"][0]


@pytest.fixture
def up(lab, build_dir):
    """A factory: a cluster, and `weir` in it."""

    def make(policy=POLICY, **options):
        cluster = lab(nodes=4, weir=build_dir, policy=policy, **options)
        return cluster, Command(cluster)

    return make


def lend(cluster, weir, user="alice"):
    """A job of the borrower's that needs two lent nodes and has them; returns its id, once a cycle has
    seen it run."""
    job = cluster.sbatch("-N3 --gpus-per-node=8 --no-requeue", script="sleep 300", user=user,
                         partition="inference")
    cluster.wait_state(job, "RUNNING", timeout=40)
    cluster.wait(lambda: [(loan["state"], loan["jobs"]) for loan in weir.json("loans")["loans"]], 10,
                 "the loans to be in use", until=lambda loans: loans == [("used", [str(job)])] * 2)
    return job


def test_everybody_may_ask(up):
    cluster, weir = up()
    job = lend(cluster, weir)
    for user in ("alice", "slurm", "root"):
        status = weir.run("status", user=user).stdout
        assert status.startswith("Weir ") and "on cluster home, mode act" in status
        assert "inference  train  inference    1         3     2" in status
        assert "mode act" in weir.run("plan", user=user).stdout
        loans = weir.run("loans", user=user).stdout
        assert "t1    inference  train" in loans and f"lent: job {job} waits" in loans
        why = weir.run("explain", str(job), user=user).stdout
        assert why.startswith(f"Job {job} of alice, running in inference\n  - it runs on t1, lent by train")
    assert "no error; 1 rule, mode act; names" in weir.run("check", user="alice").stdout


def test_json_holds_what_the_manual_tells(up):
    cluster, weir = up()
    job = lend(cluster, weir)
    status = weir.json("status", user="alice")
    assert set(status) == STATUS and set(status["cycle"]) == CYCLE
    assert {name for entry in status["partitions"] for name in entry} == PARTITION
    assert set(status["rules"][0]) == RULE
    assert status["consolidation"] is None
    assert set(weir.json("plan")) == {"schema", "at", "mode", "paused", "consolidate", "steps", "rules", "goals",
                                      "overflow", "comparisons", "currency", "not_compared"}
    loans = weir.json("loans")
    assert set(loans) == {"schema", "at", "loans"}
    assert [(loan["node"], loan["state"], loan["jobs"]) for loan in loans["loans"]] == [
        ("t1", "used", [str(job)]), ("t2", "used", [str(job)])]
    assert all(set(loan) == LOAN for loan in loans["loans"])
    explained = weir.json("explain", str(job))
    assert set(explained) == {"schema", "at", "jobs", "more", "currency"}
    assert set(explained["jobs"][0]) == EXPLAINED and explained["more"] == 0
    check = weir.json("check")
    assert set(check) == {"schema", "file", "ok", "rules", "mode", "cluster", "findings"}
    assert check["ok"] and check["cluster"] == "home" and check["rules"] == 1
    for order, paused, held in (["pause"], True, []), (["resume"], False, []), (["return", "--all"], False, ["inference"]):
        assert weir.json(*order) == {"schema": 1, "done": order[0], "paused": paused, "held_home": held}


def test_only_root_and_slurm_user_change_anything(up):
    cluster, weir = up()
    for order in (["pause"], ["resume"], ["return", "--all"]):
        refused = weir.run(*order, user="alice", status=1)
        assert refused.stdout == "" and f"only root and SlurmUser may {order[0]}" in refused.stderr
    assert weir.run("pause", user="slurm").stdout.startswith("Weir is paused")
    assert "Paused by slurm" in cluster.wait(lambda: weir.run("status").stdout, 20, "the pause",
                                             until=lambda text: "Paused" in text)
    job = cluster.sbatch("-N3 --gpus-per-node=8", partition="inference")
    plan = cluster.wait(lambda: weir.run("plan").stdout, 20, "a plan", until=lambda text: "lend" in text)
    assert "Weir would take these steps, were it not paused:\n  1. lend t1" in plan
    assert weir.json("loans")["loans"] == []
    assert weir.run("resume").stdout == "Weir is not paused, and every rule may lend.\n"
    cluster.wait_state(job, "RUNNING", timeout=40)
    cluster.wait(lambda: weir.json("loans")["loans"], 20, "two loans", until=lambda loans: len(loans) == 2)


def test_loans_come_home_and_stay_until_resumed(up):
    cluster, weir = up()
    job = lend(cluster, weir)
    assert "until `weir resume" in weir.run("return", "inference").stdout.replace("\n  ", " ")
    cluster.wait(weir.rule, 20, "the way home", until=lambda rule: rule["vacating_nodes"] == 2)
    cluster.wait(lambda: weir.run("loans").stdout, 20, "it to be told",
                 until=lambda text: "going home" in text)
    assert "Rule inference lends nothing since `weir return`" in weir.run("status").stdout
    cluster.run(["scancel", str(job)])
    cluster.wait(lambda: weir.run("loans").stdout, 20, "home",
                 until=lambda text: text == "Nothing is lent.\n")
    cluster.wait(lambda: cluster.resv("weir_inference"), 20, "no reservation", until=lambda found: not found)
    weir.run("resume", "inference")
    cluster.wait(lambda: cluster.reservation_nodes("weir_inference"), 20, "the reservation",
                 until=lambda nodes: nodes == {"i1"})


def test_a_rule_that_is_not_there_is_refused(up):
    _, weir = up()
    for order in ("return", "resume"):
        assert "no lending rule is named inferense" in weir.run(order, "inferense", status=1).stderr


def test_private_jobs_and_reservations_are_not_shown_to_others(up):
    cluster, weir = up(slurm_conf=["PrivateData=jobs,reservations"])
    job = lend(cluster, weir)
    assert weir.run("explain", str(job), user="alice").stdout.startswith(f"Job {job} of alice")
    hidden = weir.run("explain", str(job), user="bob", status=4)
    assert f"no pending or running job {job} that you may see" in hidden.stderr.replace("\n  ", " ")
    assert "reservations are private here" in weir.run("loans", user="bob", status=1).stderr
    assert f"lent: job {job} waits" in weir.run("loans").stdout
    assert weir.run("status", user="bob").returncode == 0
    assert weir.json("plan", user="bob")["steps"] == []


def test_a_job_that_is_not_there_and_one_that_cannot_be(up):
    _, weir = up()
    assert "no pending or running job 4711; one that has ended" in weir.run(
        "explain", "4711", status=4).stderr.replace("\n  ", " ")
    assert "is neither a job id" in weir.run("explain", "4our", status=2).stderr
    assert "has no service four" in weir.run("explain", "four", status=4).stderr
    assert "has no service (services:)" in weir.run("services", status=1).stderr
    assert "does not let jobs be moved (consolidate:)" in weir.run("moves", status=1).stderr.replace("\n  ", " ")


def test_a_silent_weirctld_is_an_answer_of_its_own(up):
    cluster, weir = up()
    cluster.stop("slurmctld")
    cluster.wait(lambda: not cluster.pids("weirctld", zombies=False), 20, "weirctld to be gone")
    for command in (["status"], ["plan"], ["loans"], ["explain", "1"], ["pause"]):
        failed = weir.run(*command, status=3)
        assert failed.stdout == ""
        assert "weirctld cannot be reached: /run/weir/weirctld.sock:" in failed.stderr
        assert "weirctld.service" in failed.stderr
        assert all(len(line) <= 80 for line in failed.stderr.splitlines())
    assert "/nowhere: No such file" in weir.run("status", "--socket", "/nowhere", status=3).stderr
    assert "/env: No such file" in weir.run("status", env={"WEIR_SOCKET": "/env"}, status=3).stderr
    checked = weir.run("check", timeout=120)
    assert "warning: names were not compared with Slurm's:" in checked.stdout


def test_a_bad_file_is_told_whole(up):
    cluster, weir = up()
    cluster.write("tmp/bad.yaml", "mode: atc\nlend:\n- {name: a, from: x, to: y, min_loan: 15}\n")
    bad = cluster.inside("tmp/bad.yaml")
    told = weir.run("check", bad, status=1).stdout
    assert f"{bad}:1: mode: \"atc\" is not one of advise, act" in told.replace("\n    ", " ")
    assert f"{bad}:3: lend[0].min_loan: \"15\" has no unit" in told.replace("\n    ", " ")
    assert told.endswith(f"{bad}: 2 errors\n")
    report = weir.json("check", bad, status=1)
    assert not report["ok"] and [set(finding) for finding in report["findings"]] == [FINDING] * 2
    assert "2 errors" not in weir.run("status", "--config", bad, status=2).stdout


def test_names_are_compared_with_the_running_slurm(up):
    cluster, weir = up()
    cluster.write("tmp/names.yaml", POLICY.replace("from: train", "from: trane") +
                  "    users: [alice, nobody-here]\n")
    told = weir.run("check", cluster.inside("tmp/names.yaml"), user="alice", status=1).stdout
    assert "error: rule inference: there is no partition trane\n" in told
    assert "error: rule inference: users: this machine knows no user nobody-here\n" in told
    cluster.write("tmp/advise.yaml", POLICY.replace("mode: act", "mode: advise") + "    max_lent: 9\n")
    told = weir.run("check", cluster.inside("tmp/advise.yaml")).stdout.replace("\n    ", " ")
    assert "warning: rule inference: max_lent is 9 and only 3 nodes may be lent" in told
    assert "warning: rule inference: reservation weir_inference stands though the rule only advises" in told


def test_a_slurm_conf_that_cannot_be_used_does_not_end_the_check(up):
    cluster, weir = up()
    cluster.write("tmp/alone.yaml", "mode: advise\n")
    cluster.write("tmp/slurm.conf", "")  # for one that is not there libslurm itself waits a minute
    told = weir.run("check", cluster.inside("tmp/alone.yaml"), env={"SLURM_CONF": cluster.inside("tmp/slurm.conf")},
                    timeout=120).stdout.replace("\n    ", " ")
    assert "warning: names were not compared with Slurm's: Unable to process configuration file" in told


@pytest.mark.parametrize("argv", [[], ["stat"], ["status", "--bogus"], ["explain"], ["return"],
                                  ["return", "--all", "inference"], ["status", "extra"]])
def test_a_wrong_command_line_is_status_2(build_dir, argv):
    result = subprocess.run([f"{build_dir}/bin/weir", *argv], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stderr and not result.stdout

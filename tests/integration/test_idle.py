# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle GPUs on a real Slurm, with real agents (on a fake NVML) and a real Prometheus that scrapes them."""

import json
import signal
import subprocess

import pytest

import support

LAYOUT = support.layout("i1", "t[1-3]", "AuthInfo=cred_expire=5")
PROMETHEUS = '{prometheus: "http://127.0.0.1:9090", period: 1s}'
AGENTS = "{agents: 9810, period: 1s}"
WINDOWS = "grace: 2s, window: 8s, empty: 6s, hung: 8s"


def policy(telemetry, rule="{}", mode="act"):
    rule = "{" + ", ".join(filter(None, [WINDOWS, rule.strip("{} ")])) + "}"
    return support.policy(mode=mode) + f"telemetry: {telemetry}\nidle:\n  - {rule}\n"


@pytest.fixture(scope="module")
def watched(module_lab, build_dir):
    """A Weir whose GPUs are watched."""
    return support.answering(
        module_lab(layout=LAYOUT, weir=build_dir, policy=policy(PROMETHEUS), telemetry=1))


@pytest.fixture
def weir(watched):
    """It, with no jobs, all GPUs without a process, and the usual rule."""
    watched.cancel_all()
    for node in watched.lab.facts["nodes"]:
        for index in range(8):
            watched.lab.gpu(node, index, "empty")
    yield watched
    watched.cancel_all()


def idle(weir):
    """{job: {(node, index): (verdict, evidence)}} as weirctld tells."""
    answer = json.loads(weir.run("weir idle --json").stdout)
    return {job["job"]: {(gpu["node"], gpu["index"]): (gpu["verdict"], gpu["evidence"]) for gpu in job["gpus"]}
            for job in answer["jobs"]}


def verdicts(weir, job):
    return {place: verdict for place, (verdict, _) in idle(weir).get(str(job), {}).items()}


def come_to(weir, job, wanted, timeout=60):
    return weir.wait(lambda: verdicts(weir, job), timeout, f"the verdicts {wanted}", until=lambda seen: seen == wanted)


def comment(weir, job):
    return weir.lab.job(job).get("AdminComment", "")


def told(weir, job, words, timeout=30):
    return weir.wait(lambda: comment(weir, job), timeout, f"job {job} to be told of {words}",
                     until=lambda text: all(word in text for word in words))


def on(weir, node, gpus, states, **options):
    """A job of alice's that holds that many GPUs of a node, which do what `states` say."""
    for index, state in enumerate(states):
        weir.lab.gpu(node, index, state)
    job = weir.train(f"-w{node} --gpus-per-node={gpus}", **options)
    weir.running(job)
    return job


@pytest.mark.parametrize("telemetry", [PROMETHEUS, AGENTS], ids=["prometheus", "agents"])
def test_idle_empty_hung_and_busy_gpus_are_told_apart_and_the_job_is_told(weir, telemetry):
    assert not weir.apply(policy(telemetry))
    job = on(weir, "t1", 4, ["idle", "empty", "hung", "busy"])
    come_to(weir, job, {("t1", 0): "idle", ("t1", 1): "empty", ("t1", 2): "hung", ("t1", 3): "busy"})
    told(weir, job, ["[Weir ", "1 idle, 1 empty, 1 hung of 4 GPUs since"])
    shown = weir.run("weir idle").stdout
    assert "3 of 4 GPUs" in shown and f"\n{job} " in shown.replace(" " * 2, " "), shown
    assert "alice" in weir.run("weir idle --by user").stdout
    assert "busy" in weir.run(["weir", "explain", str(job)]).stdout


def test_a_job_that_works_again_is_told_so(weir):
    assert not weir.apply(policy(PROMETHEUS))
    job = on(weir, "t2", 2, ["idle", "idle"])
    told(weir, job, ["2 idle of 2 GPUs"], timeout=60)
    for index in range(2):
        weir.lab.gpu("t2", index, "busy")
    told(weir, job, ["all its GPUs work"], timeout=60)


def test_the_ladder_writes_to_the_user_and_then_requeues(weir):
    assert not weir.apply(policy(PROMETHEUS, "{then: [annotate, notify: 2s, requeue: 5s]}"))
    job = on(weir, "t1", 2, ["idle", "idle"])
    weir.wait(lambda: weir.lab.job(job), 60, "the job to be requeued", until=lambda seen: seen["Restarts"] == "1")
    assert "requeued: 2 idle of 2 GPUs since" in comment(weir, job)
    steps = [entry["do"] for entry in weir.journal(event="step")]
    assert f"write to the user of job {job}" in steps
    assert f"requeue job {job} on t1" in steps


def test_advice_changes_nothing(weir):
    assert not weir.apply(policy(PROMETHEUS, "{mode: advise, then: [annotate, cancel]}"))
    job = on(weir, "t1", 2, ["idle", "idle"])
    come_to(weir, job, {("t1", 0): "idle", ("t1", 1): "idle"})
    weir.cycles(3)
    assert "Weir" not in comment(weir, job)
    assert f"note on job {job}" in weir.run("weir plan").stdout
    weir.running(job)


def test_a_dead_exporter_and_a_lost_gpu_lead_to_unknown_and_to_no_action(weir):
    assert not weir.apply(policy(PROMETHEUS, "{then: [cancel]}"))
    job = on(weir, "t3", 2, ["idle", "busy"])
    come_to(weir, job, {("t3", 0): "idle", ("t3", 1): "busy"})
    weir.lab.stop("weir-agent@t3")
    come_to(weir, job, {("t3", 0): "unknown", ("t3", 1): "unknown"})
    weir.lab.gpu("t3", 1, "idle")
    weir.cycles(5)
    weir.lab.gpu("t3", 1, "gone")
    weir.lab.start("weir-agent@t3")
    come_to(weir, job, {("t3", 0): "idle", ("t3", 1): "unknown"})
    weir.cycles(3)
    weir.running(job)
    weir.lab.gpu("t3", 1, "idle")
    weir.wait(lambda: weir.lab.job(job)["JobState"], 60, "the job to be cancelled", until=lambda s: s == "CANCELLED")


def test_a_restart_of_weirctld_forgets_nothing(weir):
    assert not weir.apply(policy(PROMETHEUS))
    job = on(weir, "t1", 1, ["idle"])
    told(weir, job, ["1 idle of 1 GPU since"], timeout=60)
    before = comment(weir, job)
    weir.lab.kill("weirctld", signal.SIGKILL)
    weir.wait(lambda: verdicts(weir, job), 60, "the verdict again", until=lambda seen: seen == {("t1", 0): "idle"})
    assert comment(weir, job) == before


def test_waste_is_a_metric_and_no_prometheus_is_said(weir):
    assert not weir.apply(policy(PROMETHEUS))
    job = on(weir, "t1", 2, ["idle", "idle"])
    come_to(weir, job, {("t1", 0): "idle", ("t1", 1): "idle"})
    metrics = weir.run("curl -s http://127.0.0.1:9811/metrics").stdout
    assert 'weir_gpus{partition="train",verdict="idle"} 2' in metrics
    assert 'weir_wasted_gpu_seconds_total{account="research",partition="train"}' in metrics
    weir.lab.stop("prometheus")
    try:
        weir.wait(lambda: weir.run("weir status").stdout, 20, "the trouble to be told",
                  until=lambda text: "GPU telemetry: http://127.0.0.1:9090" in text)
        come_to(weir, job, {("t1", 0): "unknown", ("t1", 1): "unknown"})
    finally:
        weir.lab.start("prometheus")
        weir.wait(lambda: weir.lab.promql("DCGM_FI_DEV_POWER_USAGE"), 60, "Prometheus")


def test_what_weir_says_fits_eighty_columns(weir):
    assert not weir.apply(policy(PROMETHEUS))
    job = on(weir, "t1", 8, ["idle"] * 4 + ["hung"] * 4)
    come_to(weir, job, {("t1", index): "idle" if index < 4 else "hung" for index in range(8)})
    for command in ("weir idle", "weir idle --by account", f"weir explain {job}", "weir status"):
        shown = weir.run(command, env={"COLUMNS": "80"}).stdout
        assert max(map(len, shown.splitlines())) <= 80, shown
    refused = weir.run("weir idle --by colour", check=False)
    assert refused.returncode == 2 and "colour" in refused.stderr

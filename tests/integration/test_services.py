# SPDX-License-Identifier: GPL-2.0-or-later
"""Services on a real Slurm: replicas follow a real load that comes through nginx, measured by a real Prometheus."""

import time

import pytest
import yaml

import serving
from conftest import ROOT


@pytest.fixture(scope="module")
def module_serving(module_lab, build_dir):
    return serving.up(module_lab, build_dir)


@pytest.fixture
def service(module_serving):
    """The service with its usual policy, and one replica that is ready."""
    module_serving.begin()
    module_serving.ready(1)
    yield module_serving
    module_serving.none_twice()


def test_a_replica_is_an_ordinary_job_of_the_services_user(service):
    (job, name), = service.live().items()
    seen = service.lab.job(job)
    assert name == "chat-1" and seen["UserId"].startswith("serve(") and seen["Account"] == "serving"
    assert seen["WorkDir"] == service.directory and seen["Partition"] == "inference"
    environment = service.lab.read("home/serve/environment").splitlines()
    assert {"WEIR_SERVICE=chat", "WEIR_REPLICA=1", "WEIR_PORT=8001", "USER=serve",
            f"HOME={service.directory}"} <= set(environment), environment
    assert not [line for line in environment if line.startswith(("WEIR_CONTROLLER", "XDG_", "SUDO_"))]
    assert service.listed() == [f"{service.lab.agent_address('i1').rpartition(':')[0]}:8001"]


def test_replicas_and_lent_nodes_follow_the_load_and_no_request_is_lost(service):
    with service.load("0:4,8:70,30:70,36:4,75:4") as load:
        service.ready(3)
        assert len(service.lent()) == 2
        why = service.service()["why"]
        assert why.startswith("raised from") and "target" in why, why
        assert len(service.listed()) == 3
        assert "raised from" in " ".join(service.run("weir explain chat").stdout.split())
        owner = service.train("-N2")  # two nodes of three: under load, one replica must go
        service.running(owner, timeout=60)
        service.wait(lambda: service.replicas("ready"), 60, "one replica less",
                     until=lambda ready: len(ready) == 2)
        service.cancel(owner)
        service.ready(1, timeout=90)  # the load is over
        service.wait_lent(0, timeout=40)
    summary = load.none_lost()
    assert summary["sent"] > 1500
    ended = [step["replica"] for step in service.steps("end_replica")]
    noticed = [step["replica"] for step in service.steps("drain_replica")]
    assert noticed and set(noticed) <= set(ended) | set(service.live().values())
    assert service.steps("notify_job"), "no replica was reclaimed"
    assert list(service.live().values()) == ["chat-1"]


def test_with_weirctld_and_prometheus_killed_in_the_middle_nothing_is_lost_or_submitted_twice(service):
    with service.load("0:4,6:60,40:60,41:4,45:4", seed=2) as load:
        service.wait(lambda: len(service.live()) >= 2, 40, "a second replica to be submitted")
        service.lab.kill("weirctld")
        service.pid()
        service.ready(3, timeout=90)
        service.none_twice()
        before = service.listed()
        service.lab.kill("prometheus")
        service.lab.kill("weirctld")
        service.pid()
        problem = service.wait(lambda: service.service()["signals"][0]["problem"], 40, "the signals to be missed")
        assert "127.0.0.1:9090" in problem, problem
        told = " ".join(service.run("weir status").stdout.split())
        assert "signal waiting" in told and "127.0.0.1:9090" in told
        service.cycles(8)  # longer than a service waits that is quiet
        assert service.listed() == before and service.service()["wanted"] == 3
        service.lab.start("prometheus")
        service.wait(lambda: not service.service()["signals"][0]["problem"], 60, "the signals to be back")
    load.none_lost()
    service.ready(1, timeout=90)


def test_a_service_that_follows_its_load_against_static_numbers_of_replicas(service, tell):
    measured = {}
    for arm in ("1", "3", "auto"):
        service.run(f"weir scale chat {1 if arm == 'auto' else arm}")
        service.ready(1 if arm == "auto" else int(arm), timeout=90)
        service.run(f"weir scale chat {arm}")
        service.cycles(1)
        with service.load("0:4,5:60,25:60,28:4,40:4", seed=7) as load:
            began = time.time()
        summary = load.none_lost()
        measured[arm] = summary | {"shortage": serving.shortage_seconds(load.records()),
                                   "gpu_seconds": service.gpu_seconds(began, began + 40)}
    for arm, figures in measured.items():
        tell(f"{'following the load' if arm == 'auto' else f'{arm} static'}: {figures['sent']} requests, "
             f"{figures['lost']} lost, p50 {figures['p50']:.2f} s, p95 {figures['p95']:.2f} s, shortage "
             f"{figures['shortage']} s, {figures['gpu_seconds']} GPU-seconds in 40 s")
    follows, few, many = measured["auto"], measured["1"], measured["3"]
    assert follows["p95"] < few["p95"] and follows["shortage"] < few["shortage"]
    assert few["gpu_seconds"] < follows["gpu_seconds"] < many["gpu_seconds"]


def test_an_administrator_pins_the_count_for_a_time(service):
    service.run("weir scale chat 2 --for 15s")
    service.ready(2)
    assert service.service()["pinned"] == 2 and service.service()["why"] == "pinned by root"
    assert "pinned" in service.run("weir services").stdout
    service.ready(1, timeout=60)
    assert service.service()["pinned"] is None
    for command, status, words in (
            ("weir scale chat 9", 1, "may have 3 replicas at most"), ("weir scale nochat 1", 1, "no service is named"),
            ("weir scale chat many", 2, "not a whole number"), ("weir scale chat 1 --for 15", 2, "no unit"),
            ("weir scale chat auto --for 1m", 2, "with a count"), ("weir services nochat", 4, "no service nochat"),
            ("weir explain nochat", 4, "no service nochat")):
        result = service.run(command, check=False)
        assert result.returncode == status and words in " ".join(result.stderr.split()), (command, result)
    refused = service.run("weir scale chat 2", user="alice", check=False)
    assert refused.returncode == 1 and "only root and SlurmUser" in refused.stderr
    service.run("weir scale chat 0")
    service.wait(service.live, 60, "every replica to be gone", until=lambda live: not live)
    assert service.listed() == []
    service.run("weir scale chat auto")
    service.ready(1)


def test_a_replica_that_fails_at_start_is_tried_again_later_and_told(module_serving):
    module_serving.begin()
    module_serving.ready(1)
    module_serving.script("#!/bin/bash\n#SBATCH --partition=inference\nexit 3\n")
    (job,) = module_serving.live()
    module_serving.run(f"scancel {job}")
    seen = module_serving.wait(lambda: module_serving.service()["failure"], 30, "the failure to be told",
                               until=lambda text: "FAILED" in text)
    assert "ended FAILED, exit code 3 before it was ready" in seen
    module_serving.wait(lambda: len([step for step in module_serving.steps("submit_replica")]), 40, "more tries",
                        until=lambda count, before=len(module_serving.steps("submit_replica")): count >= before + 2)
    assert "ended FAILED" in " ".join(module_serving.run("weir status").stdout.split())
    module_serving.wait(lambda: "next try is in" in " ".join(module_serving.run("weir services").stdout.split()), 30,
                        "weir services to tell when it is tried again")
    module_serving.script()
    module_serving.ready(1, timeout=60)


@pytest.mark.parametrize("changes, words", [
    ({"account": "nosuch"}, "Invalid account"),
    ({"user": "nobody"}, ""),
    ({"script": "DIRECTORY/none.sbatch"}, "No such file"),
    ({"user": "slurm"}, "root or SlurmUser"),
], ids=["account", "user", "script", "slurm"])
def test_a_service_that_cannot_be_submitted_says_why_and_runs_as_nobody_else(module_serving, changes, words):
    module_serving.begin(**changes)
    failure = module_serving.wait(lambda: module_serving.service()["failure"], 30, "the refusal")
    assert "chat-1 could not be submitted" in failure and words in failure, failure
    assert not module_serving.live()


def test_a_script_that_others_may_write_is_refused(module_serving):
    module_serving.begin()
    module_serving.ready(1)
    module_serving.script(mode=0o777)
    (job,) = module_serving.live()
    module_serving.run(f"scancel {job}")
    module_serving.wait(lambda: module_serving.service()["failure"], 30, "the refusal",
                        until=lambda text: "everybody may write" in text)
    assert "everybody may write" in module_serving.run("weir check", check=False).stdout
    module_serving.script(owner="alice")
    module_serving.wait(lambda: module_serving.service()["failure"], 30, "the refusal",
                        until=lambda text: "belongs neither to root nor to serve" in text)
    module_serving.script()
    module_serving.ready(1)


def test_users_own_jobs_in_the_partition_go_on_and_are_no_replicas(service):
    own = [service.serve("-n1 -J chat", script="sleep 300"), service.train("-N1 -J chat-2")]
    service.running(*own)
    service.run("weir scale chat 2")
    service.ready(2)
    assert set(service.replicas()) == {1, 2}
    service.run("weir scale chat 0")
    service.wait(service.replicas, 60, "every replica to be gone", until=lambda seen: not seen)
    service.untouched(*own)
    service.run("weir scale chat auto")


def test_a_replica_killed_by_hand_is_replaced(service):
    (job,) = service.live()
    service.run(f"scancel -s KILL -b {job}; scancel {job}")
    service.wait(service.live, 40, "another job", until=lambda live: live and job not in live)
    service.ready(1)


def test_a_service_that_only_advises_or_is_paused_starts_and_ends_nothing(service):
    service.run("weir pause")
    service.run("weir scale chat 3")
    service.cycles(4)
    assert len(service.live()) == 1 and len(service.listed()) == 1
    assert any(step["kind"] == "submit_replica" for step in service.ask("plan")["steps"])
    service.run("weir resume")
    service.ready(3)
    assert not service.apply(service.policy(mode="advise"))
    service.run("weir scale chat 1")
    service.cycles(4)
    assert len(service.live()) == 3 and service.service()["mode"] == "advise"
    assert not service.apply(service.policy())
    service.ready(1, timeout=60)


def test_a_signal_of_a_json_document_is_followed(module_serving):
    module_serving.run("mkdir -p $TMPDIR/www && echo '{\"queue\": {\"length\": 12}}' > $TMPDIR/www/load.json")
    server = module_serving.lab.popen(
        ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
         module_serving.lab.inside("tmp/www"), "7777"])
    try:
        module_serving.begin(signals="[{url: 'http://127.0.0.1:7777/load.json', value: /queue/length, target: 4,"
                                     " gpus_per_unit: 1}]")
        module_serving.ready(2)
        module_serving.run("echo '{\"queue\": {}}' > $TMPDIR/www/load.json")
        module_serving.wait(lambda: module_serving.service()["signals"][0]["problem"], 20, "the problem",
                            until=lambda text: "without /queue/length" in text)
        assert module_serving.service()["wanted"] >= 2
    finally:
        pids = [process["pid"] for process in module_serving.lab.namespace.processes() if "7777" in process["argv"]]
        module_serving.lab.namespace.ask(do="signal", pids=pids, signal=15)
        server.wait(10)


def test_yesterdays_load_starts_replicas_before_it_is_there(module_serving):
    module_serving.begin()
    lab, day = module_serving.lab, 24 * 3600
    now = int(time.time())
    lines = [f"yesterdays_load {9 if before == 1 else 2} {now - before * day + offset}"
             for before in (7, 1) for offset in range(-600, 1200, 60)]
    lab.write("tmp/load.om", "\n".join(["# TYPE yesterdays_load gauge", *lines, "# EOF", ""]))
    store = lab.inside("state/prometheus")
    lab.run(f"promtool tsdb create-blocks-from openmetrics {lab.inside('tmp/load.om')} {store} && "
            f"chown -R nobody:nogroup {store}")
    lab.stop("prometheus")
    lab.start("prometheus")
    assert not module_serving.apply(module_serving.policy(
        predict="{query: 'sum(yesterdays_load)', per_replica: 4, ahead: 2m}"))
    module_serving.ready(3, timeout=90)
    seen = module_serving.service()
    assert seen["predicted"] == 3 and seen["why"] == "so many are expected to be needed 2m from now"
    assert "predicted: 3 replicas" in module_serving.run("weir services").stdout
    assert not module_serving.apply(module_serving.policy(
        predict="{query: 'sum(no_such_load)', per_replica: 4, ahead: 2m}"))
    module_serving.wait(lambda: module_serving.run("weir explain chat").stdout, 20, "no prediction to be told",
                        until=lambda text: "no prediction: gives no data" in text)
    module_serving.ready(1, timeout=60)


def test_the_example_policys_queries_give_one_value_each_of_a_replica_in_vllms_shape(service):
    with open(ROOT / "contrib" / "policies" / "services.yaml", encoding="utf-8") as file:
        example = yaml.safe_load(file)["services"][0]
    assert len(example["signals"]) == 3
    service.wait(lambda: service.lab.promql('vllm:num_requests_waiting{weir_service="chat"}'), 30, "its metrics")
    for signal in example["signals"]:
        answer = service.lab.promql(signal["query"])
        assert len(answer) == 1 and float(answer[0]["value"][1]) >= 0, (signal, answer)

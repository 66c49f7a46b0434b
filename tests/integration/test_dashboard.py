# SPDX-License-Identifier: GPL-2.0-or-later
"""The Grafana dashboard's queries and the alert rules of contrib, on a real Prometheus that scrapes real parts."""

import json
import os
import re
import subprocess

import pytest

import support

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DASHBOARD = f"{ROOT}/contrib/grafana/weir.json"
RULES = f"{ROOT}/contrib/prometheus/weir.rules.yml"
# No such series before the first XID or move.
NEVER_YET = {"DCGM_FI_DEV_XID_ERRORS", "weir_moves_total"}
# What Grafana would put in; the lab has run for seconds only.
VARIABLES = {"$__rate_interval": "20s", "$rule": ".*", "$partition": ".*", "$node": ".*", "[1h]": "[20s]",
             "[24h]": "[20s]", "[30m]": "[20s]", "[10m]": "[20s]", "[15m]": "[20s]"}
POLICY = (support.policy() + 'telemetry: {prometheus: "http://127.0.0.1:9090", period: 1s}\n'
          "idle:\n  - {grace: 2s, window: 6s, empty: 6s, hung: 6s}\n"
          "services:\n  - {name: chat, mode: advise, script: /srv/chat.sbatch, user: serve, replicas: {max: 2}, "
          "period: 1s,\n     signals: [{query: 'vector(3)', target: 4, gpus_per_unit: 1}]}\n"
          # A site that never answers: what there is to tell of one is told all the same.
          'sites:\n  west:\n    gateway: {nodes: w1, partition: west, host: gw1}\n'
          '    rest: {url: "https://rest.west.example:6820", token_file: "west/{user}.jwt"}\n'
          '    files: {sftp: dtn.west.example, key_file: "west/{user}.key", root: "/scratch/{user}",\n'
          f'            host_key_sha256: "{"k" * 43}"}}\n'
          "    users: {alice: w-alice}\n    price: {gpu_hour: {a100: 0.60}}\n"
          "overflow:\n  - {name: spill, partitions: [train], mode: advise, budget: {per_day: 40}}\n")


def layout():
    plain = support.layout("i1", "t[1-3]")
    plain["nodes"].append({"names": "w1", "gpus": "a100:4"})
    plain["partitions"].append({"name": "west", "nodes": "w1"})
    return plain


def panels():
    with open(DASHBOARD, encoding="utf-8") as file:
        return [panel for panel in json.load(file)["panels"] if panel["type"] != "row"]


def filled(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def metrics_of(expression):
    return set(re.findall(r"\b(?:weir_|DCGM_|process_)\w+", expression)) - NEVER_YET


@pytest.fixture(scope="module")
def weir(module_lab, build_dir):
    """A Weir that lends a node and watches a job that wastes GPUs; Prometheus has the alert rules."""
    weir = support.answering(module_lab(layout=layout(), weir=build_dir, policy=POLICY, telemetry=1))
    with open(RULES, encoding="utf-8") as file:
        weir.lab.write("etc/weir.rules.yml", file.read())
    weir.lab.stop("prometheus")
    weir.lab.start("prometheus")
    for index in range(8):
        weir.lab.gpu("t1", index, "idle")
    weir.running(weir.train("-wt1 --gpus-per-node=8"))
    for _ in range(2):
        weir.running(weir.serve())
    weir.wait(lambda: weir.lab.promql('weir_gpus{verdict="idle"} == 8'), 60, "idle GPUs in Prometheus")
    weir.wait(lambda: weir.lab.promql('rate(weir_wasted_gpu_seconds_total[20s]) > 0'), 60, "waste that grows")
    weir.wait(lambda: weir.lab.promql("weir_steps_total"), 60, "steps in Prometheus")
    return weir


def test_every_panel_of_the_dashboard_shows_something(weir):
    for panel in panels():
        for target in panel["targets"]:
            expression = filled(target["expr"])
            assert "$" not in expression, f"{panel['title']}: a variable that the dashboard does not have"
            if any(name in expression for name in NEVER_YET):
                found = weir.lab.promql(expression)  # which fails where it is no PromQL
            else:  # a rate needs two samples
                found = weir.wait(lambda ask=expression: weir.lab.promql(ask), 30, f"{panel['title']}: {expression}")
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert all(labels <= set(series["metric"]) for series in found), f"{panel['title']}: {found[0]['metric']}"


def test_the_dashboard_tells_the_truth(weir):
    shown = {panel["title"]: filled(panel["targets"][0]["expr"]) for panel in panels()}
    assert weir.lab.promql(shown["GPUs that do nothing"])[0]["value"][1] == "8"
    lent = len(set(weir.lab.reservation_nodes(support.RESERVATION)) - {"i1"})
    assert lent == 1
    assert weir.lab.promql(shown["Nodes lent"])[0]["value"][1] == str(lent)


def test_its_panels_have_a_place_each_and_its_variables_a_meaning(weir):
    places = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places and at["x"] + at["w"] <= 24, panel["title"]
        places |= cells
        assert panel["description"] and panel["datasource"]["uid"] == "${datasource}"
    with open(DASHBOARD, encoding="utf-8") as file:
        variables = [one for one in json.load(file)["templating"]["list"] if one["type"] == "query"]
    for variable in variables:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert all(label in series["metric"] for series in weir.lab.promql(metric)), variable["name"]


def test_prometheus_takes_the_alert_rules_and_knows_their_metrics(weir):
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    answer = json.loads(weir.run("curl -sf http://127.0.0.1:9090/api/v1/rules").stdout)
    rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
    assert len(rules) >= 9
    for rule in rules:
        assert rule["health"] != "err", rule
        for name in metrics_of(rule["query"]):
            assert weir.lab.promql(name), f"{rule['name']}: nobody tells {name}"


def test_an_alert_tells_of_a_policy_that_was_refused(weir):
    assert weir.lab.promql("weir_policy_refused == 1") == []
    assert "perhaps" in weir.apply("mode: perhaps\n")
    try:
        weir.wait(lambda: weir.lab.promql('ALERTS{alertname="WeirPolicyRefused"}'), 60, "the alert")
    finally:
        assert not weir.apply(POLICY)

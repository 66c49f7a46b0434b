# SPDX-License-Identifier: GPL-2.0-or-later
"""A service in a lab: its policy, its replicas, and an open-loop load on it through nginx."""

import contextlib
import json
import os
import re
import subprocess
import sys

from conftest import ROOT

import support

sys.path.insert(0, str(ROOT / "contrib" / "demo"))
import load  # noqa: E402  (found only now)

JOBS = ROOT / "contrib" / "jobs"
NAME = "chat"
SECONDS, CONCURRENCY = 0.2, 8  # of a request, and of a replica: 40 requests a second
SERVICE = {
    "name": NAME, "script": "DIRECTORY/replica.sbatch", "user": "serve", "account": "serving",
    "directory": "DIRECTORY", "replicas": "{min: 1, max: 3, gpus: 8}", "period": "1s", "port": 8000,
    "prometheus": "http://127.0.0.1:9090",
    "signals": "[{name: waiting, query: 'sum(vllm:num_requests_waiting)', target: 4, gpus_per_unit: 0.5},"
               " {name: cache, query: 'avg(vllm:kv_cache_usage_perc)', target: 0.8, gpus_per_unit: 40}]",
    "change": "{up: 2, down: 1, down_after: 6s}", "ready": "{path: /health, within: 1m}",
    "drain": "{settle: 2s, notice: 30s}", "retry": "{first: 2s, max: 8s}",
    "endpoints": f"{{file_sd: /run/weir/{NAME}.json, nginx: /run/weir/{NAME}.upstream}}",
}
RULE = {"reclaim": "{after: 2s, notice: 30s, then: requeue}"}
SCRIPT = f"""#!/bin/bash
#SBATCH --partition=inference --gpus-per-node=8 --nodes=1 --time=60 --requeue --open-mode=append
#SBATCH --weir-notice=USR1@30
trap '' USR1
env > environment
export SERVE_SECONDS={SECONDS} SERVE_CONCURRENCY={CONCURRENCY} SERVE_LOAD=1
exec python3 -B serve.py --host 0.0.0.0
"""


class Serving(support.Weir):
    """A Weir with the service, in a lab with Prometheus and nginx."""

    def __init__(self, lab):
        super().__init__(lab)
        self.directory = lab.inside("home/serve")

    def policy(self, *rules, mode="act", **changes):
        """weir.yaml with lending and the service; keys of the service may be changed, None takes one away."""
        keys = {key: value for key, value in (SERVICE | changes).items() if value is not None}
        text = "\n    ".join(f"{key}: {value}" for key, value in keys.items())
        return (support.policy(*(rules or (RULE,)), mode=mode) +
                f"services:\n  - {text}\n".replace("DIRECTORY", self.directory))

    def script(self, text=SCRIPT, mode=0o755, owner="serve"):
        self.lab.write("home/serve/replica.sbatch", text, owner=owner, mode=mode)
        self.lab.write("home/serve/serve.py", (JOBS / "serve.py").read_bytes(), mode=0o755)

    def begin(self, *rules, **changes):
        """No jobs, no loans, no service remembered; then this service."""
        self.status(40)
        assert not self.apply(support.policy(support.QUIET))
        self.cancel_all()
        self.script()
        self.wait(lambda: [self.loans(), *self.lent()], 30, "every loan to be home", until=lambda seen: seen == [{}])
        assert not self.apply(self.policy(*rules, **changes))
        self.wait(lambda: self.ask("services"), 20, "weirctld to tell of the service")
        return self

    # What is seen

    def service(self):
        return self.wait(lambda: self.ask("services"), 40, "weirctld to tell of the service")["services"][0]

    def replicas(self, stage=None):
        """{number: replica} as weirctld tells."""
        return {replica["number"]: replica for replica in self.service()["replicas"]
                if stage in (None, replica["stage"])}

    def ready(self, count, timeout=60):
        """Waits until so many replicas take requests; returns them."""
        return self.wait(lambda: self.replicas("ready"), timeout, f"{count} replicas to be ready",
                         until=lambda seen: len(seen) == count)

    def live(self):
        """{job: name} of the service's jobs in Slurm's own words."""
        return {number: job["JobName"] for number, job in self.lab.jobs().items()
                if re.fullmatch(rf"{NAME}-\d+", job["JobName"]) and job["JobState"] in ("PENDING", "RUNNING")}

    def gpu_seconds(self, begin, end):
        """What replicas held between two times, by Slurm's accounting."""
        output = self.run(["sacct", "-a", "-D", "-X", "-n", "-P", "-u", "serve", "-S", "now-1hour",
                           "--format=JobName,Start,End"], env={"SLURM_TIME_FORMAT": "%s"}).stdout
        total = 0
        for name, start, stop in (line.split("|") for line in output.splitlines()):
            if name.startswith(NAME) and start.isdigit():
                total += max(0, min(end, int(stop) if stop.isdigit() else end) - max(begin, int(start)))
        return round(8 * total)

    def none_twice(self):
        names = list(self.live().values())
        assert len(names) == len(set(names)), names

    def listed(self):
        """The endpoints in file_sd's file, nginx's, and at weirctld's HTTP: the same in all."""
        def look():
            groups = json.loads(self.lab.read(f"/run/weir/{NAME}.json"))
            file_sd = groups[0]["targets"] if groups else []
            nginx = re.findall(r"^server (\S+) max_fails=0;$", self.lab.read(f"/run/weir/{NAME}.upstream"), re.M)
            http = json.loads(self.run(f"curl -sf http://127.0.0.1:9811/services/{NAME}/endpoints").stdout)
            return file_sd if file_sd == nginx == http["endpoints"] else None
        return self.wait(look, 10, "three lists of endpoints to be the same", until=lambda seen: seen is not None)

    # Load

    @contextlib.contextmanager
    def load(self, rates, seed=1):
        """Open-loop load through nginx; yields a Load, and waits for its end."""
        with self.lab.follow_endpoints():
            running = Load(self, rates, seed)
            try:
                yield running
                running.finish()
            finally:
                running.end()


def shortage_seconds(records):
    """Seconds of the load in which a request came that waited for longer than it took to answer."""
    return len({int(record["at"]) for record in records if record["status"] != 200 or
                record["seconds"] > 2 * SECONDS})


class Load:
    def __init__(self, weir, rates, seed):
        self.weir, self.file = weir, f"tmp/load.{seed}"
        self.process = weir.lab.popen(
            [sys.executable, "-B", f"{ROOT}/contrib/demo/load.py", "--rates", rates, "--seed", str(seed), "--url",
             f"http://{weir.lab.balancer_address(NAME)}/v1/completions", "--out", weir.lab.inside(self.file)],
            stdout=subprocess.DEVNULL)

    def finish(self):
        assert self.process.wait(240) == 0

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _lines(self):
        return [json.loads(line) for line in self.weir.lab.read(self.file).splitlines()]

    def records(self):
        return [line for line in self._lines() if "at" in line]

    def summary(self):
        return self._lines()[-1]

    def none_lost(self):
        summary = self.summary()
        lost = [record for record in self.records() if record["status"] != 200]
        assert summary["lost"] == 0 and not lost, (summary, lost[:5])
        return summary


def up(module_lab, build_dir):
    lab = module_lab(layout=support.layout("i1", "t[1-3]", "AuthInfo=cred_expire=5"), weir=build_dir,
                     policy=support.policy(RULE), telemetry=1, balancer=[NAME])
    support.answering(lab)
    return Serving(lab)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The day's one inference service: its replicas, and who tells nginx which of them are ready."""

import json
import os
import re
import signal
import subprocess
import sys

from weirlab import LabError

HERE = os.path.dirname(os.path.realpath(__file__))
SERVER = os.path.join(os.path.dirname(HERE), "jobs", "serve.py")

NAME, USER, PORT = "chat", "serve", 8000  # replica N is the job chat-N and listens on 8000 + N
GPUS, CONCURRENCY, SECONDS, LOADING = 4, 8, 0.8, 1  # of a replica; it answers 10 requests a second
REPLICAS = {"static": 3, "native_preempt": 8, "weir": 8}  # all the day long; with Weir at most
PROMETHEUS = "127.0.0.1:9090"
_FILE_SD, _UPSTREAM = f"/run/weir/{NAME}.json", f"/run/weir/{NAME}.upstream"

_SCRIPT = f"""\
#!/bin/bash
#SBATCH --partition=inference --nodes=1 --gres=gpu:h100:{GPUS} --time=60
#SBATCH --requeue --open-mode=append --output={NAME}-%j.out
NOTICE
trap '' USR1
export SERVE_SECONDS={SECONDS} SERVE_CONCURRENCY={CONCURRENCY} SERVE_LOAD={LOADING}
exec python3 -B serve.py
"""
_NOTICE = "#SBATCH --weir-notice=USR1@10"

# Of weir.yaml. The second signal rises before anybody waits.
_POLICY = f"""\
services:
  - name: {NAME}
    script: DIRECTORY/replica.sbatch
    user: {USER}
    account: serving
    directory: DIRECTORY
    replicas: {{min: 1, max: {REPLICAS["weir"]}, gpus: {GPUS}}}
    port: {PORT}
    period: 1s
    prometheus: http://{PROMETHEUS}
    signals:
      - {{name: waiting, query: 'sum(vllm:num_requests_waiting)', target: 4, gpus_per_unit: 0.5}}
      - {{name: busy, query: 'avg(vllm:kv_cache_usage_perc)', target: 0.65, gpus_per_unit: 80}}
    change: {{up: 4, down: 1, down_after: 4s}}
    ready: {{path: /health, within: 1m}}
    drain: {{settle: 2s, notice: 10s}}
    retry: {{first: 2s, max: 8s}}
    endpoints: {{file_sd: {_FILE_SD}, nginx: {_UPSTREAM}}}
"""


class Service:
    """The service in a running lab. Without Weir this does what a site's own scripts would."""

    def __init__(self, arm, lab):
        self._lab, self._weir, self._count = lab, arm == "weir", REPLICAS[arm]
        self._jobs, self._listed = [], []
        self._health = lab.popen([sys.executable, "-B", f"{HERE}/health.py"], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._health.kill()
        self._health.wait()

    def begin(self, policy):
        """Starts it; its first replicas take requests when this returns. `policy` is the rest of weir.yaml."""
        lab = self._lab
        with open(SERVER, "rb") as file:
            lab.write(f"home/{USER}/serve.py", file.read(), mode=0o755)
        if self._weir:
            start_prometheus(lab)
            script = _SCRIPT.replace("NOTICE", _NOTICE)
            lab.write(f"home/{USER}/replica.sbatch", script, owner=USER, mode=0o755)
            text = policy + _POLICY.replace("DIRECTORY", lab.inside(f"home/{USER}"))
            lab.write("etc/weir.yaml", text, owner="slurm")
            lab.kill("weirctld", signal.SIGHUP)
        else:
            self._jobs = [self._submit(number) for number in range(1, self._count + 1)]
        try:
            lab.wait(self._first_look, 60, f"the first replicas of {NAME} to be ready", step=0.3,
                     until=lambda ready: ready >= (1 if self._weir else self._count))
        except LabError as error:
            why = lab.run(["weir", "status"], check=False).stdout if self._weir else ""
            raise LabError(f"{error}\n{why}".rstrip()) from error

    def _submit(self, number):
        return self._lab.sbatch([f"--job-name={NAME}-{number}", "--account=serving"],
                                _SCRIPT.replace("NOTICE\n", ""), USER,
                                env={"WEIR_PORT": str(PORT + number)})

    def _first_look(self):
        names = self._lab.run(["squeue", "-h", "-u", USER, "-t", "R", "-o", "%j"]).stdout.split()
        return self.look(names)[0]

    def look(self, running):
        """How many replicas are ready, and how many requests wait in these; `running` names jobs."""
        if self._weir:
            asked = self._listed = self._listed_by_weir()
        else:
            numbers = sorted(int(name.rpartition("-")[2]) for name in running)
            asked = [f"127.0.0.1:{PORT + number}" for number in numbers]
        said = self._ask(asked)
        if not self._weir:
            self._list([address for address in asked if said[address]["status"] == 200])
        return len(self._listed), sum(said[address].get("waiting", 0) for address in self._listed)

    def _ask(self, addresses):
        """{address: what it says at /health}; one that is slow is taken to be as it was."""
        try:
            print(*addresses, file=self._health.stdin, flush=True)
            said = json.loads(self._health.stdout.readline())
        except (OSError, ValueError) as error:
            raise LabError(f"health.py does not answer any more: {error}") from error
        return {address: answer or {"status": 200 if address in self._listed else 0}
                for address, answer in said.items()}

    def _listed_by_weir(self):
        try:
            return [address for group in json.loads(self._lab.read(_FILE_SD))
                    for address in group["targets"]]
        except FileNotFoundError:
            return []

    def _list(self, addresses):
        """Writes nginx's list if it is another one, never half of it."""
        if addresses == self._listed:
            return
        self._listed = addresses
        lines = [f"server {address} max_fails=0;" for address in addresses]
        self._lab.write(f"{_UPSTREAM}.new", "\n".join(lines or ["server 127.0.0.1:9 down;"]) + "\n")
        os.replace(self._lab.path(f"{_UPSTREAM}.new"), self._lab.path(_UPSTREAM))

    def end(self):
        """No replica is wanted any more."""
        if self._weir:
            self._lab.run(["weir", "scale", NAME, "0"])
        else:
            self._lab.run(["scancel", *map(str, self._jobs)])


def is_replica(name):
    return re.fullmatch(rf"{NAME}-\d+", name) is not None


def start_prometheus(lab):
    """A Prometheus in the lab that scrapes the replicas in the list that Weir writes."""
    lab.write("etc/prometheus.yml", json.dumps({  # JSON is YAML
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "services", "file_sd_configs": [
            {"files": [_FILE_SD], "refresh_interval": "1s"}]}]}))
    lab.facts["daemons"]["prometheus"] = lab.facts["daemons"]["slurmctld"] | {
        "user": "nobody", "log": lab.inside("log/prometheus.out"),
        "argv": ["prometheus", f"--config.file={lab.inside('etc/prometheus.yml')}",
                 f"--storage.tsdb.path={lab.inside('state/prometheus')}",
                 f"--web.listen-address={PROMETHEUS}", "--scrape.discovery-reload-interval=1s"]}
    lab.start("prometheus")
    lab.ready("prometheus", lambda: lab.promql("vector(1)"), 60)

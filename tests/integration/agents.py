# SPDX-License-Identifier: GPL-2.0-or-later
"""A node's GPUs as the fake NVML has them, and weir-agents that run on it."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

PATIENCE = 30  # seconds for what takes one or a few periods of one second
MODEL = "NVIDIA H100 80GB HBM3"
SERIES = re.compile(r'^([A-Za-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$')
LABEL = re.compile(r'([A-Za-z_]+)="([^"]*)"')


class Node:
    """A node's GPUs in a folder, and the agents that are started on it."""

    def __init__(self, build_dir, folder, gpus=2):
        self.binary, self.folder, self.running = f"{build_dir}/bin/weir-agent", folder, []
        self.facts = {"driver_file": f"{folder}/driver", "gpus": [
            {"pci": f"0000:{index + 59:02x}:00.0", "name": MODEL, "uuid": f"GPU-{index}", "minor": index,
             "memory": 80 << 30, "state_file": f"{folder}/gpu{index}"} for index in range(gpus)]}
        self.environment = os.environ | {"WEIR_NVML": f"{build_dir}/lib/fake_nvml.so",
                                         "WEIR_FAKE_NVML": f"{folder}/nvml.json"}
        self.write_facts()

    def write_facts(self):
        (self.folder / "nvml.json").write_text(json.dumps(self.facts), encoding="utf-8")

    def say(self, name, word):
        """What a GPU does, or the driver: replaced at once, so that no half-written word is read."""
        new = self.folder / "new"
        new.write_text(word + "\n", encoding="utf-8")
        new.rename(self.folder / name)

    def run(self, *arguments, **environment):
        return subprocess.run([self.binary, *arguments], env=self.environment | environment, capture_output=True,
                              text=True, timeout=60, check=False)

    def start(self, *arguments, period="1s", **environment):
        self.running.append(Agent([self.binary, "--listen", "127.0.0.1:0", "--period", period, *arguments],
                                  self.environment | environment))
        return self.running[-1]


class Agent:
    """A running agent; its log is read as it is written."""

    def __init__(self, arguments, environment):
        self.process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        self.log, self.grown = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.address = self.logged(r"listening on (\S+)")[1]

    def _read(self):
        for line in self.process.stderr:
            with self.grown:
                self.log.append(line)
                self.grown.notify_all()

    def logged(self, pattern):
        """The match of the first line of the log that has the pattern, once it is there."""
        found = []

        def look():
            found[:] = filter(None, (re.search(pattern, line) for line in self.log))
            return found

        with self.grown:
            assert self.grown.wait_for(look, PATIENCE), f"no {pattern} in {self.log}"
        return found[0]

    def get(self, path):
        """(status, body)"""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        """{(name, GPU or None): value}; MIG instances are left out."""
        series = {}
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SERIES.match(line).groups()
            labels = dict(LABEL.findall(labels or ""))
            if "GPU_I_ID" not in labels:
                series[name, labels.get("gpu")] = float(value)
        return series

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}; {self.get('/healthz')}"
            time.sleep(0.05)

    def wait_health(self, status, text):
        self.wait(lambda: self.get("/healthz") == (status, text + "\n"), f"{status} {text}")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(5)
        self.reader.join(5)
        return status

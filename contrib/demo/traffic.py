# SPDX-License-Identifier: GPL-2.0-or-later
"""The requests of the day on their way through nginx, and what has become of them so far."""

import collections
import json
import os
import subprocess
import sys

import load
import service

_FILE = "tmp/answers.jsonl"
_RECENT = 3  # seconds that "of late" means, at least


class Traffic:
    """load.py within the lab; it begins when this is made."""

    def __init__(self, lab, rates, seed):
        self._file = lab.path(_FILE)
        self._read, self._recent, self._since = 0, collections.deque(), 0.0
        self.records, self.lost = [], 0
        self._process = lab.popen(
            [sys.executable, "-B", load.__file__, "--rates", rates, "--seed", str(seed), "--url",
             f"http://{lab.balancer_address(service.NAME)}/v1/completions",
             "--out", lab.inside(_FILE)], start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    @property
    def over(self):
        """Whether all requests were sent and are answered or lost."""
        return self._process.poll() is not None

    def look(self, at):
        """(answered a second, p95 of their seconds) of late; reads what is new."""
        new = self._new()
        self.records += new
        self.lost += sum(record["status"] != 200 for record in new)
        self._recent.append((at, new))
        while self._recent[0][0] <= at - _RECENT:
            self._since, _ = self._recent.popleft()
        figures = load.summary([record for _, records in self._recent for record in records])
        return figures["ok"] / max(at - self._since, 1), figures["p95"]

    def _new(self):
        if not os.path.exists(self._file):
            return []
        with open(self._file, "rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [record for record in map(json.loads, whole.splitlines()) if "at" in record]

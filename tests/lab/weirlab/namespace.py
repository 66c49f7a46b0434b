# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab's namespaces seen from outside: starting, finding, entering and ending them."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import worlds
from .errors import LabError
from .init import CONTROL
from .keeper import RECORD

_PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Namespace:
    """The namespaces of the lab in `directory`; `init` is its process 1 as seen from outside, `inits` have
    those of its sites too, by number."""

    def __init__(self, directory, inits, number=0, complete=lambda: None, reap=lambda: None):
        self.directory = directory
        self.inits = inits
        self.init = inits[str(number)]
        self.complete = complete
        self._reap = reap

    @classmethod
    def start(cls, directory, asked):
        """Starts a keeper and its lab, with its sites (all that weirlab.worlds says of them); unless `complete`
        is called, they end with this process."""
        _sweep(directory)
        _check_reachable(os.path.dirname(directory))
        os.makedirs(directory, exist_ok=True)
        keeper = subprocess.Popen(
            [sys.executable, "-B", "-c", "import weirlab.keeper as keeper; keeper.main()",
             directory, json.dumps(asked)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            # It outlives this command: a pipe behind our standard error would stay open with it.
            stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
            env={**os.environ, "PYTHONPATH": _PACKAGE_ROOT})
        line = keeper.stdout.readline()
        facts = json.loads(line) if line else {"error": "its keeper ended at once"}
        if "error" in facts:
            keeper.stdin.close()
            keeper.wait()
            raise LabError(f"cannot make the lab's namespaces: {facts['error']}")

        def complete():
            keeper.stdin.write(b"complete\n")
            keeper.stdin.close()
            keeper.stdout.close()

        return cls(directory, facts["inits"], 0, complete, keeper.wait)

    @classmethod
    def find(cls, directory):
        """The running lab of the directory, or None."""
        facts = _record(directory)
        if not facts or not _held(directory):
            return None
        return cls(directory, facts["inits"])

    def of_site(self, number, name):
        """Those of the lab's site of that number."""
        return Namespace(worlds.site_directory(self.directory, name), self.inits, number)

    def end(self):
        """Ends the lab; where this process started it, its keeper is no zombie afterwards."""
        end(self.directory)
        self._reap()

    def path(self, inside):
        """Where a file of the lab is reached from outside."""
        return f"/proc/{self.init}/root{inside}"

    def enter(self, user, directory, host=None):
        """The command prefix that runs something inside, as the user, ending with its caller; with `host`, a
        pid inside, in the mounts and under the name of that process."""
        own = f"{self.path('/proc')}/{host}/ns" if host else ""
        where = [f"--mount={own}/mnt", f"--uts={own}/uts"] if host else ["-m", "-u"]
        prefix = ["nsenter", "-t", str(self.init), *where, "-i", "-n", "-p",
                  f"--wdns={directory}", "--", "setpriv", "--pdeathsig", "KILL"]
        if user != "root":
            prefix += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return prefix + ["--"]

    def ask(self, **request):
        """One request to the lab's process 1."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(20)
                client.connect(self.path(CONTROL))
                client.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(client.makefile(encoding="utf-8").readline())
        except (OSError, ValueError) as error:
            raise LabError(f"the lab in {self.directory} does not answer: {error}") from error
        if "error" in answer:
            raise LabError(answer["error"])
        return answer

    def processes(self):
        """[{"pid", "name", "state", "argv"}] of all processes, with the lab's own pids."""
        found, root = [], self.path("/proc")
        for entry in os.listdir(root):
            if not entry.isdigit():
                continue
            try:
                with open(f"{root}/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    stat = file.read()
                with open(f"{root}/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                    argv = file.read().split("\0")[:-1]
            except OSError:
                continue
            name, rest = stat[stat.index("(") + 1:].rsplit(")", 1)
            fields = rest.split()
            found.append({"pid": int(entry), "name": name, "state": fields[0],
                          "parent": int(fields[1]), "argv": argv})
        return found


def end(directory):
    """Ends the lab of the directory, if there is one, and removes what is left of it."""
    facts, was_there = _record(directory), os.path.isdir(directory)
    if facts and _held(directory):
        _signal(facts.get("keeper"), signal.SIGTERM)
        if not _await_release(directory, 10):
            for pid in (*facts.get("inits", {}).values(), facts.get("keeper")):
                _signal(pid, signal.SIGKILL)
            _await_release(directory, 5)
    _sweep(directory)
    return was_there


def _record(directory):
    try:
        with open(os.path.join(directory, RECORD), encoding="utf-8") as file:
            text = file.read()
        return json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def _held(directory):
    """Whether a keeper holds the record: unlike a pid, its lock cannot be another's."""
    try:
        with open(os.path.join(directory, RECORD), encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _await_release(directory, seconds):
    deadline = time.monotonic() + seconds
    while _held(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pid, number):
    try:
        if pid:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def _check_reachable(directory):
    """Daemons and jobs of ordinary users must be able to get to the lab's directory."""
    while directory != "/":
        if os.path.isdir(directory) and not os.stat(directory).st_mode & 0o001:
            raise LabError(f"{directory} is closed to ordinary users (mode "
                           f"{os.stat(directory).st_mode & 0o777:04o}): take a --dir outside it")
        directory = os.path.dirname(directory)


def _sweep(directory):
    """Removes what a killed lab left; refuses a directory that is no lab's."""
    if not os.path.isdir(directory):
        return
    if _held(directory):
        raise LabError(f"a lab is already up in {directory}: `lab down` ends it, --dir takes "
                       "another")
    strange = set(os.listdir(directory)) - {RECORD}
    if strange:
        raise LabError(f"{directory} is no lab's directory: it holds {sorted(strange)[0]}")
    shutil.rmtree(directory, ignore_errors=True)

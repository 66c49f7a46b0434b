# SPDX-License-Identifier: GPL-2.0-or-later
"""One lab, for tests and for the command line."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time

from . import daemons, telemetry as telemetries, users
from .balancer import Balancing
from .errors import CommandError, LabError, LabTimeout
from .gateway import Gateway
from .namespace import Namespace
from .queries import Queries

_PASSED_ON = ("TERM", "COLUMNS", "LANG", "TZ", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
              "UBSAN_OPTIONS")


def default_directory():
    owner = os.environ.get("SUDO_UID", os.getuid())
    return os.path.join(tempfile.gettempdir(), f"weir-lab-{owner}")


class Lab(Queries, Balancing, Gateway):
    """A running lab. Make one with Lab.up, or Lab.attach to one that is up; `sites` has its sites by name."""

    name = "home"

    def __init__(self, namespace, facts=None, people=None):
        self.directory = namespace.directory
        self.namespace = namespace
        self.people = people or users.People()
        self.sites = {}
        self._started = {}
        self.facts = facts or {"daemons": {}, "environment": {}, "nodes": []}

    @classmethod
    def up(cls, directory=None, nodes=8, gpus=8, policy=None, weir=None, scheduler="backfill",
           layout=None, slurm_conf=(), env=None, telemetry=0, balancer=None, sites=None,
           report=lambda line: None):
        """Starts a lab and returns when every node is idle; on any failure nothing is left.

        `policy` is the text or the path of a weir.yaml, `weir` a build directory with bin/ and
        lib/, `layout` a dict (weirlab.layout), `slurm_conf` lines that win over the lab's,
        `env` goes to every daemon and every `run`; with `telemetry`, a number of seconds, each
        node with GPUs has a weir-agent with that period, and a Prometheus scrapes them; with
        `balancer`, a list of services, nginx listens for the first on 127.0.0.1:8080, the next on 8081...;
        `sites` are remote sites (weirlab.site_plan), each of which has gateway nodes here (weirlab.gateway), and whose host keys the policy may name: @NAME.host_key_sha256@.
        """
        from . import coming_up  # it knows Lab

        directory = os.path.abspath(directory or default_directory())
        plan = coming_up.Plan(nodes, gpus, policy, weir, scheduler, layout, slurm_conf, env, telemetry, balancer, sites)
        return coming_up.up(cls, directory, plan, report)

    @classmethod
    def attach(cls, directory=None):
        """The lab that is up in the directory."""
        from .sites import Site  # it is a Lab

        directory = os.path.abspath(directory or default_directory())
        namespace = Namespace.find(directory)
        if not namespace:
            raise LabError(f"no lab is up in {directory}")
        lab = cls(namespace)
        try:
            with open(lab.path("lab.json"), encoding="utf-8") as file:
                lab.facts = json.load(file)
            for number, plan in enumerate(lab.facts["sites"], 1):
                site = Site(lab, number, plan)
                site.facts = json.loads(site.read("lab.json"))
                lab.sites[site.name] = site
        except FileNotFoundError as error:
            raise LabError(f"the lab in {directory} is still coming up") from error
        return lab

    def down(self):
        """Ends every process of the lab and removes its directory. May be called twice."""
        self.namespace.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    # Files

    def inside(self, path):
        """A path as processes of the lab see it; a relative one starts at the lab's directory."""
        return os.path.join(self.directory, path)

    def path(self, path=""):
        """Where this process reaches a file of the lab."""
        return self.namespace.path(self.inside(path)).rstrip("/")

    def read(self, path):
        with open(self.path(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def write(self, path, content, owner="root", mode=0o644):
        data = content.encode() if isinstance(content, str) else content
        with open(self.path(path), "wb") as file:
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), *self.people.identity(owner))
            file.write(data)

    def make_directory(self, path, owner="root", mode=0o755):
        os.makedirs(self.path(path), mode, exist_ok=True)
        os.chown(self.path(path), *self.people.identity(owner))

    def with_host_keys(self, text):
        """A policy's text with @NAME.host_key_sha256@ replaced by the fingerprint of the site's host key now."""
        from .coming_up import with_host_keys  # it knows Lab

        return with_host_keys(text, self.sites)

    # Commands

    def command(self, argv, user="root", cwd=None, host=None):
        """The argv that runs `argv` (or a shell line) inside as the user, maybe on the gateway host of that name."""
        argv = ["/bin/sh", "-c", argv] if isinstance(argv, str) else list(argv)
        where = cwd or f"{self.directory}/home/{self._home(user)}"
        return self.namespace.enter(user, where, self.facts["hosts"][host] if host else None) + argv

    def environment(self, user="root", env=None):
        own = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "USER": user, "LOGNAME": user,
               "HOME": f"{self.directory}/home/{self._home(user)}", "SHELL": "/bin/bash",
               "SLURM_CONF": f"{self.directory}/etc/slurm.conf", "TMPDIR": f"{self.directory}/tmp"}
        if self.facts.get("weir"):
            own["PATH"] = f"{self.directory}/weir/bin:{own['PATH']}"
        return own | self.facts["environment"] | passed_on() | (env or {})

    def run(self, argv, user="root", check=True, timeout=60, input=None, env=None, cwd=None,
            host=None):
        """Runs a command inside and returns its CompletedProcess, output as text."""
        argv_inside = self.command(argv, user, cwd, host)
        result = subprocess.run(argv_inside, env=self.environment(user, env), input=input,
                                stdin=None if input is not None else subprocess.DEVNULL,
                                capture_output=True, timeout=timeout, encoding="utf-8",
                                errors="replace", check=False)
        if check and result.returncode != 0:
            shown = argv if isinstance(argv, str) else shlex.join(argv)
            raise CommandError(f"`{shown}` as {user} ended with {result.returncode}: "
                               f"{(result.stderr.strip() or result.stdout.strip())[-2000:]}")
        return result

    def popen(self, argv, user="root", env=None, cwd=None, **options):
        """The same without waiting: a subprocess.Popen."""
        return subprocess.Popen(self.command(argv, user, cwd), env=self.environment(user, env),
                                **options)

    def _home(self, user):
        return user if user in self.people.names else "root" if user == "root" else "../tmp"

    # Daemons

    def pids(self, name, zombies=True):
        """{pid: state letter} of a daemon's processes (slurmctld, slurmd@t1, weirctld, ...)."""
        return {process["pid"]: process["state"] for process in self.namespace.processes()
                if daemons.matches(process, name) and (zombies or process["state"] not in "ZX")}

    def start(self, name):
        """Starts a daemon that is not running; returns its pid."""
        try:
            specification = dict(self.facts["daemons"][name])
        except KeyError:
            raise LabError(f"no daemon {name!r} (there are "
                           f"{', '.join(n for n in self.facts['daemons'] if '@' not in n)}, "
                           "slurmd@NODE)") from None
        if "host" in specification:
            specification["host"] = self.facts["hosts"][specification["host"]]
        self._started[name] = self.namespace.ask(do="spawn", **specification)["pid"]
        return self._started[name]

    def kill(self, name, signal_number=signal.SIGKILL):
        """Sends a signal to a daemon's processes; returns their pids, which may be none."""
        pids = list(self.pids(name, zombies=False))
        self.namespace.ask(do="signal", pids=pids, signal=int(signal_number))
        return pids

    def stop(self, name, timeout=20):
        """Ends a daemon with SIGTERM and waits until it is gone, and no zombie either."""
        pids = set(self.kill(name, signal.SIGTERM))
        self.wait(lambda: not pids & set(self.pids(name)), timeout, f"{name} to end after SIGTERM")

    def log(self, name, lines=None):
        """What a daemon logged: all of it, or its last lines."""
        for path in daemons.log_of(self.directory, name):
            try:
                text = self.read(path)
            except OSError:
                continue
            if text.strip():
                break
        else:
            text = ""
            if name == "weirctld":
                text = daemons.said_by_child(self.read("log/slurmctld.out"))
        return "\n".join(text.splitlines()[-lines:]) if lines else text

    # Waiting

    def wait(self, probe, timeout=30, what="the condition", until=bool, step=0.05):
        """Calls `probe` until `until` of what it returns holds; returns that value. A command in it that fails
        is asked again: Slurm's clients now and then lose their connection ("Broken pipe")."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                seen = probe()
                if until(seen):
                    return seen
            except CommandError as error:
                seen = error
            if time.monotonic() > deadline:
                raise LabTimeout(f"waited {timeout} s for {what}; last seen: {seen!r}")
            time.sleep(step)

    def ready(self, name, probe, timeout, step=0.03, what=None, suspect=None):
        """Waits for a daemon that is coming up; if it ends, or never does, its log says why."""
        try:
            def alive_and_ready():
                status = self.namespace.ask(do="ended", pid=self._started[name])["status"]
                if status is not None:
                    raise LabTimeout(f"{name} ended with {status}")
                return probe()
            self.wait(alive_and_ready, timeout, name, step=step)
        except LabTimeout as error:
            name = suspect() if suspect else name
            message = f"waited for {what()}" if what else str(error)
            raise LabError(f"{message}\nthe end of the log of {name}:\n"
                           f"{self.log(name, 20) or '(empty)'}") from error

    def agent_address(self, node):
        """host:port of a node's agent, as seen inside."""
        return f"{self.facts['addresses'][node]}:{telemetries.AGENT_PORT}"

    def promql(self, expression):
        """What the lab's Prometheus answers: a list of {"metric", "value"}."""
        answer = self.run(["curl", "-sf", "--data-urlencode", f"query={expression}",
                           f"http://{telemetries.PROMETHEUS}/api/v1/query"]).stdout
        return json.loads(answer)["data"]["result"]

    def gpu(self, node, index, state):
        """Says what a GPU does: the fake NVML reads gpu/NODE/INDEX inside."""
        if node not in self.facts["nodes"]:
            raise LabError(f"the lab has no node {node!r}")
        os.makedirs(self.path(f"gpu/{node}"), exist_ok=True)
        self.write(f"gpu/{node}/{index}", state + "\n")


def passed_on():
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}

# SPDX-License-Identifier: GPL-2.0-or-later
"""The load balancer of a lab: a real nginx that shares a service's requests among the replicas in its
/run/weir/NAME.upstream, and reads that file again when it is told to."""

import contextlib
import glob
import os
import re
import shutil
import signal
import threading

from .errors import LabError

FIRST_PORT = 8080
NONE_READY = "server 127.0.0.1:9 down;\n"
_PERIOD = 0.05  # seconds between two looks at the files
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_MASTER, _WORKER = "nginx: master process", "nginx: worker process"  # "… is shutting down" after a reload


def check(names):
    for name in names:
        if not re.fullmatch(r"[\w-]+", name):
            raise LabError(f"balancer: {name!r} is no name of a service")
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        raise LabError("balancer needs nginx (Debian's package nginx-light)")
    return list(names)


def addresses(names):
    """{service: where nginx listens for it}"""
    return {name: f"127.0.0.1:{port}" for port, name in enumerate(names, FIRST_PORT)}


def temporary_paths(directory):
    """The lines that keep nginx's temporary files in the lab."""
    return "".join(f"  {kind}_temp_path {directory}/state/nginx/{kind};\n" for kind in _TEMPORARY)


def files(directory, names):
    """{path: text} of what nginx reads, but for the upstream files."""
    services = "".join(f"""
  upstream {name} {{
    least_conn;
    include /run/weir/{name}.upstream;
  }}
  server {{
    listen {address} backlog=4096;
    location / {{ proxy_pass http://{name}; }}
  }}
""" for name, address in addresses(names).items())
    return {"etc/nginx.conf": f"""daemon off;
user nobody nogroup;
worker_processes 1;
worker_rlimit_nofile 16384;
pid /run/nginx.pid;
error_log {directory}/log/nginx.log notice;
events {{ worker_connections 8192; }}
http {{
{temporary_paths(directory)}  log_format replicas '$msec $status $request_time $upstream_addr $upstream_status';
  access_log {directory}/log/nginx.access.log replicas;
  proxy_next_upstream error timeout http_503 non_idempotent;
  proxy_connect_timeout 2s;
  proxy_read_timeout 120s;
{services}}}
"""}


def upstreams(names):
    """{path: text} of the upstream files before weirctld, whose they are, has written any."""
    return {f"/run/weir/{name}.upstream": NONE_READY for name in names}


def specifications(directory, one):
    """Its entry in the table of daemons; `one` makes one."""
    return {"nginx": one("nginx", "root", "nginx", "-e", "stderr", "-c", f"{directory}/etc/nginx.conf")}


class Balancing:
    """Part of Lab: what concerns its load balancer."""

    def balancer_address(self, service):
        """host:port at which nginx takes the service's requests, as seen inside."""
        return addresses(self.facts["balancer"])[service]

    def reload_balancer(self):
        """Has nginx read its files again: only its master is told, its workers finish what they have. Returns when
        no worker takes requests that began with the files of before."""
        masters = [pid for pid, title in self._nginx() if title.startswith(_MASTER)]
        if not masters:
            raise LabError("nginx is not running")
        before = self._workers()
        self.namespace.ask(do="signal", pids=masters, signal=int(signal.SIGHUP))
        self.wait(self._workers, 20, "nginx to read its files again", step=0.01,
                  until=lambda workers: workers and not workers & before)

    def _nginx(self):
        return [(process["pid"], process["argv"][0]) for process in self.namespace.processes()
                if process["argv"] and process["argv"][0].startswith("nginx: ")]

    def _workers(self):
        return {pid for pid, title in self._nginx() if title == _WORKER}

    @contextlib.contextmanager
    def follow_endpoints(self):
        """Reloads nginx whenever an upstream file changes: what a systemd path unit does in production
        (contrib/nginx). It has read what there is now when this begins."""
        stop = threading.Event()
        loaded = _contents(self.path("/run/weir"))
        self.reload_balancer()

        def follow():
            nonlocal loaded
            while not stop.wait(_PERIOD):
                with contextlib.suppress(OSError, LabError):  # no nginx now: it is told when it is back
                    seen = _contents(self.path("/run/weir"))
                    if seen != loaded:
                        self.reload_balancer()
                        loaded = seen

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _contents(directory):
    found = {}
    for path in glob.glob(f"{directory}/*.upstream"):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path)] = file.read()
    return found

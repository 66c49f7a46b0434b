# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the lab."""

import argparse
import json
import os
import signal
import sys

from . import namespace
from .errors import LabError
from .lab import Lab, default_directory


def _parser():
    parser = argparse.ArgumentParser(
        prog="lab", description="A private, real Slurm on this machine. Every verb takes --dir.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, text):
        added = verbs.add_parser(name, help=text, description=text)
        added.add_argument("--dir", default=default_directory(), help="which lab (%(default)s)")
        return added

    def placed(name, text):
        added = verb(name, text)
        added.add_argument("--site", help="at this site; else at home")
        return added

    up = verb("up", "start a lab")
    up.add_argument("--nodes", type=int, default=8, help="how many nodes (%(default)s)")
    up.add_argument("--gpus", type=int, default=8, help="GPUs a node (%(default)s)")
    up.add_argument("--policy", metavar="FILE", help="a weir.yaml")
    up.add_argument("--weir", metavar="BUILD_DIR", help="a build of Weir, with bin/ and lib/")
    up.add_argument("--scheduler", choices=("backfill", "weir", "stock"), default="backfill",
                    help="how Weir's scheduler plugin is installed (%(default)s); stock: none of "
                         "Weir's plugins")
    up.add_argument("--slurm-conf-extra", metavar="FILE",
                    help="lines that win over the lab's slurm.conf (Key=value or Key+=value)")
    up.add_argument("--layout", metavar="FILE.json", help="nodes and partitions, see README.md")
    up.add_argument("--telemetry", metavar="SECONDS", type=int, default=0,
                    help="run weir-agent on every node with GPUs, with a sample each so many seconds, "
                         "and a Prometheus at 127.0.0.1:9090 that scrapes them")
    up.add_argument("--balancer", metavar="SERVICE,...", default="",
                    help="run nginx, at 127.0.0.1:8080 for the first service, 8081 for the next, ..., "
                         "before the replicas in /run/weir/SERVICE.upstream")
    up.add_argument("--site", metavar="NAME[:N]", action="append", default=[], dest="sites",
                    help="a remote site with N nodes (2), and gateway nodes for it; may be repeated")
    run = placed("run", "run a command inside; its exit status is the lab's")
    run.add_argument("--user", default="root", help="alice, bob, carol, serve or root; at a site w-alice, ...")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    gpu = placed("gpu", "say what a GPU does")
    gpu.add_argument("node")
    gpu.add_argument("index", type=int)
    gpu.add_argument("state", choices=("busy", "idle", "empty", "hung", "gone"))
    kill = placed("kill", "send a signal to a daemon")
    kill.add_argument("--signal", default="KILL", help="its name (%(default)s)")
    kill.add_argument("daemon", metavar="DAEMON[@NODE]")
    for name, text in (("start", "start a daemon"), ("stop", "end a daemon and wait for it"),
                       ("log", "print what a daemon logged")):
        placed(name, text).add_argument("daemon", metavar="DAEMON[@NODE]")
    verb("status", "what runs")
    placed("path", "where the lab's files are reached from outside").add_argument(
        "file", nargs="?", default="")
    verb("down", "end the lab; nothing stays")
    return parser


def _up(options):
    layout, extra = None, ()
    if options.layout:
        with open(options.layout, encoding="utf-8") as file:
            try:
                layout = json.load(file)
            except ValueError as error:
                raise LabError(f"{options.layout}: {error}") from error
    if options.slurm_conf_extra:
        with open(options.slurm_conf_extra, encoding="utf-8") as file:
            extra = file.read().splitlines()
    if options.policy:
        options.policy = os.path.abspath(options.policy)
    Lab.up(options.dir, options.nodes, options.gpus, options.policy, options.weir,
           options.scheduler, layout, extra, telemetry=options.telemetry,
           balancer=[name for name in options.balancer.split(",") if name], sites=options.sites,
           report=lambda line: print(line, flush=True))
    where = "" if options.dir == default_directory() else f" --dir {options.dir}"
    print(f"lab: ready. Try: {sys.argv[0]} run{where} --user alice sbatch --gpus=8 "
          f"--wrap 'sleep 60'; {sys.argv[0]} run{where} sinfo; {sys.argv[0]} down{where}")
    return 0


def _attach(options):
    """The lab, or its site that is meant."""
    lab, site = Lab.attach(options.dir), getattr(options, "site", None)
    if site and site not in lab.sites:
        raise LabError(f"the lab has no site {site!r} (it has {', '.join(lab.sites) or 'none'})")
    return lab.sites[site] if site else lab


def _run(options):
    lab, command = _attach(options), options.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise LabError("run: no command given")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    argv = lab.command(command, options.user)
    os.execvpe(argv[0], argv, lab.environment(options.user))
    return 127


def _status(lab):
    print(f"{lab.name}\ndirectory {lab.directory}\ninit      {lab.namespace.init}\nfiles     {lab.path()}")
    processes = lab.namespace.processes()
    counts = {}
    for process in processes:
        if process["state"] not in "ZX":
            counts[process["name"]] = counts.get(process["name"], 0) + 1
    for name in dict.fromkeys(name.partition("@")[0] for name in lab.facts["daemons"]):
        print(f"{name:<13}{counts.get(name[:15], 0) or 'not running'}")
    print(lab.run("sinfo", check=False, timeout=20).stdout, end="")


def _act(options):
    if options.verb == "up":
        return _up(options)
    if options.verb == "run":
        return _run(options)
    if options.verb == "down":
        there = namespace.end(os.path.abspath(options.dir))
        print(f"lab: {options.dir} is down" if there else f"lab: none in {options.dir}")
        return 0
    lab = _attach(options)
    if options.verb == "status":
        for each in (lab, *lab.sites.values()):
            _status(each)
        return 0
    if options.verb == "gpu":
        lab.gpu(options.node, options.index, options.state)
    elif options.verb == "path":
        print(lab.path(options.file))
    elif options.verb == "log":
        print(lab.log(options.daemon))
    elif options.verb == "start":
        if lab.pids(options.daemon, zombies=False):
            raise LabError(f"{options.daemon} is running")
        lab.start(options.daemon)
    elif options.verb == "stop":
        lab.stop(options.daemon)
    elif options.verb == "kill":
        number = getattr(signal, "SIG" + options.signal.upper().removeprefix("SIG"), None)
        if number is None:
            raise LabError(f"no signal {options.signal!r}")
        if not lab.kill(options.daemon, number):
            raise LabError(f"{options.daemon} is not running")
    return 0


def _interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = _parser().parse_args()
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "-E", "--", sys.executable, os.path.abspath(sys.argv[0]),
                           *sys.argv[1:]])
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    try:
        return _act(options)
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130

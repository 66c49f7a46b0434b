# SPDX-License-Identifier: GPL-2.0-or-later
"""Process 1 of a lab: builds the private mounts, starts what it is told to, reaps orphans.

A lab's site has one too. It listens on CONTROL for one JSON object a connection and answers with one. It reaps
only its own children, so a daemon that forgets its dead children is seen to: they stay zombies.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time

from . import host, linux, site_root, users

CONTROL = "/run/weir-lab.sock"
ADDRESS = "192.0.2.1"  # of the range for examples: nobody's


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o644)


def _directory(path, identity, mode=0o755):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    os.chown(path, *identity)


def build(world):
    """Makes the lab's own view of the machine; nothing of it is seen outside its namespace. `world` is what
    weirlab.worlds says of a lab."""
    directory, people = world["directory"], users.People(world["number"], world["prefix"])
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    if world["number"]:
        site_root.change(world["scratch_mib"], world["root"])
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.bring_loopback_up(ADDRESS)
    linux.acknowledge_at_once()
    socket.sethostname(world["hostname"])
    linux.mount("weir-lab", world["mount"], "tmpfs", linux.MS_NOSUID, "mode=0755")
    os.makedirs(directory, exist_ok=True)
    linux.mount("weir-lab", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755")
    linux.mount("weir-lab", "/dev/shm", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777")
    for name, owner, mode in (
        ("etc", "slurm", 0o755), ("log", "slurm", 0o755), ("plugins", "root", 0o755),
        ("home", "root", 0o755), ("home/root", "root", 0o700), ("tmp", "root", 0o1777),
        ("state", "root", 0o755), ("state/slurmctld", "slurm", 0o700),
        ("state/weir-gateway", "slurm", 0o700),
        ("state/munge", "munge", 0o700), ("state/prometheus", "nobody", 0o700), ("state/nginx", "nobody", 0o700),
        ("state/mysql", users.DATABASE_USER, 0o700),
        ("spool", "root", 0o755), ("dev", "root", 0o755), ("gpu", "root", 0o755),
        ("private", "root", 0o755), ("/run/lock", "root", 0o1777), ("/run/sshd", "root", 0o755),
        ("/run/munge", "munge", 0o755), ("/run/slurm", "slurm", 0o755),
        ("/run/weir", "slurm", 0o755), ("/run/mysqld", users.DATABASE_USER, 0o755),
    ):
        _directory(os.path.join(directory, name), people.identity(owner), mode)
    for name in people.names:
        _directory(f"{directory}/home/{name}", people.identity(name))
        if world["number"]:
            _directory(f"{site_root.SCRATCH}/{name}", people.identity(name), 0o700)
    passwd, group = people.passwd_and_group(directory)
    hosts = f"127.0.0.1 localhost {world['hostname']}\n" + "".join(line + "\n" for line in world["hosts"])
    for name, text in (("passwd", passwd), ("group", group), ("hosts", hosts)):
        _write(f"{directory}/private/{name}", text)
        linux.bind(f"{directory}/private/{name}", f"/etc/{name}")
    if os.path.isdir("/etc/slurm"):
        linux.bind(f"{directory}/etc", "/etc/slurm")
    if world["weir"]:
        os.makedirs(f"{directory}/weir")
        linux.bind(world["weir"], f"{directory}/weir")


def _arguments(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def _is_dead(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _spawn(request):
    """Starts a daemon; returns once its program has taken over, or says why it could not."""
    failed_read, failed_write = os.pipe()  # closed by a successful exec
    pid = os.fork()
    if pid:
        os.close(failed_write)
        with open(failed_read, encoding="utf-8", errors="replace") as failed:
            why = failed.read()
        if why:
            return {"error": why}
        while _arguments(pid) in (b"", _arguments(os.getpid())) and not _is_dead(pid):
            time.sleep(0.001)  # the kernel closes that file some steps before the program is seen
        return {"pid": pid}
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python
            signal.signal(ignored, signal.SIG_DFL)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        if request.get("host"):
            linux.enter(request["host"])
        users.become(request["user"])
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except BaseException as error:  # the child must never return into the loop
        os.write(failed_write, f"cannot start {request['argv'][0]}: {error}".encode())
    os._exit(127)


def _answer(request, ended):
    if request["do"] == "spawn":
        return _spawn(request)
    if request["do"] == "signal":
        for pid in request["pids"]:
            try:
                os.kill(pid, request["signal"])
            except ProcessLookupError:
                pass
        return {}
    if request["do"] == "host":
        return {"pid": host.start(request["name"], request["files"])}
    if request["do"] == "ended":
        return {"status": ended.get(request["pid"])}
    return {"error": f"unknown request {request['do']}"}


def _serve_one(listener, ended):
    connection, _ = listener.accept()
    # Whoever asked may be gone before the answer, which is seen when it is written and again when the stream is closed.
    with contextlib.suppress(OSError), connection, connection.makefile("rw", encoding="utf-8") as stream:
        try:
            connection.settimeout(5)
            answer = _answer(json.loads(stream.readline()), ended)
        except (OSError, ValueError, KeyError) as error:
            answer = {"error": repr(error)}
        stream.write(json.dumps(answer) + "\n")
        stream.flush()


def serve(announce):
    """Runs for the life of the lab. `announce` is called once requests are served."""
    linux.set_process_name("weir-lab-init")
    wake_read, wake_write = os.pipe()
    for end in (wake_read, wake_write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(CONTROL)
    os.chmod(CONTROL, 0o600)
    listener.listen(64)
    ended = {}
    announce()
    while True:
        ready = select.select([listener, wake_read], [], [], 5)[0]
        try:
            os.read(wake_read, 4096)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
        if listener in ready:
            _serve_one(listener, ended)

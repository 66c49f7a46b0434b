# SPDX-License-Identifier: GPL-2.0-or-later
"""The one process of a lab outside its namespaces: when the lab ends, it removes the directory.

keeper --(killed with it)--> holder, which enters new namespaces --(killed with it)--> init.
So a keeper killed with SIGKILL still takes every process and mount of the lab along; what is left
is a directory with one small file, which the next `up` or `down` removes.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time

from . import init, linux

RECORD = "weir-lab.json"


def _hold(directory, weir, announce, keeper):
    """The holder: never returns. Its child is process 1 of the lab."""
    linux.die_with_parent()
    if os.getppid() != keeper:
        os._exit(1)
    linux.set_process_name("weir-lab-hold")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
                      | linux.CLONE_NEWPID | linux.CLONE_NEWNET)
        alive_read, alive_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(alive_write)
            linux.die_with_parent()
            if os.read(alive_read, 1) != b"x":
                os._exit(1)
            os.close(alive_read)
            init.build(directory, weir)
            init.serve(lambda: os.write(announce, b'{"ready": true}\n'))
    except BaseException as error:
        os.write(announce, json.dumps({"error": str(error)}).encode() + b"\n")
        os._exit(1)
    os.write(announce, json.dumps({"init": pid}).encode() + b"\n")
    os.write(alive_write, b"x")
    os.close(announce)
    os.waitpid(pid, 0)
    os._exit(0)


class _Stop(Exception):
    pass


def _stop(*_):
    raise _Stop


def _claim(directory):
    """The directory's record, locked for as long as this process lives; None if another has it."""
    path, deadline = os.path.join(directory, RECORD), time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            record = open(path, "a+", encoding="utf-8")
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(record.fileno()), os.stat(path)):
                return record
        except FileNotFoundError:  # removed by a `down` at the same time
            return None
        except BlockingIOError:  # maybe only a look at it, by another `lab`
            time.sleep(0.02)
        record.close()
    return None


def main():
    directory, weir = sys.argv[1], sys.argv[2] or None
    linux.set_process_name("weir-lab-keep")
    record = _claim(directory)
    if not record:
        print(json.dumps({"error": f"a lab is already up in {directory}"}), flush=True)
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    announce_read, announce_write = os.pipe()
    holder, facts = 0, {"keeper": os.getpid()}
    try:
        keeper = os.getpid()
        holder = os.fork()
        if holder == 0:
            record.close()
            os.close(announce_read)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            _hold(directory, weir, announce_write, keeper)
        os.close(announce_write)
        _watch(holder, announce_read, record, facts)
    except _Stop:
        pass
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if holder > 0:
        _end(holder, facts.get("init"))
    shutil.rmtree(directory, ignore_errors=True)


def _watch(holder, announce, record, facts):
    """Until the holder ends, or whoever asked for the lab goes away before it is complete."""
    ended, poll = os.pidfd_open(holder), select.poll()
    for source in (ended, announce, 0):
        poll.register(source, select.POLLIN)
    pending = b""
    while True:
        for source, _ in poll.poll():
            if source == announce:
                data = os.read(announce, 4096)
                if not data:
                    poll.unregister(announce)
                pending += data
                while b"\n" in pending:
                    line, pending = pending.split(b"\n", 1)
                    facts.update(json.loads(line))
                    record.seek(0)
                    record.truncate()
                    record.write(json.dumps(facts) + "\n")
                    record.flush()
                    if "ready" in facts or "error" in facts:
                        print(json.dumps(facts), flush=True)
            elif source == 0:
                if os.read(0, 64).strip() != b"complete":
                    return
                poll.unregister(0)
                null = os.open("/dev/null", os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
            elif source == ended:
                return


def _end(holder, init_pid):
    """Kills process 1 of the lab, and so all of the lab; the holder then reaps it and ends."""
    ended = os.pidfd_open(holder)
    for pid in (init_pid, holder):
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if select.select([ended], [], [], 10)[0]:
            break
    os.waitpid(holder, 0)

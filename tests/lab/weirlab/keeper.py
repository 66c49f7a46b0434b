# SPDX-License-Identifier: GPL-2.0-or-later
"""The one process of a lab outside its namespaces: when the lab ends, it removes the directory.

keeper --(killed with it)--> holder, which enters new namespaces --(killed with it)--> init.
Each site of the lab has a holder of its own under the same keeper; when one holder ends, all do.
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


def _hold(world, announce, keeper):
    """The holder: never returns. Its child is process 1 of the lab, or of its site."""
    def tell(**fact):
        os.write(announce, json.dumps({"world": world["number"], **fact}).encode() + b"\n")

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
            init.build(world)
            init.serve(lambda: tell(ready=True))
    except BaseException as error:
        tell(error=str(error))
        os._exit(1)
    tell(init=pid)
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
    directory, worlds = sys.argv[1], json.loads(sys.argv[2])
    linux.set_process_name("weir-lab-keep")
    record = _claim(directory)
    if not record:
        print(json.dumps({"error": f"a lab is already up in {directory}"}), flush=True)
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    announce_read, announce_write = os.pipe()
    holders, facts = [], {"keeper": os.getpid(), "inits": {}}
    try:
        keeper = os.getpid()
        for world in worlds:
            holders.append(os.fork())
            if holders[-1] == 0:
                record.close()
                os.close(announce_read)
                null = os.open("/dev/null", os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
                _hold(world, announce_write, keeper)
        os.close(announce_write)
        _watch(holders, announce_read, record, facts)
    except (_Stop, BrokenPipeError):  # whoever asked for the lab wants no more of it, or is gone
        pass
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _end(holders, facts["inits"].values())
    shutil.rmtree(directory, ignore_errors=True)


def _watch(holders, announce, record, facts):
    """Until a holder ends, or whoever asked for the lab goes away before it is complete."""
    ended, poll, ready = [os.pidfd_open(holder) for holder in holders], select.poll(), 0
    for source in (*ended, announce, 0):
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
                    told = json.loads(line)
                    if "init" in told:
                        facts["inits"][str(told["world"])] = told["init"]
                    facts |= {key: told[key] for key in ("error",) if key in told}
                    ready += "ready" in told
                    record.seek(0)
                    record.truncate()
                    record.write(json.dumps(facts) + "\n")
                    record.flush()
                    if ready == len(holders) or "error" in facts:
                        print(json.dumps(facts), flush=True)
            elif source == 0:
                if os.read(0, 64).strip() != b"complete":
                    return
                poll.unregister(0)
                null = os.open("/dev/null", os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
            elif source in ended:
                return


def _end(holders, inits):
    """Kills each process 1, and so all of the lab; the holders then reap them and end."""
    ended = [os.pidfd_open(holder) for holder in holders if holder > 0]
    for pids in (inits, [holder for holder in holders if holder > 0]):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + (10 if len(pids) == len(ended) else 0)  # not all may be known yet
        if all(select.select([one], [], [], max(0, deadline - time.monotonic()))[0] for one in ended):
            break
    for holder in holders:
        if holder > 0:
            os.waitpid(holder, 0)

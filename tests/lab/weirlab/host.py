# SPDX-License-Identifier: GPL-2.0-or-later
"""Another host inside a lab: the same processes, network and files, but a name of its own and some files that
are its own. Daemons are started there, one after the other; it ends with the lab."""

import os
import signal
import socket

from . import linux


def start(name, files):
    """Makes the host, with {path: the file seen there instead}; returns the pid of the process that stands for
    it. Called by process 1."""
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ready_write)
        with open(ready_read, encoding="utf-8") as ready:
            why = ready.read()
        if why != "ready":
            raise OSError(f"host {name}: {why}")
        return pid
    try:
        os.close(ready_read)
        signal.set_wakeup_fd(-1)
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
        linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
        for path, own in files.items():
            linux.bind(own, path)
        socket.sethostname(name)
        linux.set_process_name("weir-lab-host")
        os.write(ready_write, b"ready")
        os.close(ready_write)
        os.closerange(3, 256)
        while True:
            signal.pause()
    except BaseException as error:  # the child must never return into the loop
        os.write(ready_write, str(error).encode())
    os._exit(1)

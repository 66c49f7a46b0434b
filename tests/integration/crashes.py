# SPDX-License-Identifier: GPL-2.0-or-later
"""A weirctld that the test itself starts, and kills where it likes: slurmctld restarts none, so no growing interval
slows a campaign down."""

import signal

from support import STATE

MOST_POINTS = 60  # a scenario passes fewer


def arm(weir, point):
    """Restarts weirctld so that it ends at its n-th crash point; returns its pid."""
    weir.lab.kill("weirctld", signal.SIGKILL)
    weir.wait(lambda: crashed(weir), 15, "weirctld to be dead")
    if point:
        weir.lab.write(f"{STATE}/crash_at", str(point), owner="slurm", mode=0o600)
    pid = weir.lab.start("weirctld")
    weir.wait(lambda: weir.ask("status"), 30, "weirctld to answer", until=lambda seen: seen or crashed(weir))
    return pid


def crashed(weir):
    return not weir.lab.pids("weirctld", zombies=False)


def until_done_or_crashed(weir, done, what, timeout=60):
    """Waits for the end of a scenario; if weirctld crashes on the way, brings it back, asserts that what
    it finds is explained within two cycles, and waits on. Returns whether it crashed."""
    weir.wait(lambda: crashed(weir) or done(), timeout, f"{what}, or a crash")
    if not crashed(weir):
        return False
    weir.lab.start("weirctld")
    weir.explained()
    weir.none_lost()
    weir.wait(done, timeout, f"{what} after the crash")
    return True

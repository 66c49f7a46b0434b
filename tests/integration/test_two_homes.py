# SPDX-License-Identifier: GPL-2.0-or-later
"""Two organisations, whose clusters have one name, the same users and the same job ids, send to one site, and there
to one account: no copy is taken for another's."""

import os
import shutil

import pytest

from flight import COUNTS, node_failure, restart, runs, start_soon
from mirroring import INSTALLATION, copies, ended, output, own, send
from overflowing import overflowing

OTHER = "ffeeddcc99887766"


@pytest.fixture(scope="module")
def homes(module_lab, build_dir):
    """{installation: home}; the second's own site is cut off."""
    first, second = (overflowing(module_lab, build_dir, wait="10m") for _ in range(2))
    first.sites["west"].serve(second)
    restart(second, "weir-gateway")
    return {INSTALLATION: first, OTHER: second}


def held(name):
    """Runs until it is let go, and says whose it is."""
    return (COUNTS.replace("ran.", f"ran.{name}.") +
            f"echo begun for {name}; while [ ! -e /scratch/$USER/go.{name} ]; do sleep 0.1; done; echo over; exit 7")


def test_copies_of_two_homes_with_one_name_are_never_confused_cancelled_or_adopted(homes):
    west = homes[INSTALLATION].sites["west"]
    assert len({home.run("scontrol show config | grep ClusterName").stdout for home in homes.values()}) == 1
    jobs = {}
    for installation, home in homes.items():
        jobs[installation] = [send(home, "--requeue", script=held(installation), installation=installation)
                              for _ in range(4)]
    assert jobs[INSTALLATION] == jobs[OTHER]
    for installation, home in homes.items():
        for job in jobs[installation]:
            home.wait(lambda home=home, job=job: own(output(home, job)), 60, "its first line",
                      until=lambda lines, installation=installation: lines == [f"begun for {installation}"])
    first, second, third, fourth = jobs[OTHER]
    # What one of them cancels, requeues, loses or takes up again is its own.
    homes[OTHER].run(["scancel", str(first)], user="alice")
    ended(homes[OTHER], west, first, "CANCELLED", installation=OTHER)
    homes[OTHER].kill("weir-gateway")
    homes[OTHER].wait(lambda: not homes[OTHER].pids("weir-gateway"), 20, "the gateway to be gone")
    for name in os.listdir(homes[OTHER].path("state/weir-gateway")):
        path = homes[OTHER].path(f"state/weir-gateway/{name}")
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    node_failure(homes[OTHER], [second, third, fourth])
    homes[OTHER].start("weir-gateway")
    start_soon(homes[OTHER], second, third, fourth)
    restart(homes[INSTALLATION], "weir-gateway")
    homes[OTHER].wait(lambda: [own(output(homes[OTHER], job)) for job in (second, third, fourth)], 120,
                      "the others to be taken up again", until=lambda seen: seen == [[f"begun for {OTHER}"]] * 3)
    for installation in homes:
        west.run(["touch", f"/scratch/w-alice/go.{installation}"], user="w-alice")
    for installation, home in homes.items():
        for job in jobs[installation][installation == OTHER:]:
            home.wait_state(job, {"FAILED", "COMPLETED"}, 120)
            assert (home.job(job)["ExitCode"], own(output(home, job))) == ("7:0", [f"begun for {installation}", "over"])
            ended(home, west, job, "FAILED", installation=installation)
    assert all(copies(west, job).keys().isdisjoint(copies(west, job, OTHER)) for job in jobs[OTHER])
    for installation in homes:
        assert [runs(west, f"{installation}.{job}") for job in jobs[installation]] == [1] * 4

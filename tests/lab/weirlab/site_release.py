# SPDX-License-Identifier: GPL-2.0-or-later
"""What a site does in another way by the release of its Slurm, which need not be home's (site_plan's `root`)."""

import re

_CGROUPS_MAY_BE_OFF = (24, 5)


def of(site):
    """(24, 11) of 24.11.5"""
    said = site.run(["slurmctld", "-V"]).stdout
    return tuple(int(number) for number in re.search(r"(\d+)\.(\d+)", said).groups())


def cgroups(site):
    """The plugin for its cgroup.conf. Before it could be turned off, one that finds no cgroups did no harm."""
    return "disabled" if of(site) >= _CGROUPS_MAY_BE_OFF else "cgroup/v1"


def rest_versions(site):
    """The versions of the API that its slurmrestd serves, the newest last: [38, 39]."""
    paths = site.ask("/openapi.json").stdout.replace(r"\/", "/")
    return sorted({int(number) for number in re.findall(r'"/slurm/v0\.0\.(\d+)/ping/?"', paths)})


def await_rest(site):
    """Waits until its slurmctld answers by REST, whatever the version."""
    def pinged():
        return site.ask(f"/slurm/v0.0.{versions[-1]}/ping").stdout.replace(" ", "")

    versions = site.wait(lambda: rest_versions(site), 30, f"REST of {site.name}", step=0.2)
    site.wait(pinged, 30, f"slurmctld of {site.name} to answer by REST", step=0.2,
              until=lambda text: '"UP"' in text or '"responding":true' in text)

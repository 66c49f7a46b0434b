# SPDX-License-Identifier: GPL-2.0-or-later
"""The one link between home and each site: a pair of virtual interfaces, `west` at home and `home` at the site."""

import subprocess

from . import worlds
from .errors import LabError


def _ip(pid, commands):
    """iproute2's commands, in the network of the process (a pid as seen from here)."""
    result = subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "-batch", "-"], input="\n".join(commands) + "\n",
                            capture_output=True, text=True, timeout=20, check=False)
    if result.returncode != 0:
        raise LabError(f"ip {'; '.join(commands)}: {result.stderr.strip()}")


def join(home, site):
    """Makes the link between home's and a site's network, and turns it on."""
    ours, theirs = worlds.addresses(site.number)
    _ip(home.namespace.init, [f"link add {site.name} type veth peer name home netns {site.namespace.init}",
                              f"addr add {ours}/30 dev {site.name}", f"link set {site.name} up"])
    _ip(site.namespace.init, [f"addr add {theirs}/30 dev home", "link set home up"])


def join_another(home, site):
    """Has the home of another lab reach the site in place of its own one of the same number."""
    own, (ours, theirs) = worlds.addresses(site.number)[1], worlds.addresses(100 + site.number)
    _ip(home.namespace.init, [f"link del {site.name}",
                              f"link add {site.name} type veth peer name other netns {site.namespace.init}",
                              f"addr add {ours}/30 dev {site.name}", f"link set {site.name} up"])
    _ip(site.namespace.init, [f"addr add {theirs}/30 dev other", "link set other up"])
    _ip(home.namespace.init, [f"route add {own}/32 via {theirs}"])


def switch(site, up):
    """Cuts the link, as a cable is cut: what either end sends is lost; or joins it again."""
    _ip(site.namespace.init, [f"link set home {'up' if up else 'down'}"])


def delay(home, site, milliseconds):
    """Has each packet to and from the site take so long; False where the kernel cannot (no sch_netem)."""
    for pid, device in ((home.namespace.init, site.name), (site.namespace.init, "home")):
        tc = ["nsenter", "-t", str(pid), "-n", "tc", "qdisc"]
        subprocess.run([*tc, "del", "dev", device, "root"], capture_output=True, timeout=20, check=False)
        if milliseconds:
            made = subprocess.run([*tc, "add", "dev", device, "root", "netem", "delay", f"{milliseconds / 2}ms"],
                                  capture_output=True, text=True, timeout=20, check=False)
            if made.returncode != 0:
                return False
    return True

# SPDX-License-Identifier: GPL-2.0-or-later
"""The root folder of a site: the machine's, and beside it the site's shared file system /scratch, for which
nothing needs to be made on the machine itself."""

import os

from . import linux

SCRATCH = "/scratch"
_NEW = "/run/root"
_OWN = ("proc", "run", SCRATCH[1:])


def change(scratch_mib):
    """Called in a mount namespace of its own, before anything else is mounted there but on /proc and /run."""
    linux.mount("weir-lab", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755")
    os.mkdir(_NEW)
    linux.mount("weir-lab", _NEW, "tmpfs", 0, "mode=0755")
    for name in os.listdir("/"):
        source, target = f"/{name}", f"{_NEW}/{name}"
        if name in _OWN:
            continue
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            os.mkdir(target)
            linux.bind(source, target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
            linux.bind(source, target)
    for name in _OWN:
        os.mkdir(f"{_NEW}/{name}")
    linux.mount("scratch", _NEW + SCRATCH, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=0755,size={scratch_mib}m")
    # A process may mount a new proc only while it sees a whole one: the kernel's rule for user namespaces.
    linux.bind("/proc", f"{_NEW}/proc")
    linux.change_root(_NEW)

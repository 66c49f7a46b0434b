# SPDX-License-Identifier: GPL-2.0-or-later
"""The root folder of a site: the machine's, and beside it the site's shared file system /scratch, for which
nothing needs to be made on the machine itself. The programs may be those of another Debian release, from a folder
that holds its root: they, their settings and their data are seen in place of the machine's."""

import os

from . import linux

SCRATCH = "/scratch"
_NEW = "/run/root"
_OWN = ("proc", "run", SCRATCH[1:])
_PEOPLE = ("/etc/passwd", "/etc/group")


def _of_release(name):
    return name in ("bin", "sbin", "usr", "etc", "var") or name.startswith("lib")


def change(scratch_mib, release=None):
    """Called in a mount namespace of its own, before anything else is mounted there but on /proc and /run. `release`
    is the folder, which is not written to."""
    linux.mount("weir-lab", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=0755")
    os.mkdir(_NEW)
    linux.mount("weir-lab", _NEW, "tmpfs", 0, "mode=0755")
    sources = {name: f"/{name}" for name in os.listdir("/") if not (release and _of_release(name))}
    if release:
        sources |= {name: f"{release}/{name}" for name in os.listdir(release) if _of_release(name)}
    for name, source in sources.items():
        target = f"{_NEW}/{name}"
        if name in _OWN:
            continue
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            os.mkdir(target)
            (linux.bind_read_only if source != f"/{name}" else linux.bind)(source, target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
            linux.bind(source, target)
    if release:  # ids are the machine's: those of munge and slurm, above all, under which the lab writes its files
        for path in _PEOPLE:
            linux.bind(path, _NEW + path)
    for name in _OWN:
        os.mkdir(f"{_NEW}/{name}")
    linux.mount("scratch", _NEW + SCRATCH, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"mode=0755,size={scratch_mib}m")
    # A process may mount a new proc only while it sees a whole one: the kernel's rule for user namespaces.
    linux.bind("/proc", f"{_NEW}/proc")
    linux.change_root(_NEW)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The people of the lab. They exist in the lab's own /etc/passwd only."""

import grp
import os
import pwd

FIRST_UID = 64101
PEOPLE = ("alice", "bob", "carol", "serve")
ACCOUNTS = {"research": ("alice", "bob", "carol"), "serving": ("serve", "alice")}
DATABASE_USER = "mysql"


def _lines(path, without):
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if line.split(":")[0] not in without]


def passwd_and_group(directory):
    """The texts of the lab's passwd and group: the machine's, and the lab's people."""
    ours = PEOPLE + (DATABASE_USER,)
    passwd, group = _lines("/etc/passwd", ours), _lines("/etc/group", ours)
    for offset, name in enumerate(PEOPLE):
        uid = FIRST_UID + offset
        passwd.append(f"{name}:x:{uid}:{uid}::{directory}/home/{name}:/bin/bash")
        group.append(f"{name}:x:{uid}:")
    uid = FIRST_UID + len(PEOPLE)
    passwd.append(f"{DATABASE_USER}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin")
    group.append(f"{DATABASE_USER}:x:{uid}:")
    return "\n".join(passwd) + "\n", "\n".join(group) + "\n"


def identity(name):
    """(uid, gid) of a user inside a lab, whether the machine knows the user or not."""
    ours = PEOPLE + (DATABASE_USER,)
    if name in ours:
        uid = FIRST_UID + ours.index(name)
        return uid, uid
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


def become(name):
    """Turns the calling process into the user; the passwd of the calling namespace counts."""
    entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        return
    groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
    os.setgroups([entry.pw_gid, *groups])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)

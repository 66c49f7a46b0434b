# SPDX-License-Identifier: GPL-2.0-or-later
"""The few system calls that Python 3.11 has no function for."""

import ctypes
import fcntl
import os
import signal
import socket
import struct

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 4096
MS_REC, MS_PRIVATE, MNT_DETACH = 16384, 1 << 18, 2
MS_RDONLY, MS_REMOUNT = 1, 32
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1
RTM_NEWROUTE, NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE = 24, 1, 4, 0x100
RT_TABLE_LOCAL, RTPROT_KERNEL, RT_SCOPE_HOST, RTN_LOCAL = 255, 2, 254, 2
RTA_DST, RTA_OIF, RTA_PREFSRC, RTA_METRICS, RTAX_QUICKACK = 1, 4, 7, 8, 15

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def enter(pid):
    """The mounts and the host name of another process become this one's."""
    for name, kind in (("mnt", CLONE_NEWNS), ("uts", CLONE_NEWUTS)):
        with open(f"/proc/{pid}/ns/{name}", "rb") as file:
            _check(_libc.setns(file.fileno(), ctypes.c_int(kind)), f"setns {name}")


def change_root(directory):
    """The mount at the directory becomes / of this mount namespace; what was there is gone from it."""
    os.chdir(directory)
    _check(_libc.pivot_root(b".", b"."), f"pivot_root {directory}")
    _check(_libc.umount2(b".", ctypes.c_int(MNT_DETACH)), "umount the old root")
    os.chdir("/")


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2); strings or None."""
    raw = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    _check(_libc.mount(raw[0], raw[1], raw[2], ctypes.c_ulong(flags), raw[3]), f"mount {target}")


def bind(source, target):
    mount(source, target, None, MS_BIND | MS_REC)


def bind_read_only(source, target):
    bind(source, target)
    mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def die_with_parent():
    """The kernel kills this process when its parent ends, however that ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "prctl")


def set_process_name(name):
    _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def bring_loopback_up(second_address):
    """lo, with one more address: where a host has 127.0.0.1 alone, getaddrinfo's AI_ADDRCONFIG
    (which Slurm asks for) takes it for a host without IPv4 and finds no name at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
        request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0,
                              socket.inet_aton(second_address))
        fcntl.ioctl(any_socket, SIOCSIFADDR, request)


def acknowledge_at_once():
    """To 127.0.0.1 there are no delayed acknowledgements: with Slurm's small writes they cost 40 ms an answer."""
    def attribute(kind, value):
        return struct.pack("HH", 4 + len(value), kind) + value

    localhost = socket.inet_aton("127.0.0.1")
    route = struct.pack("8BI", socket.AF_INET, 32, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, RT_SCOPE_HOST, RTN_LOCAL, 0)
    route += attribute(RTA_DST, localhost) + attribute(RTA_PREFSRC, localhost)
    route += attribute(RTA_OIF, struct.pack("I", socket.if_nametoindex("lo")))
    route += attribute(RTA_METRICS, attribute(RTAX_QUICKACK, struct.pack("I", 1)))
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(struct.pack("IHHII", 16 + len(route), RTM_NEWROUTE, flags, 1, 0) + route)
        error = -struct.unpack_from("i", kernel.recv(4096), 16)[0]
    if error:
        raise OSError(error, f"route to 127.0.0.1: {os.strerror(error)}")

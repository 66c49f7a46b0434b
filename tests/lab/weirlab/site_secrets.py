# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys and certificates of a site, and what home is given of them, as an administrator would be: in home's
etc/sites/NAME ca.pem, a token USER.jwt and a private key USER.key for each user, under the name here and there."""

import base64
import hashlib
import os

from . import tokens

JWT_KEY = "state/slurmctld/jwt_hs256.key"
_CERTIFICATE = """set -e; mkdir -p etc/tls; cd etc/tls; umask 077
printf '[req]\\ndistinguished_name=dn\\n[dn]\\n' > openssl.cnf
new='openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
$new -keyout ca.key -out ca.pem -subj "/CN=CA of $1" -addext basicConstraints=critical,CA:TRUE \\
  -addext keyUsage=critical,keyCertSign -addext subjectKeyIdentifier=hash
$new -keyout rest.key -out rest.pem -subj "/CN=rest.$1.example" -CA ca.pem -CAkey ca.key \\
  -addext "subjectAltName=DNS:rest.$1.example" -addext basicConstraints=critical,CA:FALSE
chmod 644 ca.pem rest.pem"""
_KEYS = """set -e; mkdir -p etc/ssh; cd etc/ssh
for name in "$@"; do rm -f $name; ssh-keygen -q -t ed25519 -N '' -C $name -f $name; done"""


def _run(site, script, *arguments):
    site.run(["/bin/sh", "-c", script, "sh", *arguments], cwd=site.directory)


def certificate(site):
    """A new authority, and a certificate by it for the site's REST service."""
    _run(site, _CERTIFICATE, site.name)


def host_key(site):
    """A new host key; its fingerprint as ssh-keygen prints it after `SHA256:`."""
    _run(site, _KEYS, "host")
    digest = hashlib.sha256(base64.b64decode(site.read("etc/ssh/host.pub").split()[1])).digest()
    return base64.b64encode(digest).decode().rstrip("=")


def make(site):
    """All of them, at the site; returns the host key's fingerprint."""
    certificate(site)
    _run(site, _KEYS, *site.people.names)
    site.write(JWT_KEY, os.urandom(32), owner="slurm", mode=0o600)
    return host_key(site)


def hand_over(home, site):
    """Writes at home what it is given; private keys stay at home only."""
    folder = f"etc/sites/{site.name}"
    for path in ("etc/sites", folder):
        home.make_directory(path, owner="slurm")
    home.write(f"{folder}/ca.pem", site.read("etc/tls/ca.pem"), owner="slurm")
    for local, remote in site.accounts().items():
        key = site.read(f"etc/ssh/{remote}")
        for name in {local, remote}:
            home.write(f"{folder}/{name}.key", key, owner="slurm", mode=0o600)
        os.unlink(site.path(f"etc/ssh/{remote}"))
        site.renew(local)
    key, program = f"private/{site.name}.jwt_hs256.key", "private/tokens.py"
    with open(site.path(JWT_KEY), "rb") as file:
        home.write(key, file.read(), owner="slurm", mode=0o600)
    with open(tokens.__file__, encoding="utf-8") as file:
        home.write(program, file.read())
    home.write(f"{folder}/renew", f"""#!/bin/sh
exec /usr/bin/python3 -B {home.inside(program)} {home.inside(key)} {site.people.prefix} "$@"
""", owner="slurm", mode=0o755)

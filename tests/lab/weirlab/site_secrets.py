# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys and certificates of a site, and what home is given of them, as an administrator would be: in home's
etc/sites/NAME ca.pem, a token USER.jwt and a private key USER.key for each user, under the name here and there."""

import base64
import datetime
import hashlib
import os

from . import tokens

JWT_KEY = "state/slurmctld/jwt_hs256.key"
_AUTHORITY = """set -e; mkdir -p etc/tls; cd etc/tls; umask 077
printf '[req]\\ndistinguished_name=dn\\n[dn]\\n[ca]\\ndefault_ca=own\\n[own]\\ndatabase=index.txt\\n' > openssl.cnf
printf 'policy=any\\nunique_subject=no\\nrand_serial=yes\\n[any]\\ncommonName=supplied\\n' >> openssl.cnf
openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \\
  -keyout ca.key -out ca.pem -subj "/CN=CA of $1" -addext basicConstraints=critical,CA:TRUE \\
  -addext keyUsage=critical,keyCertSign -addext subjectKeyIdentifier=hash
chmod 644 ca.pem"""
_CERTIFICATE = """set -e; cd etc/tls; umask 077
openssl req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -keyout rest.key -out rest.csr -subj "/CN=$1"
printf 'subjectAltName=DNS:%s\\nbasicConstraints=critical,CA:FALSE\\n' "$1" > rest.ext
: > index.txt
openssl ca -batch -config openssl.cnf -cert ca.pem -keyfile ca.key -in rest.csr -out rest.pem -outdir . -notext \\
  -md sha256 -extfile rest.ext -startdate "$2" -enddate "$3"
chmod 644 rest.pem"""
_KEYS = """set -e; mkdir -p etc/ssh; cd etc/ssh
for name in "$@"; do rm -f $name; ssh-keygen -q -t ed25519 -N '' -C $name -f $name; done"""


def _run(site, script, *arguments):
    site.run(["/bin/sh", "-c", script, "sh", *arguments], cwd=site.directory)


def authority(site):
    """A new authority, whose certificates home does not believe until it is given it."""
    _run(site, _AUTHORITY, site.name)


def certificate(site, host=None, days=2):
    """A new certificate by the authority for the site's REST service, or another host's name. It is valid since two
    days ago, and for so many days more."""
    now = datetime.datetime.now(datetime.timezone.utc)
    ends = (now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")
    begins = (now - datetime.timedelta(days=2)).strftime("%Y%m%d%H%M%SZ")
    _run(site, _CERTIFICATE, host or f"rest.{site.name}.example", begins, ends)


def host_key(site):
    """A new host key; its fingerprint as ssh-keygen prints it after `SHA256:`."""
    _run(site, _KEYS, "host")
    digest = hashlib.sha256(base64.b64decode(site.read("etc/ssh/host.pub").split()[1])).digest()
    return base64.b64encode(digest).decode().rstrip("=")


def make(site):
    """All of them, at the site; returns the host key's fingerprint."""
    authority(site)
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

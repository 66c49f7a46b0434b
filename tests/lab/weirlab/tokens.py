# SPDX-License-Identifier: GPL-2.0-or-later
"""The tokens that Slurm's auth/jwt takes. As a program, with the file of the key, the prefix of the site's
accounts, a user's name here or there and maybe a lifespan in seconds: prints a fresh token."""

import base64
import hashlib
import hmac
import json
import sys
import time


def token(key, user, lifespan):
    """One for the user (a name at the site) that is good for so many seconds; for less than none, already bad."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"exp": now + int(lifespan), "iat": now, "sun": user}
    signed = b".".join(part(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + part(hmac.new(key, signed, hashlib.sha256).digest())).decode()


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        SECRET = file.read()
    ACCOUNT = sys.argv[2] + sys.argv[3].removeprefix(sys.argv[2])
    print(token(SECRET, ACCOUNT, sys.argv[4] if len(sys.argv) > 4 else 3600))

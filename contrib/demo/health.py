#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks replicas how they are, from within their network. For each line of addresses on stdin it writes one of JSON:
{address: {"status", "waiting"?}}, the status 0 where nothing listens, and null for one that is too slow to answer."""

import concurrent.futures
import http.client
import json
import sys

TIMEOUT = 0.5  # seconds


def ask(address):
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return {"status": answer.status} | json.load(answer)
    except TimeoutError:
        return None
    except (OSError, http.client.HTTPException, ValueError):
        return {"status": 0}
    finally:
        connection.close()


def main():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for line in sys.stdin:
            addresses = line.split()
            print(json.dumps(dict(zip(addresses, pool.map(ask, addresses)))), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server in the shape of vLLM's, without a model: POST /v1/completions takes a while, GET /health says whether a load
balancer may send more.

What makes it fit to be lent a node: on SIGUSR1 (--weir-notice) it says at /health that it goes, answers what has begun,
and has Slurm requeue it. On SIGTERM (scancel) it does the same and ends.
"""

import argparse
import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Requests:
    """Those that are being answered, and whether more are taken."""

    def __init__(self):
        self.changed = threading.Condition()
        self.running = 0
        self.open = True

    def begin(self):
        with self.changed:
            self.running += self.open
            return self.open

    def end(self):
        with self.changed:
            self.running -= 1
            self.changed.notify_all()

    def drain(self):
        """Takes no more; returns once none is left."""
        with self.changed:
            self.open = False
            self.changed.wait_for(lambda: self.running == 0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        requests = self.server.requests
        if self.path == "/health":
            self.answer(200 if requests.open else 503, {"running": requests.running})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.server.requests.begin():
            return self.answer(503, {"error": "this server is about to leave"})
        try:
            time.sleep(self.server.seconds)
            self.answer(200, {"object": "text_completion", "choices": [{"text": "…", "index": 0}]})
        finally:
            self.server.requests.end()

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SERVE_SECONDS", "2")),
                        help="that an answer takes")
    options = parser.parse_args()
    # Before any thread: all inherit the mask, and sigwait below takes them.
    signals = {signal.SIGUSR1, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)  # an ignored signal would not be kept for sigwait
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    server.requests, server.seconds = Requests(), options.seconds
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serving", flush=True)
    number = signal.sigwait(signals)
    print(f"told to leave by {signal.Signals(number).name}", flush=True)
    server.requests.drain()
    print("drained", flush=True)
    if number == signal.SIGUSR1:
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)


if __name__ == "__main__":
    main()

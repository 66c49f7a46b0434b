# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay that misbehaves, between nginx and slurmrestd: arguments are its port, slurmrestd's, and a JSON file
{"kind": ..., "seconds": ..., "part": ..., "only": ...} that is read for every request. Every answer, or those to paths
that end with `only`, is so many seconds late, and
  500        slurmrestd is not asked, the answer is status 500
  garbage    slurmrestd is not asked, the answer is status 200 and no JSON
  other      slurmrestd is not asked, the answer is a JSON object of something else
  truncated  the answer breaks off after this part of it (half, unless told), and the connection with it
  cut        likewise, but that is all that was promised: no end is missed but the JSON's
  lost_submit   slurmrestd takes the job, and the answer is lost; other requests are answered
  late_submit   likewise, but slurmrestd is given the job only `late` seconds later, half a minute unless told
"""

import ctypes
import http.client
import http.server
import json
import sys
import time

PORT, SLURMRESTD, FAULT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
LOST = 418  # has nginx close the connection without an answer
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def fault():
    try:
        with open(FAULT, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):  # taken back while nginx asked
        return {}


class Relay(http.server.BaseHTTPRequestHandler):
    """One request."""

    def answer(self, status, body, kind="application/json", sent=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])

    def ask(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", SLURMRESTD, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body or None, headers | {"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Type", "text/plain")

    def relay(self):
        told, body = fault(), self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith(told.get("only", "")):
            told = {}
        kind = told.get("kind")
        time.sleep(told.get("seconds", 0))
        if kind == "500":
            self.answer(500, b'{"errors": [{"error": "by order of the lab"}]}')
        elif kind == "garbage":
            self.answer(200, b"<html>down for maintenance")
        elif kind == "other":
            self.answer(200, b'{"status": "ok", "items": []}')
        else:
            submits = self.command == "POST" and self.path.endswith("/job/submit")
            if submits and kind == "late_submit":
                time.sleep(told.get("late", 30))
            try:
                status, text, content = self.ask(body)
            except OSError:
                self.answer(502, b"slurmrestd does not answer", "text/plain")
                return
            part = int(len(text) * told.get("part", 0.5))
            if submits and kind in ("lost_submit", "late_submit"):
                self.answer(LOST, b"")
            elif kind == "cut":
                self.answer(status, text[:part], content)
            else:
                self.answer(status, text, content, part if kind == "truncated" else None)

    do_GET = do_POST = do_DELETE = do_PUT = relay


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(15, b"rest-relay", 0, 0, 0)  # PR_SET_NAME
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Relay).serve_forever()

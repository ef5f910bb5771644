#!/usr/bin/python3
"""An HTTP proxy with a name and a password, before an index of Python packages that nobody else reaches.

    index-proxy.py PORT FOLDER SECRET LOG

Whatever host is asked for, FOLDER answers, as an index on that host would. A request without the name
and password that stand in the file SECRET, NAME:PASSWORD, gets 407. LOG gets a line for each request: the status, and what was asked for.
"""
import base64
import functools
import http.server
import sys
import urllib.parse


with open(sys.argv[3]) as secret:
    WORD = "Basic " + base64.b64encode(secret.read().strip().encode()).decode()


class Proxy(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[4], "a") as log:
            known = self.headers.get("Proxy-Authorization") == WORD
            log.write(f"{200 if known else 407} {self.path}\n")
        if not known:
            self.send_error(407)
            return
        self.path = urllib.parse.urlsplit(self.path).path
        super().do_GET()

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(sys.argv[1])),
    functools.partial(Proxy, directory=sys.argv[2])).serve_forever()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server the command is pointed at: KIND [SOCKET] [SECRET-CERTIFICATE]. Prints its port; ends with its stdin."""

import ctypes
import signal
import sys
import threading

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test
kind, *more = sys.argv[1:]

if kind == "http":
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
else:
    import zmq
    import zmq.auth

    context = zmq.Context()
    socket = context.socket(getattr(zmq, more[0].upper()))
    socket.linger = 0
    if kind == "curve-without-authenticator":
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(more[1])
        socket.curve_server = True
    elif kind == "plain":
        from zmq.auth.thread import ThreadAuthenticator

        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        authenticator.configure_plain(domain="*", passwords={"ann": "secret"})
        socket.plain_server = True
    print(socket.bind_to_random_port("tcp://127.0.0.1"), flush=True)

sys.stdin.read()

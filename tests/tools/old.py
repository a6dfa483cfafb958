#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Old services without any security, as tutorials write them, and clients that were given CURVE.

    old.py rep|router|names|pub|pull|slow-pull ENDPOINT
    old.py req|dealer|push|sub ENDPOINT SECRET-CERTIFICATE SERVER-CERTIFICATE COUNT

Services print the endpoint they listen at, then what they get. rep answers "answer N" to "N", router likewise; names is a
ROUTER that insists on three frames, and tells who asked; pub publishes
what it reads from stdin. Clients number their messages from 1, and print what they get.
"""

import ctypes
import signal
import sys

import zmq
import zmq.auth

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test
kind, endpoint, *more = sys.argv[1:]
context = zmq.Context()


def say(what):
    print(what, flush=True)


def listening(socket):
    socket.bind(endpoint)
    say(socket.last_endpoint.decode())
    return socket


def connected(socket, name=b""):
    socket.linger = 10000
    if name:
        socket.routing_id = name
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(more[0])
    socket.curve_serverkey, _ = zmq.auth.load_certificate(more[1])
    socket.connect(endpoint)
    return socket


if kind == "rep":
    socket = listening(context.socket(zmq.REP))
    while True:
        request = socket.recv()
        socket.send(b"answer " + request)
elif kind == "router":
    socket = listening(context.socket(zmq.ROUTER))
    while True:
        *envelope, request = socket.recv_multipart()
        socket.send_multipart([*envelope, b"answer " + request])
elif kind == "names":
    socket = listening(context.socket(zmq.ROUTER))
    while True:
        name, empty, request = socket.recv_multipart()
        socket.send_multipart([name, empty, name + b" asked " + request])
elif kind == "pub":
    socket = listening(context.socket(zmq.XPUB if more else zmq.PUB))
    for line in sys.stdin:
        socket.send_string(line.rstrip("\n"))
elif kind in ("pull", "slow-pull"):
    socket = context.socket(zmq.PULL)
    socket.rcvhwm = 10 if kind == "slow-pull" else 1000
    listening(socket)
    if kind == "slow-pull":
        sys.stdin.readline()  # reads nothing until it is told to
    while True:
        say(socket.recv()[:20].decode())
elif kind == "req":
    socket = connected(context.socket(zmq.REQ), " ".join(more[3:]).encode())
    for number in range(1, int(more[2]) + 1):
        socket.send_string(str(number))
        say(socket.recv_string())
elif kind == "dealer":
    socket = connected(context.socket(zmq.DEALER))
    for number in range(1, int(more[2]) + 1):
        socket.send_multipart([b"", str(number).encode()])
    say("sent")
    for number in range(1, int(more[2]) + 1):
        say(socket.recv_multipart()[-1].decode())
elif kind == "push":
    socket = connected(context.socket(zmq.PUSH))
    for number in range(1, int(more[2]) + 1):
        socket.send_string(str(number))
    say("sent")
    sys.stdin.read()
elif kind == "sub":
    socket = connected(context.socket(zmq.SUB))
    socket.subscribe(more[3] if len(more) > 3 else "")
    say("subscribed")
    for number in range(1, int(more[2]) + 1):
        say(socket.recv_string())

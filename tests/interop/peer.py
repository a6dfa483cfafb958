#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A foreign peer: one pyzmq socket, told what to do line by line on stdin. Lives as long as its stdin is open.

send HEX...     sends one message of these frames ("-" is an empty frame), says "sent" or "full"
receive MS      says "got HEX..." or "nothing"
subscribe HEX   says "subscribed"
"""

import argparse
import ctypes
import pathlib
import signal
import sys

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator


def encode(frames):
    return " ".join(frame.hex() or "-" for frame in frames)


def decode(words):
    return [b"" if word == "-" else bytes.fromhex(word) for word in words]


def serve(options):
    context = zmq.Context()
    authenticator = None
    if options.clients:
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        authenticator.configure_curve(domain="*", location=options.clients)
    socket = context.socket(getattr(zmq, options.type.upper()))
    socket.linger = 1000
    socket.sndtimeo = 10_000
    if options.own:
        public, secret = zmq.auth.load_certificate(options.own)
        socket.curve_publickey, socket.curve_secretkey = public, secret
        if options.server_key:
            socket.curve_serverkey = options.server_key.encode()
        else:
            socket.curve_server = True
    if options.identity:
        socket.routing_id = options.identity.encode()
    socket.ipv6 = "[" in (options.bind or options.connect)
    if options.bind:
        socket.bind(options.bind)
        print("ready", socket.last_endpoint.decode().rstrip("\0"), flush=True)
    else:
        socket.connect(options.connect)
        print("ready", options.connect, flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "send":
            try:
                socket.send_multipart(decode(words))
                print("sent", flush=True)
            except zmq.Again:
                print("full", flush=True)
        elif command == "receive":
            if socket.poll(int(words[0])):
                print("got", encode(socket.recv_multipart()), flush=True)
            else:
                print("nothing", flush=True)
        elif command == "subscribe":
            socket.subscribe(decode(words)[0])
            print("subscribed", flush=True)
    socket.close()
    if authenticator:
        authenticator.stop()
    context.term()


def show(path):
    public, secret = zmq.auth.load_certificate(path)
    print(public.decode(), secret.decode() if secret else "-", flush=True)


def make(path):
    path = pathlib.Path(path)
    zmq.auth.create_certificates(path.parent, path.name)
    print("made", flush=True)


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive the test
    parser = argparse.ArgumentParser()
    parser.add_argument("--show")
    parser.add_argument("--make")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--type")
    parser.add_argument("--bind")
    parser.add_argument("--connect")
    parser.add_argument("--own", help="the secret certificate file")
    parser.add_argument("--server-key")
    parser.add_argument("--clients", help="a folder of public certificate files: only these may come in")
    parser.add_argument("--identity")
    # A Z85 key may begin with "-": joined by "=", it is not taken for another option.
    words = iter(sys.argv[1:])
    options = parser.parse_args([w if w == "--version" else f"{w}={next(words, '')}" for w in words])
    if options.version:
        print("pyzmq", zmq.pyzmq_version(), flush=True)
    elif options.show:
        show(options.show)
    elif options.make:
        make(options.make)
    else:
        serve(options)


main()

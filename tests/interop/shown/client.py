# SPDX-License-Identifier: MIT
import sys

import zmq
import zmq.auth

context = zmq.Context()
socket = context.socket(zmq.PUSH)
socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate("ann.key_secret")
socket.curve_serverkey, _ = zmq.auth.load_certificate("server.key")
socket.linger = 10_000  # milliseconds; without it, context.term() may wait for ever
socket.connect(sys.argv[1])  # tcp://server.example:5555
socket.send_multipart([b"one thousand widgets"])
socket.close()
context.term()

# SPDX-License-Identifier: MIT
import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

context = zmq.Context()
authenticator = ThreadAuthenticator(context)  # without one, every key there is gets in
authenticator.start()
authenticator.configure_curve(domain="orders", location="clients")  # read now, and not again by itself
socket = context.socket(zmq.PULL)
socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate("server.key_secret")
socket.curve_server = True
socket.zap_domain = b"orders"  # the same word: "*" above would not mean every domain
socket.rcvhwm = 100
socket.maxmsgsize = 4096 + 33  # a frame, and what CURVE adds to it
socket.bind("tcp://127.0.0.1:*")
print(socket.last_endpoint.decode(), flush=True)
print(socket.recv_multipart()[0].decode(), flush=True)
authenticator.stop()
context.destroy(linger=0)

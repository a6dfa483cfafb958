/* SPDX-License-Identifier: MIT */
#include <czmq.h>

int main(void) {
    zactor_t *authenticator = zactor_new(zauth, NULL); // without one, every key there is gets in
    zstr_sendx(authenticator, "CURVE", "clients", NULL);
    zsock_wait(authenticator);
    zcert_t *server = zcert_load("server.key"); // takes server.key_secret, which lies beside it
    if (!server) return 2;

    zsock_t *socket = zsock_new(ZMQ_PULL);
    zsock_set_zap_domain(socket, "orders"); // what the authenticator calls this socket
    zcert_apply(server, socket);
    zsock_set_curve_server(socket, 1);
    zsock_set_rcvhwm(socket, 100);
    zsock_set_maxmsgsize(socket, 4096 + 33); // a frame, and what CURVE adds to it
    if (zsock_bind(socket, "tcp://127.0.0.1:*") < 0) return 3;
    puts(zsock_endpoint(socket));
    fflush(stdout);
    char *order = zstr_recv(socket);
    if (order) puts(order);

    zstr_free(&order);
    zsock_destroy(&socket);
    zcert_destroy(&server);
    zactor_destroy(&authenticator);
    return 0;
}

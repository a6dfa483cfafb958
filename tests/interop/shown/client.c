/* SPDX-License-Identifier: MIT */
#include <czmq.h>

int main(int argc, char **argv) {
    zcert_t *ann = zcert_load("ann.key"); // takes ann.key_secret, which lies beside it
    zcert_t *server = zcert_load("server.key");
    if (argc != 2 || !ann || !server) return 2;
    if (zsys_file_size("ann.key_secret") <= 0) return 3; // zcert_load() says nothing, and goes on with a secret of zeros

    zsock_t *socket = zsock_new(ZMQ_PUSH);
    zcert_apply(ann, socket);
    zsock_set_curve_serverkey(socket, zcert_public_txt(server));
    zsock_set_linger(socket, 10000); // milliseconds
    if (zsock_connect(socket, "%s", argv[1]) != 0) return 4;
    zstr_send(socket, "one thousand widgets");

    zsock_destroy(&socket);
    zcert_destroy(&server);
    zcert_destroy(&ann);
    return 0;
}

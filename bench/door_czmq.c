/* SPDX-License-Identifier: MIT
 *
 * The same door with CZMQ: a zauth actor with a certificate store. visitors.cpp comes to it.
 *   bench_door_czmq inserted KEYS     the keys of the file, 32 bytes each, in a store in memory
 *   bench_door_czmq directory FOLDER  the certificates in the folder, as zauth reads them
 * It prints its port and its key when it can be come to, and ends with its input.
 */
#include <czmq.h>

#include "programs/measure.h"

static void check(int ok, const char* what) {
    if (ok) return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static zcertstore_t* read_keys(const char* name) {
    static const byte no_secret[32];
    zcertstore_t* const store = zcertstore_new(NULL);
    FILE* const file = fopen(name, "rb");
    byte key[32];
    check(store != NULL && file != NULL, "reading the keys");
    while (fread(key, sizeof key, 1, file) == 1) {
        zcert_t* cert = zcert_new_from(key, no_secret);
        check(cert != NULL, "making a certificate");
        zcertstore_insert(store, &cert);
    }
    fclose(file);
    return store;
}

int main(int argc, char** argv) {
    keep_memory();
    if (argc != 3) return 2;
    const int inserted = streq(argv[1], "inserted");
    zcertstore_t* store = inserted ? read_keys(argv[2]) : NULL;
    zactor_t* auth = zactor_new(zauth, store);
    check(auth != NULL, "starting zauth");
    if (!inserted) {
        check(zstr_sendx(auth, "CURVE", argv[2], NULL) == 0, "loading the folder");
        zsock_wait(auth);
    }
    zcert_t* identity = zcert_new();
    zsock_t* server = zsock_new(ZMQ_PULL);
    check(identity != NULL && server != NULL, "opening the socket");
    zsock_set_zap_domain(server, "bench");
    zcert_apply(identity, server);
    zsock_set_curve_server(server, 1);
    zsock_set_backlog(server, 1024);
    const int port = zsock_bind(server, "tcp://127.0.0.1:*");
    check(port > 0, "binding");
    printf("%d %s\n", port, zcert_public_txt(identity));
    fflush(stdout);
    while (getchar() != EOF) {}
    zsock_destroy(&server);
    zactor_destroy(&auth);
    zcertstore_destroy(&store);
    zcert_destroy(&identity);
    return 0;
}

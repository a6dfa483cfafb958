/* SPDX-License-Identifier: MIT

   A foreign peer: one CZMQ socket, told what to do line by line on stdin, in the words of peer.py. */

#include <czmq.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const char *option(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; ++i)
        if (streq(argv[i], name)) return argv[i + 1];
    return NULL;
}

static int type_of(const char *name) {
    static const struct {
        const char *name;
        int type;
    } types[] = {{"push", ZMQ_PUSH}, {"pull", ZMQ_PULL},     {"pub", ZMQ_PUB},       {"sub", ZMQ_SUB},
                 {"xpub", ZMQ_XPUB}, {"xsub", ZMQ_XSUB},     {"req", ZMQ_REQ},       {"rep", ZMQ_REP},
                 {"pair", ZMQ_PAIR}, {"dealer", ZMQ_DEALER}, {"router", ZMQ_ROUTER}, {NULL, -1}};
    int i = 0;
    while (types[i].name && !streq(types[i].name, name)) ++i;
    return types[i].type;
}

static zmsg_t *decode(char *words) {
    zmsg_t *message = zmsg_new();
    for (char *word = strtok(words, " \n"); word; word = strtok(NULL, " \n")) {
        if (streq(word, "-")) {
            zmsg_addmem(message, "", 0);
            continue;
        }
        zchunk_t *bytes = zchunk_new(NULL, strlen(word) / 2);
        for (const char *digit = word; digit[0] && digit[1]; digit += 2) {
            unsigned value = 0;
            sscanf(digit, "%2x", &value);
            const byte one = (byte) value;
            zchunk_append(bytes, &one, 1);
        }
        zmsg_addmem(message, zchunk_data(bytes), zchunk_size(bytes));
        zchunk_destroy(&bytes);
    }
    return message;
}

static void print_message(zmsg_t *message) {
    printf("got");
    for (zframe_t *frame = zmsg_first(message); frame; frame = zmsg_next(message)) {
        putchar(' ');
        if (zframe_size(frame) == 0) putchar('-');
        for (size_t i = 0; i < zframe_size(frame); ++i) printf("%02x", zframe_data(frame)[i]);
    }
    putchar('\n');
}

int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *own = option(argc, argv, "--own");
    const char *file = option(argc, argv, "--show");
    if (argc > 1 && streq(argv[1], "--version")) {
        printf("CZMQ %d.%d.%d\n", CZMQ_VERSION_MAJOR, CZMQ_VERSION_MINOR, CZMQ_VERSION_PATCH);
        return 0;
    }
    if (file) {
        zcert_t *cert = zcert_load(file);
        printf("%s %s\n", cert ? zcert_public_txt(cert) : "-", cert ? zcert_secret_txt(cert) : "-");
        zcert_destroy(&cert);
        return 0;
    }
    file = option(argc, argv, "--make");
    if (file) {
        zcert_t *cert = zcert_new();
        zcert_set_meta(cert, "name", "%s", "made by CZMQ");
        printf(zcert_save(cert, file) == 0 ? "made\n" : "failed\n");
        zcert_destroy(&cert);
        return 0;
    }

    zsys_handler_set(NULL);
    const char *clients = option(argc, argv, "--clients");
    zactor_t *authenticator = NULL;
    if (clients) {
        authenticator = zactor_new(zauth, NULL);
        zstr_sendx(authenticator, "CURVE", clients, NULL);
        zsock_wait(authenticator);
    }
    zsock_t *socket = zsock_new(type_of(option(argc, argv, "--type")));
    zsock_set_linger(socket, 1000);
    zsock_set_sndtimeo(socket, 10000);
    if (clients) zsock_set_zap_domain(socket, "global");
    const char *server_key = option(argc, argv, "--server-key");
    zcert_t *cert = own ? zcert_load(own) : NULL;
    if (cert) {
        zcert_apply(cert, socket);
        if (server_key)
            zsock_set_curve_serverkey(socket, server_key);
        else
            zsock_set_curve_server(socket, 1);
    }
    const char *identity = option(argc, argv, "--identity");
    if (identity) zsock_set_identity(socket, identity);
    const char *endpoint = option(argc, argv, "--bind");
    const bool binds = endpoint != NULL;
    if (!binds) endpoint = option(argc, argv, "--connect");
    zsock_set_ipv6(socket, strchr(endpoint, '[') != NULL);
    if (binds) {
        if (zsock_bind(socket, "%s", endpoint) < 0) return 2;
        printf("ready %s\n", zsock_endpoint(socket));
    } else {
        if (zsock_connect(socket, "%s", endpoint) != 0) return 2;
        printf("ready %s\n", endpoint);
    }

    static char line[1 << 20];
    zpoller_t *poller = zpoller_new(socket, NULL);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "send ", 5) == 0) {
            zmsg_t *message = decode(line + 5);
            printf(zmsg_send(&message, socket) == 0 ? "sent\n" : "full\n");
            zmsg_destroy(&message);
        } else if (strncmp(line, "receive ", 8) == 0) {
            if (zpoller_wait(poller, atoi(line + 8))) {
                zmsg_t *message = zmsg_recv(socket);
                if (message) print_message(message);
                zmsg_destroy(&message);
            } else {
                printf("nothing\n");
            }
        } else if (strncmp(line, "subscribe ", 10) == 0) {
            zmsg_t *topic = decode(line + 10);
            char *text = zmsg_popstr(topic);
            zsock_set_subscribe(socket, text);
            zstr_free(&text);
            zmsg_destroy(&topic);
            printf("subscribed\n");
        }
    }
    zpoller_destroy(&poller);
    zsock_destroy(&socket);
    zcert_destroy(&cert);
    zactor_destroy(&authenticator);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * What a careful program does by hand around its sockets, in plain C: the options an Ironhouse socket sets, and a handler
 * that lets in the keys it knows. For raw.c, cppzmq.cpp and crowd.c; Ironhouse has its own.
 */
#ifndef IRONHOUSE_BENCH_PEER_H
#define IRONHOUSE_BENCH_PEER_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "measure.h"

static inline void check(int ok) {
    if (ok) return;
    fprintf(stderr, "failed: %s\n", zmq_strerror(zmq_errno()));
    exit(1);
}

static inline void set(void* socket, int option, int value) {
    check(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static inline void set_options(void* socket) {
    static const int options[][2] = {
        {ZMQ_LINGER, 1000},
        {ZMQ_HANDSHAKE_IVL, 5000},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 30},
        {ZMQ_TCP_KEEPALIVE_INTVL, 10},
        {ZMQ_TCP_KEEPALIVE_CNT, 3},
        {ZMQ_TCP_MAXRT, 60000},
        {ZMQ_CONNECT_TIMEOUT, 5000},
        {ZMQ_RECONNECT_IVL, 100},
        {ZMQ_RECONNECT_IVL_MAX, 10000},
        {ZMQ_BACKLOG, 1024},
        {ZMQ_IMMEDIATE, 0},
        {ZMQ_HEARTBEAT_IVL, 0},
        {ZMQ_CONFLATE, 0},
        {ZMQ_SNDHWM, queue_limit},
        {ZMQ_RCVHWM, queue_limit},
        {ZMQ_SNDTIMEO, 10000},
        {ZMQ_RCVTIMEO, 10000},
        {ZMQ_SNDBUF, 208 * 1024},
        {ZMQ_RCVBUF, 208 * 1024},
    };
    const int64_t largest = frame_limit + 33;
    for (size_t i = 0; i != sizeof options / sizeof *options; ++i) set(socket, options[i][0], options[i][1]);
    check(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0);
}

static inline void set_context(void* context) {
    const int zero_copy_receive = 10;
    check(zmq_ctx_set(context, zero_copy_receive, 0) == 0);
}

struct keys {
    char server_public[41], server_secret[41], client_public[41], client_secret[41];
};

static inline void make_keys(struct keys* keys) {
    check(zmq_curve_keypair(keys->server_public, keys->server_secret) == 0);
    check(zmq_curve_keypair(keys->client_public, keys->client_secret) == 0);
}

static inline void serve_with(void* socket, const struct keys* keys) {
    const int enforce_domain = 93;
    check(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "bench", 5) == 0);
    set(socket, enforce_domain, 1);
    set(socket, ZMQ_CURVE_SERVER, 1);
    check(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->server_secret, 41) == 0);
}

static inline void call_with(void* socket, const struct keys* keys) {
    check(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server_public, 41) == 0);
    check(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->client_public, 41) == 0);
    check(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->client_secret, 41) == 0);
}

/* The handler of RFC 27: a request has an empty frame, version, request id, domain, address, routing id, mechanism, key. */
struct doorkeeper {
    void* socket;
    unsigned char (*admitted)[32];
    size_t count;
    pthread_t thread;
};

static inline int admits(const struct doorkeeper* door, const char* key) {
    for (size_t i = 0; i != door->count; ++i)
        if (memcmp(key, door->admitted[i], 32) == 0) return 1;
    return 0;
}

static void* keep_door(void* argument) {
    struct doorkeeper* const door = (struct doorkeeper*)argument;
    for (;;) {
        char frames[8][256];
        int sizes[8], count = 0, more = 1;
        size_t size = sizeof more;
        while (more) {
            char* const at = frames[count < 7 ? count : 7];
            const int got = zmq_recv(door->socket, at, 256, 0);
            if (got < 0) { /* the context ends */
                zmq_close(door->socket);
                return NULL;
            }
            sizes[count < 7 ? count : 7] = got;
            ++count;
            check(zmq_getsockopt(door->socket, ZMQ_RCVMORE, &more, &size) == 0);
        }
        const int admitted = count == 7 && sizes[0] == 3 && memcmp(frames[0], "1.0", 3) == 0 && sizes[2] == 5 &&
                             memcmp(frames[2], "bench", 5) == 0 && sizes[5] == 5 &&
                             memcmp(frames[5], "CURVE", 5) == 0 && sizes[6] == 32 && admits(door, frames[6]);
        zmq_send(door->socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(door->socket, frames[1], (size_t)(count > 1 && sizes[1] < 256 ? sizes[1] : 0), ZMQ_SNDMORE);
        zmq_send(door->socket, admitted ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send(door->socket, admitted ? "OK" : "no", 2, ZMQ_SNDMORE);
        zmq_send(door->socket, "client", admitted ? 6 : 0, ZMQ_SNDMORE);
        zmq_send(door->socket, "", 0, 0);
    }
}

static inline void open_door(struct doorkeeper* door, void* context, const struct keys* keys, size_t count) {
    door->admitted = (unsigned char(*)[32])calloc(count, sizeof *door->admitted);
    door->count = count;
    check(door->admitted != NULL);
    for (size_t i = 0; i != count; ++i) check(zmq_z85_decode(door->admitted[i], keys[i].client_public) != NULL);
    door->socket = zmq_socket(context, ZMQ_REP);
    check(door->socket != NULL && zmq_bind(door->socket, "inproc://zeromq.zap.01") == 0);
    check(pthread_create(&door->thread, NULL, keep_door, door) == 0);
}

/* When the context has ended. */
static inline void close_door(struct doorkeeper* door) {
    if (door->socket == NULL) return;
    pthread_join(door->thread, NULL);
    free(door->admitted);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Clients for the servers that are measured: plain libzmq, in a process of their own, so that its work is not counted.
 * A client sends as the server says; each side ends the process when the other fails or takes too long.
 */
#ifndef IRONHOUSE_BENCH_CROWD_H
#define IRONHOUSE_BENCH_CROWD_H

#include "measure.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { crowd_servers = 3 /* of `guard`; otherwise there is one */ };

/* How many messages of that size are received before it is another one's turn: some 40 ms of work. */
static inline long crowd_slice(const struct job* work) { return work->size > 256 ? 12000 : 60000; }

struct keys;

struct crowd {
    const struct job* work;
    struct keys* keys; /* of the clients; the server makes its own */
    size_t count;
    int say, hear;
    long process;
};

/* Whether that work is done with clients in another process. */
static inline int has_a_crowd(const struct job* work) {
    return strcmp(work->what, "guard") == 0 || strcmp(work->what, "idle") == 0 || strcmp(work->what, "accept") == 0;
}
/* Starts the process. To be called before there is a context, or a thread: it forks. */
void crowd_start(struct crowd* crowd, const struct job* work);
/* The public key of one client, in Z85. */
const char* crowd_key(const struct crowd* crowd, size_t client);
/* Tells the clients where the server is, and who. */
void crowd_call(struct crowd* crowd, const char* endpoint, const char* server_key);
/* The clients wait for this, and are told which server it is about; the server waits for them. */
void crowd_go(struct crowd* crowd, unsigned char server);
unsigned char crowd_await(struct crowd* crowd);
/* Waits for the process to end, and ends this one if it failed. */
void crowd_end(struct crowd* crowd);
/* Nothing for so long: what libzmq does after a burst is done by then. */
void crowd_settle(long milliseconds);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "crowd.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "peer.h"

struct called {
    char endpoint[256];
    char server_key[41];
};

static void failed(const char* what) {
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static void say(int to, const void* what, size_t size) {
    if (write(to, what, size) != (ssize_t)size) failed("the other process has ended");
}

static void hear(int from, void* what, size_t size) {
    ssize_t got = 0;
    do got = read(from, what, size);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)size) failed("the other process has ended");
}

void crowd_go(struct crowd* crowd, unsigned char server) { say(crowd->say, &server, 1); }

unsigned char crowd_await(struct crowd* crowd) {
    unsigned char server = 0;
    hear(crowd->hear, &server, 1);
    return server;
}

void crowd_settle(long milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

const char* crowd_key(const struct crowd* crowd, size_t client) { return crowd->keys[client].client_public; }

/* ---- the clients --------------------------------------------------------------------------------------------------- */

static void* open_client(void* context, const struct called* server, struct keys* keys) {
    void* const push = zmq_socket(context, ZMQ_PUSH);
    check(push != NULL);
    set_options(push);
    memcpy(keys->server_public, server->server_key, sizeof keys->server_public);
    call_with(push, keys);
    return push;
}

static void send_some(void* push, const struct job* job, long count, size_t size) {
    while (count-- > 0) check(zmq_send(push, job->payload, size, 0) == (int)size);
}

/* One client for each server, which sends its slice as fast as it is taken. */
static void stream(struct crowd* crowd, void* context, const struct called* servers) {
    void* clients[crowd_servers];
    for (int i = 0; i != crowd_servers; ++i) {
        clients[i] = open_client(context, &servers[i], &crowd->keys[0]);
        check(zmq_connect(clients[i], servers[i].endpoint) == 0);
    }
    for (int which; (which = crowd_await(crowd)) != crowd_servers;)
        send_some(clients[which], crowd->work, crowd_slice(crowd->work), crowd->work->size);
    for (int i = 0; i != crowd_servers; ++i) zmq_close(clients[i]);
}

/* One socket, and as many connections as are wanted. They come in no faster than a listener's backlog takes them: whoever
 * finds it full tries again after a second. */
static void fall_silent(struct crowd* crowd, void* context, const struct called* server) {
    const long batch = 64, wanted = crowd->work->rounds;
    void* const push = open_client(context, server, &crowd->keys[0]);
    void* const monitor = zmq_socket(context, ZMQ_PAIR);
    long asked = 0, there = 0;
    check(monitor != NULL &&
          zmq_socket_monitor(push, "inproc://monitor", ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0);
    set(monitor, ZMQ_RCVHWM, 0);
    set(monitor, ZMQ_RCVTIMEO, 10000);
    set(monitor, ZMQ_LINGER, 0);
    check(zmq_connect(monitor, "inproc://monitor") == 0);
    while (there != wanted) {
        if (asked == there)
            for (; asked != wanted && asked != there + batch; ++asked) check(zmq_connect(push, server->endpoint) == 0);
        uint16_t event;
        char head[6], address[256];
        check(zmq_recv(monitor, head, sizeof head, 0) == sizeof head);
        check(zmq_recv(monitor, address, sizeof address, 0) >= 0);
        memcpy(&event, head, sizeof event);
        if (event == ZMQ_EVENT_DISCONNECTED) failed("a connection was lost");
        ++there;
    }
    crowd_go(crowd, 0);
    crowd_await(crowd);
    /* All are still there, and served: each has one message to send, in turn. */
    char head[6];
    if (zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT) >= 0) failed("a connection was lost");
    send_some(push, crowd->work, wanted, 1);
    crowd_await(crowd);
    zmq_socket_monitor(push, NULL, 0);
    zmq_close(monitor);
    zmq_close(push);
}

/* Each with a socket and a key of its own, all at once. One message says that it has been let in. */
static void arrive(struct crowd* crowd, void* context, const struct called* server) {
    const size_t burst = crowd->count;
    void** const clients = (void**)calloc(burst, sizeof *clients);
    check(clients != NULL);
    for (long left = crowd->work->rounds; left > 0; left -= (long)burst) {
        for (size_t i = 0; i != burst; ++i) clients[i] = open_client(context, server, &crowd->keys[i]);
        crowd_go(crowd, 0);
        crowd_await(crowd);
        for (size_t i = 0; i != burst; ++i) {
            check(zmq_connect(clients[i], server->endpoint) == 0);
            send_some(clients[i], crowd->work, 1, 1);
        }
        crowd_await(crowd);
        for (size_t i = 0; i != burst; ++i) zmq_close(clients[i]);
    }
    free(clients);
}

static void be_clients(struct crowd* crowd) {
    struct called servers[crowd_servers];
    const int guard = strcmp(crowd->work->what, "guard") == 0;
    for (int i = 0; i != (guard ? crowd_servers : 1); ++i) hear(crowd->hear, &servers[i], sizeof servers[i]);
    void* const context = zmq_ctx_new();
    if (guard)
        stream(crowd, context, servers);
    else if (strcmp(crowd->work->what, "idle") == 0)
        fall_silent(crowd, context, servers);
    else
        arrive(crowd, context, servers);
    zmq_ctx_term(context);
}

/* ---- as the server sees them --------------------------------------------------------------------------------------- */

/* Server and clients on a processor each, where there are two: what a message costs depends on which of the threads happen
 * to run at the same time, by more than is to be measured. */
static void keep_apart(int last) {
    cpu_set_t allowed, mine;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    CPU_ZERO(&mine);
    for (int i = 0; i != CPU_SETSIZE; ++i) {
        if (!CPU_ISSET(i, &allowed) || (!last && CPU_COUNT(&mine) != 0)) continue;
        CPU_ZERO(&mine);
        CPU_SET(i, &mine);
    }
    sched_setaffinity(0, sizeof mine, &mine);
}

void crowd_start(struct crowd* crowd, const struct job* work) {
    int there[2], back[2];
    struct rlimit files;
    /* An Ironhouse server holds each connection by a second descriptor. */
    check(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    check(setrlimit(RLIMIT_NOFILE, &files) == 0);
    if (strcmp(work->what, "idle") == 0 && files.rlim_max < 2 * (rlim_t)work->rounds + 200)
        failed("too few descriptors are allowed (RLIMIT_NOFILE, hard limit)");
    if (strcmp(work->what, "accept") == 0 && work->rounds % (long)work->size != 0) failed("not so many whole bursts");
    signal(SIGPIPE, SIG_IGN);
    crowd->work = work;
    crowd->count = strcmp(work->what, "accept") == 0 ? work->size : 1;
    crowd->keys = (struct keys*)calloc(crowd->count, sizeof *crowd->keys);
    check(crowd->keys != NULL);
    for (size_t i = 0; i != crowd->count; ++i)
        check(zmq_curve_keypair(crowd->keys[i].client_public, crowd->keys[i].client_secret) == 0);
    if (pipe(there) != 0 || pipe(back) != 0) failed("no pipe to be had");
    const pid_t parent = getpid(), child = fork();
    if (strcmp(work->what, "guard") == 0) keep_apart(child == 0);
    if (child < 0) failed("no process to be had");
    if (child != 0) {
        close(there[0]);
        close(back[1]);
        crowd->say = there[1];
        crowd->hear = back[0];
        crowd->process = child;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    alarm(60);
    close(there[1]);
    close(back[0]);
    crowd->say = back[1];
    crowd->hear = there[0];
    be_clients(crowd);
    _exit(0);
}

void crowd_call(struct crowd* crowd, const char* endpoint, const char* server_key) {
    struct called server;
    memset(&server, 0, sizeof server);
    if (strlen(endpoint) >= sizeof server.endpoint || strlen(server_key) >= sizeof server.server_key)
        failed("not an address and a key");
    strcpy(server.endpoint, endpoint);
    strcpy(server.server_key, server_key);
    say(crowd->say, &server, sizeof server);
}

void crowd_end(struct crowd* crowd) {
    int status = 0;
    while (waitpid((pid_t)crowd->process, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed("the clients did not end as they should");
    close(crowd->say);
    close(crowd->hear);
    free(crowd->keys);
}

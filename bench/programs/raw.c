/* SPDX-License-Identifier: MIT
 *
 * The yardstick: the work in plain C, with the checks that an Ironhouse socket makes done by hand. measure.h says how it
 * is called.
 */
#include "crowd.h"
#include "peer.h"

/* Sends one frame if it is within the limit. */
static HOT int send_checked(void* socket, zmq_msg_t* message) {
    if (zmq_msg_size(message) > frame_limit) return -1;
    return zmq_msg_send(message, socket, 0);
}

/* Receives one frame; one that is too long, or not the last, is refused. */
static HOT int receive_checked(void* socket, zmq_msg_t* message) {
    const int size = zmq_msg_recv(message, socket, 0);
    if (size < 0 || size > frame_limit || zmq_msg_more(message)) return -1;
    return size;
}

static HOT void send_one(void* from, zmq_msg_t* out, const struct job* job) {
    check(zmq_msg_init_size(out, job->size) == 0);
    memcpy(zmq_msg_data(out), job->payload, job->size);
    check(send_checked(from, out) >= 0);
}

static HOT void receive_one(void* to, zmq_msg_t* in, const struct job* job) {
    check(receive_checked(to, in) == (int)job->size);
}

static void* open_socket(void* context, int type) {
    void* socket = zmq_socket(context, type);
    check(socket != NULL);
    set_options(socket);
    return socket;
}

__attribute__((noinline)) static void inproc(void* context, struct job* job) {
    zmq_msg_t out, in;
    void *push = open_socket(context, ZMQ_PUSH), *pull = open_socket(context, ZMQ_PULL);
    zmq_msg_init(&in);
    check(zmq_bind(pull, "inproc://bench") == 0);
    check(zmq_connect(push, "inproc://bench") == 0);
    begin(job);
    for (long i = 0; i != job->rounds; ++i) {
        send_one(push, &out, job);
        receive_one(pull, &in, job);
    }
    end(job);
    zmq_msg_close(&in);
    zmq_close(push);
    zmq_close(pull);
}

static void window(void* push, void* pull, zmq_msg_t* out, zmq_msg_t* in, long count, const struct job* job) {
    for (long i = 0; i != count; ++i) send_one(push, out, job);
    for (long i = 0; i != count; ++i) receive_one(pull, in, job);
}

static void stream(void* server, void* client, struct job* job) {
    zmq_msg_t out, in;
    zmq_msg_init(&in);
    for (int i = 0; i != warm_up; ++i) window(client, server, &out, &in, job->window, job);
    begin(job);
    for (long left = job->rounds; left > 0; left -= job->window)
        window(client, server, &out, &in, left < job->window ? left : job->window, job);
    end(job);
    zmq_msg_close(&in);
}

static void pingpong(void* server, void* client, struct job* job) {
    zmq_msg_t out, in;
    zmq_msg_init(&in);
    for (long i = -warm_up; i != job->rounds; ++i) {
        if (i == 0) begin(job);
        const double left = bench_clock(CLOCK_MONOTONIC);
        send_one(client, &out, job);
        receive_one(server, &in, job);
        send_one(server, &out, job);
        receive_one(client, &in, job);
        if (i >= 0) job->trips[i] = bench_clock(CLOCK_MONOTONIC) - left;
    }
    end(job);
    zmq_msg_close(&in);
}

/* As many messages of one byte, which say that somebody is there. */
static void roll_call(void* server, size_t count) {
    char in;
    for (size_t i = 0; i != count; ++i) check(zmq_recv(server, &in, 1, 0) == 1);
}

static void idle(void* server, struct crowd* crowd, struct job* job) {
    char in;
    crowd_await(crowd);
    crowd_settle(1500);
    set(server, ZMQ_RCVTIMEO, (int)job->size * 1000);
    begin(job);
    check(zmq_recv(server, &in, 1, 0) < 0 && zmq_errno() == EAGAIN);
    end(job);
    set(server, ZMQ_RCVTIMEO, 10000);
    crowd_go(crowd, 0);
    roll_call(server, (size_t)job->rounds);
    crowd_go(crowd, 0);
}

static void accept_bursts(void* server, struct crowd* crowd, struct job* job) {
    for (long left = job->rounds; left > 0; left -= (long)job->size) {
        crowd_await(crowd);
        crowd_settle(100); /* the last ones leave */
        begin(job);
        crowd_go(crowd, 0);
        roll_call(server, job->size);
        end(job);
        crowd_go(crowd, 0);
    }
}

/* Clients in another process. */
static int serve(void* context, struct crowd* crowd, struct job* job) {
    struct keys keys;
    struct doorkeeper door;
    char endpoint[256];
    size_t size = sizeof endpoint;
    void* server = open_socket(context, ZMQ_PULL);
    make_keys(&keys);
    open_door(&door, context, crowd->keys, crowd->count);
    serve_with(server, &keys);
    check(zmq_bind(server, "tcp://127.0.0.1:*") == 0);
    check(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    crowd_call(crowd, endpoint, keys.server_public);
    if (strcmp(job->what, "idle") == 0)
        idle(server, crowd, job);
    else
        accept_bursts(server, crowd, job);
    zmq_close(server);
    zmq_ctx_term(context);
    close_door(&door);
    crowd_end(crowd);
    report(job);
    return 0;
}

int main(int argc, char** argv) {
    struct job job = job_from(argc, argv);
    struct crowd crowd;
    const int crowded = has_a_crowd(&job);
    if (crowded) crowd_start(&crowd, &job);
    void* context = zmq_ctx_new();
    set_context(context);
    if (crowded) return serve(context, &crowd, &job);
    if (strcmp(job.what, "inproc") == 0) {
        inproc(context, &job);
        zmq_ctx_term(context);
    } else {
        const int streams = strcmp(job.what, "stream") == 0;
        void* server = open_socket(context, streams ? ZMQ_PULL : ZMQ_DEALER);
        void* client = open_socket(context, streams ? ZMQ_PUSH : ZMQ_DEALER);
        char endpoint[256];
        size_t size = sizeof endpoint;
        struct keys keys;
        struct doorkeeper door;
        make_keys(&keys);
        open_door(&door, context, &keys, 1);
        serve_with(server, &keys);
        call_with(client, &keys);
        check(zmq_bind(server, "tcp://127.0.0.1:*") == 0);
        check(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
        check(zmq_connect(client, endpoint) == 0);
        if (streams)
            stream(server, client, &job);
        else
            pingpong(server, client, &job);
        zmq_close(server);
        zmq_close(client);
        zmq_ctx_term(context);
        close_door(&door);
    }
    report(&job);
    return 0;
}

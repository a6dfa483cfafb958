/* SPDX-License-Identifier: MIT
 *
 * What the programs have in common: how they are called, and how they measure.
 *   PROGRAM inproc N SIZE   N messages, push to pull, one thread
 *   PROGRAM stream N SIZE   N messages, push to pull, over tcp and CURVE, one application thread
 *   PROGRAM pingpong N      N round trips of 32 bytes over tcp and CURVE, one application thread
 * and with clients in another process (crowd.h), but not with cppzmq:
 *   PROGRAM idle N SECONDS    N connections that have come in and say nothing
 *   PROGRAM accept N BURST    N handshakes, in bursts of so many clients
 * Each prints one line: CPU time of the whole process and wall time per message (connection, handshake), and the median
 * round trip, all in ns. Ironhouse alone has also
 *   PROGRAM guard ROUNDS SIZE FIRST
 * which receives without the guard, with it, and without it once more, in turns, beginning with the one of that number.
 * It prints a line per round: CPU time of the whole process per message for the three, and wall time, in ns.
 */
#ifndef IRONHOUSE_BENCH_MEASURE_H
#define IRONHOUSE_BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    frame_limit = 64 * 1024,
    queue_limit = 1000,
    warm_up = 10, /* messages, or windows of them, before the clock starts */
};

/* Inlined in all three, so that none is measured with calls that another does not have. */
#define HOT inline __attribute__((always_inline))

struct job {
    const char* what;
    long rounds;
    size_t size;
    long window; /* messages under way at once: they fit the queue, so that no send has to wait */
    unsigned char* payload;
    double* trips; /* of a pingpong, in ns */
    int first;
    double cpu, wall;
};

static inline double bench_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Memory goes back to the system whenever the top of the heap happens to be free: at 64 KiB a message that is worth several
   percent, and depends on what else a program has allocated. None of the programs gives any back. */
static inline void keep_memory(void) {
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

/* Reads the command line; ends the process when it makes no sense. */
static inline struct job job_from(int argc, char** argv) {
    struct job job;
    memset(&job, 0, sizeof job);
    keep_memory();
    alarm(300); /* whatever happens, it does not stay for ever */
    if (argc < 3) exit(2);
    job.what = argv[1];
    job.rounds = atol(argv[2]);
    job.size = argc > 3 ? (size_t)atol(argv[3]) : 32;
    if (job.rounds < 1 || job.size < 1 || job.size > frame_limit || job.first < 0) exit(2);
    job.first = argc > 4 ? atoi(argv[4]) : 0;
    job.window = job.size > 4096 ? 16 : 500;
    job.payload = (unsigned char*)malloc(job.size);
    job.trips = (double*)calloc((size_t)job.rounds, sizeof *job.trips);
    if (job.payload == NULL || job.trips == NULL) abort();
    memset(job.payload, 'x', job.size);
    return job;
}

/* A write that fails, so that a trace of system calls shows where the measured part lies. */
static inline void marker(const char* text) {
    if (write(-1, text, strlen(text)) >= 0) abort();
}

/* What is measured may come in pieces: the figures add up. */
static inline void begin(struct job* job) {
    marker("begin");
    job->cpu -= bench_clock(CLOCK_PROCESS_CPUTIME_ID);
    job->wall -= bench_clock(CLOCK_MONOTONIC);
}

static inline void end(struct job* job) {
    job->wall += bench_clock(CLOCK_MONOTONIC);
    job->cpu += bench_clock(CLOCK_PROCESS_CPUTIME_ID);
    marker("end");
}

static inline int compare_trips(const void* left, const void* right) {
    const double a = *(const double*)left, b = *(const double*)right;
    return (a > b) - (a < b);
}

static inline void report(struct job* job) {
    const double n = (double)job->rounds;
    if (job->trips[0] > 0) qsort(job->trips, (size_t)job->rounds, sizeof *job->trips, compare_trips);
    printf("%.1f %.1f %.1f\n", job->cpu / n, job->wall / n, job->trips[job->rounds / 2]);
    free(job->trips);
    free(job->payload);
}

#endif

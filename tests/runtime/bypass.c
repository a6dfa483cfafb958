/* SPDX-License-Identifier: MIT */
/* What the calls of a libzmq go to that does not look for them in the executable. */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t bypassing_recv(int fd, void* buffer, size_t size, int flags) {
    return recvfrom(fd, buffer, size, flags, NULL, NULL);
}
int bypassing_accept4(int fd, void* address, void* size, int flags) {
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}

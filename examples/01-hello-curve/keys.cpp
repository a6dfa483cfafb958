// SPDX-License-Identifier: MIT
// Makes the keys of both programs in the current folder: once, and by hand.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <exception>

#include <sys/stat.h>

namespace ih = ironhouse;

int main() try {
    const auto server = ih::certificate::generate("server");
    const auto ann = ih::certificate::generate("ann");
    server.save("server.key_secret"); // mode 0600; a file that exists is never overwritten
    ann.save("ann.key_secret");       // goes to Ann, and to nobody else
    if (::mkdir("clients", 0755) != 0) {
        std::fputs("cannot make the folder clients\n", stderr);
        return 1;
    }
    ann.save_public("clients/ann.key"); // who may come in
    std::printf("the server's public key, for client.cpp:\n%s\n", server.public_key().z85().c_str());
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

// SPDX-License-Identifier: MIT
//
// Hand-written CURVE peers for the servers of door.cpp and door_czmq.c, which are processes of their own. Theirs is what is
// measured.
//   bench_visitors handshakes ROUNDS SLICE KEYS AT_ONCE SERVER MODE [SERVER MODE]...
//     starts the servers, each with so many keys in its ring or store, and lets peers whose keys are among them come and go:
//     a slice of handshakes to each server in turn, so many at once. A line per round: CPU time of each server's process per
//     handshake, and then for each server how long a peer waits for its handshake, nine of ten times; all in ns.
//   bench_visitors revoke ROUNDS PEERS GONE SERVER MODE
//     lets peers in and takes some of their keys away, at random; they come back, and it begins again. A line per key that
//     was taken away: how long after that its peer saw the end of its connection, in ns. A last line says how many peers lost
//     a connection that nobody took from them.
//   bench_visitors reload ROUNDS CALM KEYS SERVER MODE
//     lets peers come and go, so many of them, adds a certificate to the server's folder, and goes on until the server says
//     that it has read the folder again. A line per round: how long a peer waits for its handshake, nine of ten times, before
//     that and meanwhile, in ns, and how long it took.

#include "../tests/wire/support/curve.hpp"
#include "../tests/wire/support/process.hpp"
#include "../tests/wire/support/tcp.hpp"
#include "processes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto soon = 20s;
constexpr std::chrono::nanoseconds never = 5s; // whoever is still there then does not leave any more

void check(bool ok, const char* what) {
    if (!ok) throw std::runtime_error{what};
}

// ---- keys ------------------------------------------------------------------------------------------------------------

// Those that the servers know: people, who have a secret and will come, and many more who never do.
struct known_keys {
    std::vector<wire::curve_keys> people;
    std::string file, folder;
};

// A public key that nobody has the secret of: it is one as good as any.
wire::curve_key of_nobody() {
    wire::curve_key made;
    randombytes_buf(made.data(), made.size());
    made[31] &= 0x3F;
    return made;
}

void write_certificate(const std::string& folder, std::size_t number, const wire::curve_key& key) {
    const std::string name = folder + "/c" + std::to_string(number) + ".key";
    std::FILE* const file = std::fopen(name.c_str(), "w");
    check(file != nullptr, "no file to be had for a certificate");
    std::fprintf(file, "metadata\n    name = \"c%zu\"\ncurve\n    public-key = \"%s\"\n", number,
                 wire::z85(key).c_str());
    check(std::fclose(file) == 0, "a certificate could not be written");
}

known_keys write_keys(const std::string& folder, std::size_t many, std::size_t people, bool certificates) {
    known_keys made{{}, folder + "/keys", folder + "/clients"};
    std::ofstream to{made.file, std::ios::binary};
    if (certificates) std::filesystem::create_directory(made.folder);
    for (std::size_t n = 0; n != many; ++n) {
        wire::curve_key key;
        if (n * people / many == made.people.size()) { // evenly among the others
            made.people.push_back(wire::curve_keys::generate());
            key = made.people.back().public_key;
        } else {
            key = of_nobody();
        }
        to.write(reinterpret_cast<const char*>(key.data()), static_cast<std::streamsize>(key.size()));
        if (certificates) write_certificate(made.folder, n, key);
    }
    check(static_cast<bool>(to.flush()), "the keys could not be written");
    return made;
}

// ---- servers ---------------------------------------------------------------------------------------------------------

/// Servers and visitors on a processor each, where there are two: else what a handshake costs depends on where the threads
/// happen to run. Processes inherit it.
void run_on(bool servers_side) {
    static const std::vector<int> allowed = [] {
        cpu_set_t mine;
        std::vector<int> found;
        if (::sched_getaffinity(0, sizeof mine, &mine) == 0)
            for (int i = 0; i != CPU_SETSIZE; ++i)
                if (CPU_ISSET(i, &mine)) found.push_back(i);
        return found;
    }();
    if (allowed.size() < 2) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(servers_side ? allowed.front() : allowed.back(), &one);
    (void)::sched_setaffinity(0, sizeof one, &one);
}

enum class processors { apart, any };

class server {
public:
    server(const std::string& program, const std::string& mode, const known_keys& keys, processors share)
        : process_{start(program, mode, mode == "directory" ? keys.folder : keys.file, share)} {
        const auto said = process_.read_line(60s);
        check(said.has_value(), "a server did not start");
        const auto space = said->find(' ');
        check(space != said->npos && said->size() == space + 41, "a server did not say where it is");
        port_ = static_cast<std::uint16_t>(std::stoi(*said));
        key_ = wire::from_z85(std::string_view{*said}.substr(space + 1));
        check(::clock_getcpuclockid(process_.pid(), &clock_) == 0, "a server's time cannot be read");
    }

    [[nodiscard]] double cpu() const {
        timespec now{};
        check(::clock_gettime(clock_, &now) == 0, "a server has ended");
        return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
    }
    /// A peer that has not said anything yet.
    [[nodiscard]] std::unique_ptr<wire::curve_client> visitor(const wire::curve_keys& as, const char* type) const {
        auto line = wire::connection::attempt(port_, "127.0.0.1", soon);
        check(line.has_value(), "a server cannot be reached");
        return std::make_unique<wire::curve_client>(
            std::move(*line), wire::curve_client_script{.identity = as, .server = key_, .socket_type = type});
    }
    /// Whether it has said something since.
    [[nodiscard]] bool has_spoken() { return process_.read_line(0ms).has_value(); }
    /// When it was done, on the steady clock.
    [[nodiscard]] clock_type::time_point ask(const std::string& line) {
        check(process_.write_line(line), "a server has ended");
        const auto said = process_.read_line(soon);
        check(said.has_value(), "a server did not answer");
        return clock_type::time_point{std::chrono::nanoseconds{std::stoll(*said)}};
    }

private:
    static wire::child start(const std::string& program, const std::string& mode, const std::string& keys,
                             processors share) {
        if (share == processors::apart) run_on(true);
        auto made = wire::child::start({program, mode, keys});
        if (share == processors::apart) run_on(false);
        return made;
    }
    wire::child process_;
    std::uint16_t port_ = 0;
    wire::curve_key key_{};
    clockid_t clock_{};
};

// ---- handshakes ------------------------------------------------------------------------------------------------------

struct slice_figures {
    double cpu = 0, wait = 0; // ns: per handshake, and the ninth of ten
};

double ninth_of_ten(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.at((values.size() * 9 + 9) / 10 - 1);
}

// So many at once: each step by all of them, then the next.
void come_and_go(const server& to, std::size_t at_once, const known_keys& keys, std::size_t& next,
                 std::vector<double>& waits) {
    std::vector<std::unique_ptr<wire::curve_client>> there;
    const auto begun = clock_type::now();
    for (std::size_t n = 0; n != at_once; ++n)
        there.push_back(to.visitor(keys.people[next++ % keys.people.size()], "PUSH"));
    for (const auto& each : there) check(each->greet(soon) && each->send_hello(soon), "a server hung up");
    for (const auto& each : there)
        check(each->await_welcome(soon).accepted() && each->send_initiate(soon), "a server hung up");
    for (const auto& each : there) {
        check(each->await_ready(soon).accepted(), "a peer was not let in");
        waits.push_back(std::chrono::duration<double, std::nano>(clock_type::now() - begun).count());
    }
}

slice_figures slice(const server& to, std::size_t many, std::size_t at_once, const known_keys& keys,
                    std::size_t& next) {
    std::vector<double> waits;
    const double before = to.cpu();
    for (std::size_t n = 0; n < many; n += at_once) come_and_go(to, at_once, keys, next, waits);
    std::this_thread::sleep_for(30ms); // the last ones leave, and what a server does about it belongs to it
    return {(to.cpu() - before) / static_cast<double>(many), ninth_of_ten(waits)};
}

bool lets_in_a_stranger(const server& at) {
    return at.visitor(wire::curve_keys::generate(), "PUSH")->handshake(5s).accepted();
}

void handshakes(const std::vector<std::string>& words) {
    const auto number = [&](std::size_t n) { return static_cast<std::size_t>(std::stoul(words.at(n))); };
    const std::size_t rounds = number(1), many = number(2), at_once = number(4);
    check(words.size() > 6 && words.size() % 2 == 1 && many != 0 && at_once != 0 && many % at_once == 0, "which?");
    const bench::scratch folder;
    const bool certificates = std::find(words.begin(), words.end(), "directory") != words.end();
    const auto keys = write_keys(folder.path(), number(3),
                                 std::min<std::size_t>(number(3), std::max<std::size_t>(1'000, at_once)), certificates);
    std::vector<std::unique_ptr<server>> servers;
    for (std::size_t n = 5; n != words.size(); n += 2) {
        servers.push_back(std::make_unique<server>(words[n], words[n + 1], keys, processors::apart));
        check(lets_in_a_stranger(*servers.back()) == (words[n + 1] == "any"), "a server does not look at keys");
    }
    std::size_t next = 0;
    for (const auto& each : servers) (void)slice(*each, std::min(many, 2 * at_once), at_once, keys, next);
    for (std::size_t round = 0; round != rounds; ++round) {
        std::vector<slice_figures> found(servers.size());
        for (std::size_t turn = 0; turn != servers.size(); ++turn) {
            const std::size_t which = (turn + round) % servers.size(); // nobody is always first
            found[which] = slice(*servers[which], many, at_once, keys, next);
        }
        for (const auto& each : found) std::printf("%.1f ", each.cpu);
        for (const auto& each : found) std::printf("%.1f ", each.wait);
        std::puts("");
    }
}

// ---- keys that are read again ------------------------------------------------------------------------------------------

void reload(const std::vector<std::string>& words) {
    const auto number = [&](std::size_t n) { return static_cast<std::size_t>(std::stoul(words.at(n))); };
    const std::size_t rounds = number(1), calm = number(2), many = number(3);
    const bench::scratch folder;
    const auto keys = write_keys(folder.path(), many, std::min<std::size_t>(many, 1'000), true);
    server door{words.at(4), words.at(5), keys, processors::any};
    check(!lets_in_a_stranger(door), "a server does not look at keys");
    std::size_t next = 0;
    std::vector<double> first;
    for (std::size_t n = 0; n != 20; ++n) come_and_go(door, 1, keys, next, first);
    for (std::size_t round = 0; round != rounds; ++round) {
        std::vector<double> before, meanwhile;
        for (std::size_t n = 0; n != calm; ++n) come_and_go(door, 1, keys, next, before);
        check(!door.has_spoken(), "a server has read its keys again, and nobody knows why");
        const auto begun = clock_type::now();
        write_certificate(keys.folder, many + round, of_nobody());
        // It waits for so long whether more is to come, and reads nothing yet.
        while (clock_type::now() < begun + 250ms) std::this_thread::sleep_for(1ms);
        while (!door.has_spoken()) {
            check(clock_type::now() < begun + 60s, "a server did not read its keys again");
            come_and_go(door, 1, keys, next, meanwhile);
        }
        check(meanwhile.size() >= 20, "the keys were read too fast for peers to come meanwhile");
        const std::chrono::duration<double, std::nano> took = clock_type::now() - begun;
        std::printf("%.1f %.1f %.1f\n", ninth_of_ten(before), ninth_of_ten(meanwhile), took.count());
    }
}

// ---- keys that are taken away ------------------------------------------------------------------------------------------

class eyes {
public:
    eyes() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} { check(epoll_.open(), "no epoll to be had"); }
    void watch(std::size_t number, const wire::curve_client& whose) {
        epoll_event what{};
        what.events = EPOLLIN | EPOLLRDHUP;
        what.data.u64 = number;
        check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, const_cast<wire::curve_client&>(whose).tcp().native(), &what) ==
                  0,
              "a connection cannot be watched");
    }
    /// Who has something to read, or nothing ever again.
    std::vector<std::size_t> look(std::chrono::milliseconds patience) {
        epoll_event seen[64];
        std::vector<std::size_t> who;
        const int many = ::epoll_wait(epoll_.get(), seen, 64, static_cast<int>(patience.count()));
        for (int n = 0; n < many; ++n) who.push_back(static_cast<std::size_t>(seen[n].data.u64));
        return who;
    }

private:
    wire::descriptor epoll_;
};

void revoke(const std::vector<std::string>& words) {
    const auto number = [&](std::size_t n) { return static_cast<std::size_t>(std::stoul(words.at(n))); };
    const std::size_t rounds = number(1), many = number(2), gone = number(3);
    const std::string mode = words.at(5);
    const char* const type = mode == "pull" ? "PUSH" : mode == "router" ? "DEALER" : "SUB";
    const bench::scratch folder;
    const auto keys = write_keys(folder.path(), many, many, false);
    server door{words.at(4), mode, keys, processors::apart};
    check(!lets_in_a_stranger(door), "a server does not look at keys");

    std::vector<std::unique_ptr<wire::curve_client>> there(many);
    eyes on;
    const auto come = [&](std::size_t n) {
        there[n] = door.visitor(keys.people[n], type);
        check(there[n]->handshake(soon).accepted(), "a peer was not let in");
        on.watch(n, *there[n]);
    };
    for (std::size_t n = 0; n != many; ++n) come(n);
    std::vector<std::size_t> order(many);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937 random{std::random_device{}()};
    std::size_t wrongly_cut = 0;
    for (std::size_t round = 0; round != rounds; ++round) {
        std::this_thread::sleep_for(200ms); // the last ones have come in for good
        std::shuffle(order.begin(), order.end(), random);
        std::string line = "revoke";
        std::vector<bool> is_gone(many);
        for (std::size_t n = 0; n != gone; ++n) {
            line += ' ' + std::to_string(order[n]);
            is_gone[order[n]] = true;
        }
        const auto done = door.ask(line);
        // The kernel keeps the ends that came before the answer was read: they are counted as seen now, which is later.
        std::vector<clock_type::duration> waits;
        const auto look_until = [&](clock_type::time_point end, std::size_t enough) {
            while (waits.size() < enough && clock_type::now() < end) {
                for (const std::size_t n : on.look(20ms)) {
                    const auto now = clock_type::now();
                    if (!there[n]->tcp().closed_by_peer(1ms)) continue;
                    there[n].reset();
                    if (is_gone[n])
                        waits.push_back(now - done);
                    else
                        ++wrongly_cut;
                }
            }
        };
        look_until(done + never, gone);
        look_until(clock_type::now() + 300ms, many + 1);
        waits.resize(gone, never);
        for (const auto each : waits)
            std::printf("%lld\n", static_cast<long long>(std::chrono::nanoseconds{each}.count()));
        (void)door.ask("all");
        for (std::size_t n = 0; n != many; ++n)
            if (is_gone[n] || !there[n]) come(n);
    }
    std::printf("%zu\n", wrongly_cut);
}

} // namespace

int main(int argc, char** argv) try {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files); // the servers inherit it
    }
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty()) return 2;
    ::umask(077); // folders of keys that others may write to are refused
    if (words.front() == "handshakes")
        handshakes(words);
    else if (words.front() == "reload")
        reload(words);
    else if (words.front() == "revoke") {
        check(files.rlim_max >= 2'500, "too few descriptors are allowed (RLIMIT_NOFILE, hard limit)");
        revoke(words);
    } else
        return 2;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

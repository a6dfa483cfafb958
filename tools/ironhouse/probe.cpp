// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse probe`: does an endpoint really enforce CURVE? It knocks as peers who must not get in, and says who did.

#include "command.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/security/curve.hpp>
#include <netdb.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "wire/support/curve.hpp"
#include "wire/support/zmtp.hpp"

namespace ih = ironhouse;

namespace tool {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct probe_options {
    std::string endpoint;
    std::string server_key;
    double timeout = 10;
    bool json = false;
};

enum class result : std::uint8_t { let_in, kept_out, no_answer, not_tried };

constexpr std::string_view name(result r) {
    switch (r) {
    case result::let_in: return "LET IN";
    case result::kept_out: return "kept out";
    case result::no_answer: return "no answer";
    case result::not_tried: break;
    }
    return "not tried";
}

struct attempt {
    std::string_view as;
    result what = result::not_tried;
    std::string detail = {};
};

struct report {
    std::string announced = {}; // the mechanism in the greeting
    std::string version = {};   // of ZMTP
    std::vector<attempt> attempts = {};
    std::string verdict = {};
    int code = unclear;
};

// ---- the way there -------------------------------------------------------------------------------------------------

/// How long a peer may think before silence counts as silence; a libzmq peer answers in less than a millisecond.
struct patience {
    wire::deadline all;
    milliseconds step;
    [[nodiscard]] wire::deadline next() const { return std::min(step, all.remaining()); }
};

/// Where the endpoint leads: one address for each that its name has.
class destination {
public:
    explicit destination(const std::string& text) : text_{text} {
        const auto parsed = ih::connect_endpoint<ih::curve_client::protects>::parse(text);
        std::string_view rest = parsed.text();
        const auto kind = parsed.which();
        rest.remove_prefix(rest.find("://") + 3);
        if (kind == ih::transport::ipc) {
            sockaddr_un there{};
            there.sun_family = AF_UNIX;
            std::memcpy(there.sun_path, rest.data(), rest.size());
            std::size_t size = sizeof there;
            if (rest.front() == '@') {
                there.sun_path[0] = '\0';
                size = offsetof(sockaddr_un, sun_path) + rest.size();
            }
            keep(reinterpret_cast<const sockaddr*>(&there), size);
            return;
        }
        if (const auto own = rest.rfind(';'); own != std::string_view::npos) rest.remove_prefix(own + 1);
        const auto colon = rest.rfind(':');
        std::string host{rest.substr(0, colon)};
        const std::string port{rest.substr(colon + 1)};
        if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
        addrinfo* found = nullptr;
        if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0)
            throw failure{fmt::format("{}: the name {} was not found: {}", text, host, ::gai_strerror(code)),
                          "Check the name, or give an address.", unreachable};
        for (const addrinfo* each = found; each != nullptr; each = each->ai_next) keep(each->ai_addr, each->ai_addrlen);
        ::freeaddrinfo(found);
    }

    /// A new connection. \throws failure(unreachable) when none of the addresses accepts.
    [[nodiscard]] wire::connection connect(const patience& time) const {
        int code = ETIMEDOUT;
        for (const address& each : addresses_) {
            const auto* const there = reinterpret_cast<const sockaddr*>(&each.bytes);
            wire::descriptor fd{::socket(there->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
            if (!fd.open()) throw failure{fmt::format("no socket: {}", std::generic_category().message(errno))};
            code = 0;
            if (::connect(fd.get(), there, each.size) != 0) code = errno;
            if (code == EINPROGRESS) {
                code = ETIMEDOUT;
                socklen_t size = sizeof code;
                if (wire::detail::wait_for(fd.get(), POLLOUT, time.next())) // each address has its own step
                    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &size);
            }
            if (code == 0) return wire::connection{std::move(fd)};
        }
        throw failure{fmt::format("{}: {}", text_, std::generic_category().message(code)),
                      "Nobody accepts connections there: is the service running, and is a firewall between?",
                      unreachable};
    }

private:
    struct address {
        sockaddr_storage bytes;
        socklen_t size;
    };
    void keep(const sockaddr* from, std::size_t size) {
        address kept{};
        std::memcpy(&kept.bytes, from, std::min(size, sizeof kept.bytes));
        kept.size = static_cast<socklen_t>(size);
        addresses_.push_back(kept);
    }

    std::string text_;
    std::vector<address> addresses_;
};

// ---- the knocks ----------------------------------------------------------------------------------------------------

std::string printable(wire::view some) {
    std::string out;
    for (const std::uint8_t byte : some.part(0, 32)) out += byte >= ' ' && byte <= '~' ? static_cast<char>(byte) : '.';
    return out;
}

/// Sees who is there: a greeting, or what else it says.
struct first_look {
    std::optional<wire::greeting> theirs = {};
    std::string otherwise = {};
};

first_look look(const destination& where, const patience& time) {
    first_look seen;
    wire::connection tcp = where.connect(time);
    // Signature and version only: whoever has another mechanism in mind hangs up once it reads ours.
    const wire::bytes ours = wire::greeting{}.encode();
    if (!tcp.send_all(wire::view{ours}.part(0, 12), time.next())) return seen;
    const auto until = time.next();
    wire::bytes got;
    while (got.size() < wire::greeting::size) {
        const auto more = tcp.receive_some(wire::greeting::size - got.size(), until);
        if (more.empty()) break;
        wire::append(got, more);
        if (got[0] != 0xFF) break;
    }
    if (got.size() == wire::greeting::size) seen.theirs = wire::greeting::decode(got);
    if (seen.theirs) return seen;
    if (!got.empty() && got[0] == 0xFF) {
        seen.otherwise = got.size() >= 12 ? "an old ZMTP, without security" : "an unfinished ZMTP greeting";
        return seen;
    }
    if (got.empty()) { // some wait for a request in words
        wire::connection words = where.connect(time);
        if (words.send_all("GET / HTTP/1.0\r\n\r\n", time.next())) got = words.receive_some(256, time.next());
    }
    if (wire::view{got}.starts_with("HTTP/"))
        seen.otherwise = "an HTTP server";
    else if (got.size() > 2 && (got[0] == 0x15 || got[0] == 0x16) && got[1] == 3)
        seen.otherwise = "a TLS server";
    else if (!got.empty())
        seen.otherwise = fmt::format("something that says \"{}\"", printable(got));
    else
        seen.otherwise = "something that accepts connections and says nothing";
    return seen;
}

attempt judge(std::string_view as, const wire::outcome& how) {
    switch (how.result) {
    case wire::verdict::accepted: {
        const auto type = wire::find(how.metadata, "Socket-Type");
        return {as, result::let_in, type ? "a " + printable(wire::view{*type}) + " socket answered READY" : "READY"};
    }
    case wire::verdict::refused: return {as, result::kept_out, fmt::format("refused: {}", printable(how.reason))};
    case wire::verdict::closed: return {as, result::kept_out, "connection closed"};
    case wire::verdict::silent: return {as, result::no_answer, "no answer in time"};
    case wire::verdict::malformed: break;
    }
    return {as, result::no_answer, printable(how.reason)};
}

/// Without encryption. Its READY is waited for before ours is sent, so that no socket type of ours can displease it.
attempt knock_null(const destination& where, const patience& time) {
    wire::zmtp_peer peer{where.connect(time)};
    if (!peer.greet({}, time.next())) return judge("NULL", peer.no_answer());
    auto how = peer.await_ready(time.next());
    if (how.result == wire::verdict::silent && peer.send_command("READY", encode(wire::basic_properties("DEALER"))))
        how = peer.await_ready(time.next());
    return judge("NULL", how);
}

attempt knock_plain(const destination& where, const patience& time) {
    wire::zmtp_peer peer{where.connect(time)};
    auto how = peer.plain_handshake("ironhouse-probe", "", wire::basic_properties("DEALER"), time.next());
    // libzmq 4.3 misspells its ERROR here: whatever is not WELCOME is a refusal.
    if (how.result == wire::verdict::malformed) how = {wire::verdict::refused, "not welcome"};
    return judge("PLAIN", how);
}

/// Protocol versions older than security. A peer that refuses them hangs up; one that does not goes on listening. Where
/// that would be the verdict, a slow peer gets longer.
attempt knock_old(const destination& where, const patience& time, std::string_view as, const wire::bytes& greeting,
                  bool open_anyway) {
    wire::connection tcp = where.connect(time);
    const auto pause = open_anyway ? time.step : std::max(time.step, time.all.remaining() / 4);
    if (!tcp.send_all(greeting, time.next()) || tcp.closed_by_peer(pause))
        return {as, result::kept_out, "connection closed"};
    return {as, result::let_in, "it goes on listening"};
}

/// With a key that nobody can know, made a moment ago. libzmq also hangs up on a socket type that does not fit its own,
/// which would look like a refusal: all types are tried until one fits or the authenticator's refusal comes in words.
attempt knock_curve(const destination& where, const patience& time, const wire::curve_key& server,
                    bool& knows_the_key) {
    // What each type of libzmq talks to, stable and draft.
    static constexpr std::array types{"DEALER", "PUSH",   "SUB",     "PULL", "PUB",   "REP",  "PAIR",   "CLIENT",
                                      "SERVER", "GATHER", "SCATTER", "DISH", "RADIO", "PEER", "CHANNEL"};
    static constexpr std::string_view as = "CURVE, unknown key";
    const auto stranger = wire::curve_keys::generate();
    attempt last{as};
    for (const char* const type : types) {
        wire::curve_client peer{where.connect(time), {.identity = stranger, .server = server, .socket_type = type}};
        if (!peer.greet(time.next())) return judge(as, peer.zmtp().no_answer());
        if (!peer.send_hello(time.next())) return judge(as, peer.zmtp().no_answer());
        const auto welcome = peer.await_welcome(time.next());
        if (!welcome.accepted()) {
            last = judge(as, welcome);
            last.detail += "; HELLO was not answered with WELCOME";
            return last;
        }
        knows_the_key = true;
        if (!peer.send_initiate(time.next())) return judge(as, peer.zmtp().no_answer());
        // An authenticator may think for longer than a socket answers: silence is no refusal.
        const auto how = peer.await_ready(std::max(time.step, time.all.remaining() / 2));
        last = judge(as, how);
        if (how.result != wire::verdict::closed) return last;
    }
    return {as, result::no_answer, "connection closed without a word, whatever the socket type"};
}

// ---- the answer ----------------------------------------------------------------------------------------------------

wire::curve_key read_key(const std::string& text) {
    const auto key = text.size() == 40 ? ih::public_key::from_z85(text) : ih::certificate::load_public(text).key();
    wire::curve_key raw{};
    std::copy(key.raw().begin(), key.raw().end(), raw.begin());
    return raw;
}

void conclude(report& all, bool with_key, bool knows_the_key) {
    const auto got_in = [&](std::string_view as) {
        for (const attempt& each : all.attempts)
            if (each.as == as) return each.what == result::let_in;
        return false;
    };
    const auto say = [&](int code, std::string text) {
        all.code = code;
        all.verdict = std::move(text);
    };
    if (got_in("NULL"))
        return say(answer_is_no, "NOT ENCRYPTED: anyone who can reach it may talk to it, in plain text.");
    if (got_in("ZMTP 1") || got_in("ZMTP 2"))
        return say(answer_is_no,
                   "NOT ENFORCED: a peer that speaks an old protocol version gets in without any security.");
    if (got_in("PLAIN"))
        return say(answer_is_no, "NOT ENCRYPTED: PLAIN, and it took a name and a password that mean nothing.");
    if (got_in("CURVE, unknown key"))
        return say(answer_is_no,
                   "ENCRYPTED, BUT OPEN: a key that nobody knows was let in. No authenticator answers there.");
    if (all.announced == "NULL") return say(answer_is_no, "NOT ENCRYPTED: it announces NULL, although it refused us.");
    if (all.announced == "PLAIN")
        return say(answer_is_no, "NOT ENCRYPTED: PLAIN sends names and passwords readable by anyone in between.");
    if (all.announced != "CURVE")
        return say(unclear, fmt::format("It announces the mechanism \"{}\", which this probe does not speak.",
                                        printable(wire::view{all.announced})));
    if (!with_key)
        return say(unclear, "It announces CURVE and refuses plain text. Whether it lets in unknown keys cannot be told "
                            "without its public key: give --server-key.");
    if (!knows_the_key)
        return say(unclear, "It announces CURVE, but did not prove that it holds this server key: the key is another "
                            "server's, or this is another server. Nothing about unknown keys can be told.");
    // An authenticator refuses in words (ERROR). Who hangs up may be full, or something in between.
    for (const attempt& each : all.attempts)
        if (each.what != result::kept_out)
            return say(unclear,
                       fmt::format("It announces CURVE and let nobody in, but it did not refuse \"{}\" either: {}. "
                                   "Try again when it is not busy, or with a longer --timeout.",
                                   each.as, each.detail));
    return say(done, "ENFORCED: CURVE only, it holds this server key, and it refuses a key it does not know.");
}

report knock(const probe_options& options) {
    report all;
    const bool with_key = !options.server_key.empty();
    const wire::curve_key server = with_key ? read_key(options.server_key) : wire::curve_key{};
    const destination where{options.endpoint};
    const auto whole = std::chrono::duration_cast<milliseconds>(std::chrono::duration<double>{options.timeout});
    const patience time{whole, std::max(whole / 10, milliseconds{100})};

    const first_look seen = look(where, time);
    if (!seen.theirs) {
        all.code = not_zmtp;
        all.verdict = fmt::format("NOT ZMTP 3: {} is there.", seen.otherwise);
        if (seen.otherwise.starts_with("an old")) {
            all.code = answer_is_no;
            all.verdict = "NOT ENCRYPTED: it speaks a ZMTP from before security.";
        }
        return all;
    }
    all.announced = seen.theirs->mechanism;
    all.version = fmt::format("{}.{}", seen.theirs->major, seen.theirs->minor);
    bool knows_the_key = false;
    all.attempts.push_back(knock_null(where, time));
    const bool open = all.announced == "NULL";
    all.attempts.push_back(knock_plain(where, time));
    all.attempts.push_back(knock_old(where, time, "ZMTP 1", wire::greeting_of_zmtp1(), open));
    all.attempts.push_back(knock_old(where, time, "ZMTP 2", wire::greeting_of_zmtp2(5), open));
    if (with_key)
        all.attempts.push_back(knock_curve(where, time, server, knows_the_key));
    else
        all.attempts.push_back({"CURVE, unknown key", result::not_tried, "needs --server-key"});
    if (time.all.passed()) {
        all.code = unclear;
        all.verdict =
            fmt::format("It answers too slowly to tell within {} s: give a longer --timeout.", options.timeout);
        return all;
    }
    conclude(all, with_key, knows_the_key);
    return all;
}

int probe(const probe_options& options) {
    const report all = knock(options);
    if (options.json) {
        nlohmann::json attempts = nlohmann::json::array();
        for (const attempt& each : all.attempts)
            attempts.push_back({{"as", each.as}, {"result", name(each.what)}, {"detail", each.detail}});
        fmt::print("{}\n", nlohmann::json{{"endpoint", options.endpoint},
                                          {"announced", all.announced},
                                          {"zmtp", all.version},
                                          {"attempts", attempts},
                                          {"verdict", all.verdict},
                                          {"exit_code", all.code}}
                               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return all.code;
    }
    if (!all.announced.empty())
        fmt::print("{} announces {}, ZMTP {}\n", options.endpoint, printable(wire::view{all.announced}), all.version);
    for (const attempt& each : all.attempts) fmt::print("  {:<20}{:<11}{}\n", each.as, name(each.what), each.detail);
    fmt::print("{}\n", all.verdict);
    return all.code;
}

} // namespace

void add_probe(CLI::App& all, action& chosen) {
    auto* const sub = all.add_subcommand("probe", "Knock at an endpoint as those who must not get in, and say who did");
    const auto options = std::make_shared<probe_options>();
    sub->add_option("ENDPOINT", options->endpoint, "tcp://host:port or ipc://path")->required();
    sub->add_option(
        "--server-key", options->server_key,
        "The server's public key: 40 characters, or a .key file. Needed to tell whether unknown keys get in");
    sub->add_option("--timeout", options->timeout, "Seconds for everything together; one step gets a tenth")
        ->check(CLI::Range(0.5, 300.0))
        ->capture_default_str();
    sub->add_flag("--json", options->json, "As JSON");
    sub->footer(
        "Exit codes: 0 enforced, 1 not enforced, 4 nobody there, 5 not ZMTP, 6 cannot be told (why is printed).\n"
        "It makes up to twenty connections, which a server logs as failed handshakes. Probe what is yours.");
    sub->callback([options, &chosen] { chosen = [options] { return probe(*options); }; });
}

} // namespace tool

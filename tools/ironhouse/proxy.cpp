// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse proxy`: CURVE and limits before a service that has neither, and that stays as it is.

#include "certificates.hpp"
#include "client_links.hpp"
#include "command.hpp"
#include "passphrase.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ironhouse/insecure.hpp>
#include <ironhouse/ironhouse.hpp>
#include <ironhouse/system/runtime.hpp> // this command's one source file that does: its guard is exact
#include <ironhouse/threads/proxy.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

namespace ih = ironhouse;
using namespace ih::literals;

namespace tool {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct proxy_options {
    std::string pattern;
    std::string front;
    std::string back;
    std::string key;
    std::string credential;
    passphrase_options passphrase;
    std::string clients;
    std::string domain;
    std::int64_t peers = 0;
    std::int64_t queue = 0;
    std::int64_t frames = 0;
    std::int64_t frame = 0;
    std::int64_t per_key = 0; // not said
    double drain = 10;
    double window = 86'400;
    bool per_client = false;
};

// --- what it may cost -----------------------------------------------------------------------------------------------

// The most that the command line can ask for. The plain side has one frame more, for a client's address.
constexpr ih::inbound in_front{
    .peers = 100'000_peers, .queue = 1'000'000_messages, .frames = 63_frames, .frame = 1_GiB};
constexpr ih::outbound out_front{
    .peers = 100'000_peers, .queue = 1'000'000_messages, .frames = 63_frames, .frame = 1_GiB};
constexpr ih::inbound in_back{.peers = 1_peers, .queue = 1'000'000_messages, .frames = 64_frames, .frame = 1_GiB};
constexpr ih::outbound out_back{.peers = 1_peers, .queue = 1'000'000_messages, .frames = 64_frames, .frame = 1_GiB};
constexpr ih::duplex both_front{.in = in_front, .out = out_front};
constexpr ih::duplex both_back{.in = in_back, .out = out_back};

struct request_reply {
    static constexpr const char* front_name = "router";
    static constexpr const char* back_name = "dealer";
    using front = ih::socket<ih::router, both_front, ih::curve_server>;
    using back = ih::socket<ih::dealer, both_back, ih::insecure::plaintext>;
};
/// The same with a connection for each client: without an envelope, and under the name of the client's key.
struct request_reply_each {
    static constexpr const char* front_name = "router";
    static constexpr const char* back_name = "dealers, one for each client";
    using front = ih::socket<ih::router, both_front, ih::curve_server>;
    using dealer = ih::socket<ih::dealer, both_back, ih::insecure::plaintext>;
    using back = client_links<dealer>;
};
template <class Kind>
inline constexpr bool answers = std::same_as<Kind, request_reply> || std::same_as<Kind, request_reply_each>;

// libzmq has 1,023 sockets, and each of the library's takes three. As many connections as clients may be there, and as many
// again, so that it is one of a client that left that is closed when a new one comes.
constexpr std::int64_t most_clients = 250, most_links = 300;
std::int64_t links_for(const proxy_options& o) { return std::min(2 * o.peers, most_links); }

struct publishing {
    static constexpr const char* front_name = "xpub";
    static constexpr const char* back_name = "xsub";
    using front = ih::socket<ih::xpub, both_front, ih::curve_server>;
    using back = ih::socket<ih::xsub, both_back, ih::insecure::plaintext>;
};
struct pulling {
    static constexpr const char* front_name = "pull";
    static constexpr const char* back_name = "push";
    using front = ih::socket<ih::pull, in_front, ih::curve_server>;
    using back = ih::socket<ih::push, out_back, ih::insecure::plaintext>;
};

template <class Limits>
Limits one_way(const proxy_options& o, std::int64_t peers, std::int64_t frames, std::int64_t frame) {
    return {.peers = ih::peers::from_config(peers),
            .queue = ih::messages::from_config(o.queue),
            .frames = ih::frames::from_config(frames),
            .frame = ih::bytes::from_config(frame)};
}

// Not std::pair, which asks whether limits could be made of nothing.
template <class Front, class Back> struct two_limits {
    Front front;
    Back back;
};

/// What the front and the back may cost.
template <class Kind> auto limits_of(const proxy_options& o) {
    const auto front_in = one_way<ih::inbound>(o, o.peers, o.frames, o.frame);
    const auto front_out = one_way<ih::outbound>(o, o.peers, o.frames, o.frame);
    if constexpr (std::same_as<Kind, pulling>) {
        return two_limits<ih::inbound, ih::outbound>{front_in, one_way<ih::outbound>(o, 1, o.frames, o.frame)};
    } else if constexpr (std::same_as<Kind, request_reply>) {
        const std::int64_t frame = std::max<std::int64_t>(o.frame, ih::longest_routing_id);
        return two_limits<ih::duplex, ih::duplex>{ih::duplex{.in = front_in, .out = front_out},
                                                  ih::duplex{.in = one_way<ih::inbound>(o, 1, o.frames + 1, frame),
                                                             .out = one_way<ih::outbound>(o, 1, o.frames + 1, frame)}};
    } else if constexpr (std::same_as<Kind, request_reply_each>) {
        return two_limits<ih::duplex, ih::duplex>{{.in = front_in, .out = front_out},
                                                  {.in = one_way<ih::inbound>(o, 1, o.frames, o.frame),
                                                   .out = one_way<ih::outbound>(o, 1, o.frames, o.frame)}};
    } else {
        // What subscribers send is subscriptions; as many may be on their way to the service as a burst of newcomers has.
        constexpr std::int64_t subscription = ih::detail::longest_topic + 1;
        static_assert(subscription == 246);
        return two_limits<ih::duplex, ih::duplex>{
            ih::duplex{.in = one_way<ih::inbound>(o, o.peers, 1, subscription), .out = front_out},
            ih::duplex{.in = one_way<ih::inbound>(o, 1, o.frames, o.frame),
                       .out = {.peers = 1_peers, .queue = 10'000_messages, .frames = 1_frames, .frame = 246_B}}};
    }
}

std::string in_words(std::int64_t bytes) {
    if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

/// Every connection is a descriptor: what this process may have is raised as far as needed and permitted.
void reserve_descriptors(std::int64_t peers) {
    const rlim_t needed = static_cast<rlim_t>(peers) + 192; // the library's reserve, and what libzmq opens for itself
    rlimit now{};
    if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= needed) return;
    if (now.rlim_max < needed)
        throw failure{
            fmt::format("{} peers need {} descriptors, and this process may have {}", peers, needed, now.rlim_max),
            "Raise the limit (LimitNOFILE= of a unit, ulimit -Hn), or allow fewer --peers."};
    now.rlim_cur = needed;
    (void)::setrlimit(RLIMIT_NOFILE, &now);
}

// --- where the old service is ---------------------------------------------------------------------------------------

constexpr const char* stays_here = "what goes there is plaintext, so it must not leave this machine";

/// Loopback by its number, or ipc. A name is refused: what it means is decided elsewhere.
void require_local(const std::string& back) {
    const auto refuse = [&](const std::string& why) {
        throw failure{
            fmt::format("the back end {} is refused: {}; {}", ih::detail::printable(back), why, stays_here),
            "Run the proxy on the service's own machine, with --back tcp://127.0.0.1:PORT, tcp://[::1]:PORT or "
            "ipc://PATH.",
            wrong_usage};
    };
    (void)ih::connect_endpoint<ih::insecure::plaintext::protects>::parse(back); // throws what is no address at all
    if (back.starts_with("ipc://")) return;
    std::string host = back.substr(back.find("://") + 3);
    if (host.find(';') != std::string::npos) refuse("it names a source address");
    host = host.substr(0, host.rfind(':'));
    in_addr four{};
    in6_addr six{};
    if (host.starts_with('[')) {
        if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) != 1 || !IN6_IS_ADDR_LOOPBACK(&six))
            refuse("it is not the loopback address [::1]");
    } else if (::inet_pton(AF_INET, host.c_str(), &four) != 1) {
        refuse("a name may come to mean another machine");
    } else if ((ntohl(four.s_addr) >> 24) != 127) {
        refuse("it is not a loopback address, 127.0.0.1");
    }
}

// --- what it says ---------------------------------------------------------------------------------------------------

/// Lines on stderr. Whoever does not read them loses some, and is told how many: the sentry never waits for a log.
class log {
public:
    void line(const std::string& text) {
        pollfd out{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) {
            lost_.fetch_add(1);
            return;
        }
        std::string all;
        if (const auto lost = lost_.exchange(0); lost != 0) all = fmt::format("log_lines_lost count={}\n", lost);
        all += text.substr(0, 2'000) + "\n"; // a pipe that has room has room for 4096 bytes
        (void)!::write(STDERR_FILENO, all.data(), all.size());
    }
    /// Connections to the service are one for each client then, and would fill the log.
    void leave_out_back() noexcept { back_left_out_ = true; }
    void operator()(const ih::event& what) {
        const bool usual =
            what.why == ih::reason::waived || what.why == ih::reason::connected || what.why == ih::reason::disconnected;
        if (back_left_out_ && usual && what.domain == "dealer") return;
        std::string text{ih::name(what.why)};
        const auto add = [&](const char* name, std::string_view value) {
            if (!value.empty()) text += fmt::format(" {}={}", name, ih::detail::printable(value));
        };
        text += fmt::format(" count={}", what.count);
        add("domain", what.domain);
        add("peer", what.peer);
        add("address", what.address);
        add("detail", what.detail);
        line(text);
    }

private:
    std::atomic<std::uint64_t> lost_{0};
    bool back_left_out_ = false;
};

/// What the proxy itself dropped, at most once a second.
class drop_report {
public:
    explicit drop_report(log& to) : to_{to} {}
    void look(const ih::proxy_counts& now) {
        const bool news = now.gone != told_.gone || now.slow != told_.slow || now.unforwarded != told_.unforwarded;
        if (!news || clock::now() < next_) return;
        say("answer_to_nobody", now.gone - told_.gone, "the client had left, or the service named none");
        say("answer_to_slow_client", now.slow - told_.slow, "the client does not read; its queue is full");
        say("not_forwarded", now.unforwarded - told_.unforwarded, "more frames or larger ones than the limits allow");
        told_ = now;
        next_ = clock::now() + std::chrono::seconds{1};
    }

private:
    void say(const char* what, std::uint64_t count, const char* why) {
        if (count != 0) to_.line(fmt::format("{} count={} detail={}", what, count, why));
    }
    log& to_;
    ih::proxy_counts told_;
    clock::time_point next_{};
};

// --- how it ends ----------------------------------------------------------------------------------------------------

const char* name_of(ih::gate_kind gate) {
    switch (gate) {
    case ih::gate_kind::exact: return "exact: newcomers that cannot be served are refused before libzmq sees them";
    case ih::gate_kind::filter:
        return "filter: addresses that are barred are kept out by the kernel, others hung up on";
    case ih::gate_kind::shutdown: return "shutdown: newcomers that cannot be served are hung up on";
    }
    return "";
}

/// SIGINT and SIGTERM, taken by a thread of their own: the first one asks to stop, a second one ends at once. SIGHUP asks
/// for the key to be read again.
class stop_signals {
public:
    stop_signals() {
        ::sigemptyset(&awaited_);
        for (const int each : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&awaited_, each);
        ::pthread_sigmask(SIG_BLOCK, &awaited_, nullptr); // inherited by every thread that starts from now on
        waiter_ = std::thread{[this] {
            for (bool first = true;;) {
                int number = 0;
                if (::sigwait(&awaited_, &number) != 0) continue;
                if (over_.load()) return;
                if (number == SIGHUP) {
                    key_asked_for_.store(true);
                    continue;
                }
                if (!std::exchange(first, false)) ::_exit(failed);
                stop_.request_stop();
            }
        }};
    }
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;
    ~stop_signals() {
        over_.store(true);
        ::pthread_kill(waiter_.native_handle(), SIGTERM);
        waiter_.join();
    }
    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
    /// Once for each time that it was asked for.
    [[nodiscard]] bool take_key_asked_for() { return key_asked_for_.exchange(false); }

private:
    sigset_t awaited_{};
    std::atomic<bool> over_{false}, key_asked_for_{false};
    std::stop_source stop_;
    std::thread waiter_;
};

/// Who sent something a moment ago may be sending still.
constexpr milliseconds quiet{250};

/// After a stop: takes what clients have sent until they are quiet, then nothing more, and forwards all of it.
/// \return  Whether everything that was taken went on.
template <class Kind, class Proxy>
bool drain(Proxy& proxy, typename Kind::front& front, typename Kind::back& back,
           const ih::connect_endpoint<ih::insecure::plaintext::protects>& service, milliseconds time,
           drop_report& drops) {
    const auto began = clock::now();
    // Forwards until `over` says so when nothing moved for a while, or until the time is up.
    const auto forward = [&](milliseconds until, milliseconds patience, auto&& over) {
        while (clock::now() - began < until) {
            const auto status = proxy.forward(patience);
            drops.look(proxy.counts());
            if (status == ih::proxy_status::closing) return false;
            if (status == ih::proxy_status::timed_out && over()) return true;
        }
        return false;
    };
    const auto held = [&] { return proxy.holding(ih::proxy_side::front) || proxy.holding(ih::proxy_side::back); };

    if constexpr (std::same_as<Kind, publishing>) {
        // The service publishes on, and nobody counts on it: what came before is what goes on.
        back.disconnect(service);
        proxy.pause(ih::proxy_side::front);
        return forward(time / 2, milliseconds{20}, [&] { return !held(); });
    } else {
        const auto answered = [&] {
            if constexpr (!answers<Kind>) return true;
            const auto& n = proxy.counts();
            return n.to_front + n.gone + n.slow >= n.to_back;
        };
        (void)forward(time / 2, quiet, [&] { return !held() && answered(); });
        // Now nothing more comes in. Who pushes is cut off and keeps what was not sent; what is here already is taken yet.
        if constexpr (std::same_as<Kind, pulling>)
            (void)::zmq_unbind(front.native_handle(), front.last_endpoint().c_str());
        else
            proxy.pause(ih::proxy_side::front);
        return forward(time / 4 * 3, milliseconds{20}, [&] { return !held(); });
    }
}

// --- running --------------------------------------------------------------------------------------------------------

ih::certificate identity_of(const proxy_options& o) {
    const auto source = o.key.empty() ? ih::key_source::systemd_credential(o.credential) : ih::key_source::file(o.key);
    if (!o.passphrase.given()) return ih::certificate::load(source);
    const ih::secret_text text = o.passphrase.read(false);
    return ih::certificate::load(source, ih::passphrase{text.expose_line()});
}

template <class Kind> auto between(const proxy_options& o, typename Kind::front& front, typename Kind::back& back) {
    if constexpr (std::same_as<Kind, request_reply_each>)
        return client_proxy<typename Kind::front, typename Kind::back>{front, back,
                                                                       static_cast<std::size_t>(links_for(o))};
    else
        return ih::proxy<typename Kind::front, typename Kind::back>{front, back};
}

/// The key file was replaced: both keys are served for a while, then the new one alone. What is wrong changes nothing.
template <class Front> void change_key(const proxy_options& o, Front& front, ih::public_key& key, log& said) try {
    ih::certificate next = identity_of(o);
    if (next.public_key() == key) return said.line("key_unchanged fingerprint=" + key.fingerprint());
    const ih::public_key name = next.public_key();
    front.rotate(std::move(next), std::chrono::ceil<milliseconds>(std::chrono::duration<double>{o.window}));
    key = name;
    said.line(
        fmt::format("key_changed fingerprint={} public_key={} window={:g}s", key.fingerprint(), key.z85(), o.window));
} catch (const std::exception& why) {
    said.line(fmt::format("key_refused detail={}", ih::detail::printable(why.what())));
}

template <class Kind> int run(const proxy_options& o) {
    const auto to = ih::connect_endpoint<ih::insecure::plaintext::protects>::parse(o.back);
    const auto at = ih::endpoint<ih::curve_server>::parse(o.front);
    const auto [front_limits, back_limits] = limits_of<Kind>(o);
    reserve_descriptors(o.peers + (std::same_as<Kind, request_reply_each> ? 4 * links_for(o) : 0));
    const auto time = std::chrono::ceil<milliseconds>(std::chrono::duration<double>{o.drain});
    ih::certificate identity = identity_of(o);
    ih::public_key key = identity.public_key();
    auto ring = ih::keyring::from_directory(o.clients);

    stop_signals signals; // before the context: its threads inherit what is blocked
    const auto stop = signals.token();
    log said;
    if constexpr (std::same_as<Kind, request_reply_each>) said.leave_out_back();
    auto context = std::make_unique<ih::context>(ih::context_options{
        .on_event = [&said](const ih::event& what) { said(what); },
        .admission = {.per_key = ih::peers::from_config(o.per_key != 0 ? o.per_key
                                                        : o.per_client ? 1
                                                                       : 2)},
    });
    bool whole = true;
    {
        // A client that does not read must not hold up the end for as long as the service may.
        typename Kind::back back{*context,
                                 ih::insecure::plaintext{"the old service speaks nothing else, and is on this machine"},
                                 back_limits,
                                 {.linger = time / 4}};
        typename Kind::front front{
            *context,
            {.domain = ih::domain::from_config(o.domain), .clients = std::move(ring), .identity = std::move(identity)},
            front_limits,
            {.linger = time / 8,
             .topic_rules = std::same_as<Kind, publishing> && !o.front.starts_with("ipc://") ? ih::topic_rules::enforced
                                                                                             : ih::topic_rules::none}};
        back.connect(to);
        front.bind(at);

        const auto front_cost = ih::memory_ceiling(front_limits).count();
        const auto connections = std::same_as<Kind, request_reply_each> ? links_for(o) : 1;
        const auto back_cost = connections * ih::memory_ceiling(back_limits).count();
        const auto row = [](std::string_view what, const std::string& value) { fmt::print("{:<15}{}\n", what, value); };
        row("front", fmt::format("{}, CURVE, {}", front.last_endpoint(), Kind::front_name));
        row("back", fmt::format("{}, plaintext, {}", to.text(), Kind::back_name));
        row("domain", o.domain);
        row("public key", key.z85());
        row("fingerprint", key.fingerprint());
        row("limits", fmt::format("{} peers, {} messages of {} frames of {} bytes wait for each", o.peers, o.queue,
                                  o.frames, o.frame));
        row("memory_ceiling", fmt::format("{}: front {}, back {}", in_words(front_cost + back_cost),
                                          in_words(front_cost), in_words(back_cost)));
        if constexpr (std::same_as<Kind, publishing>)
            row("topics_ceiling", in_words(ih::topics_ceiling(front_limits).count()));
        row("guard_slack", in_words(ih::guard_slack(front_limits).count()));
        row("gate", name_of(context->gate()));
        row("drain", fmt::format("at most {:g} s", o.drain));
        fmt::print("ready\n");
        if (std::fflush(stdout) != 0) throw failure{"the output could not be written"};

        auto proxy = between<Kind>(o, front, back);
        drop_report drops{said};
        while (!stop.stop_requested()) {
            if (signals.take_key_asked_for()) change_key(o, front, key, said);
            if (proxy.forward(std::chrono::seconds{1}, stop) == ih::proxy_status::closing)
                throw failure{"the context is shutting down"};
            drops.look(proxy.counts());
        }
        said.line("draining");
        whole = drain<Kind>(proxy, front, back, to, time, drops);
        const auto& n = proxy.counts();
        said.line(fmt::format("forwarded to_back={} to_front={} dropped={}", n.to_back, n.to_front,
                              n.gone + n.slow + n.unforwarded));
    }
    // What the sockets have queued is sent now; the context waits for it.
    const auto closed = clock::now();
    context.reset();
    if (!std::same_as<Kind, publishing> && clock::now() - closed >= time / 5) whole = false;
    said.line(whole ? "drained" : "the time to drain ran out; what was still waiting is lost");
    return whole ? done : failed;
}

// --- the command line -----------------------------------------------------------------------------------------------

constexpr const char* full_example =
    "A full example:\n"
    "    ironhouse proxy --pattern router --front tcp://0.0.0.0:5555 --back tcp://127.0.0.1:6000 \\\n"
    "        --key server.key_secret --clients clients --domain orders \\\n"
    "        --peers 100 --queue 100 --frames 8 --frame 64KiB";

/// Says everything that is owed at once, and why.
void require_all(const proxy_options& o) {
    std::string owed;
    const auto need = [&](bool given, const char* what) {
        if (!given) owed += fmt::format("\n    {}", what);
    };
    need(!o.pattern.empty(), "--pattern: router (it answers requests), pub (it publishes), pull (it collects)");
    need(!o.front.empty(), "--front: where clients come to, with CURVE");
    need(!o.back.empty(), "--back: where the old service listens, on this machine");
    need(!o.key.empty() || !o.credential.empty(),
         "--key or --credential: the secret certificate that clients know this server by");
    need(!o.clients.empty(), "--clients: the folder of the public certificates of those who may come in");
    need(!o.domain.empty(), "--domain: what the service is called in events");
    need(o.peers != 0, "--peers: how many connections are served at once");
    need(o.queue != 0, "--queue: how many messages may wait for one client, and as many from it");
    need(o.frames != 0,
         "--frames: how many frames one message may have (a REQ client's has one more than its program sent)");
    need(o.frame != 0, "--frame: how many bytes one frame may carry");
    if (!owed.empty()) throw failure{"the proxy leaves out" + owed, full_example, wrong_usage};
    if (!o.key.empty() && !o.credential.empty())
        throw failure{"--key and --credential are two places for one thing", "Give one of them.", wrong_usage};
    if (!(o.window >= 0 && o.window <= 366 * 86'400.0))
        throw failure{fmt::format("--window is {:g} s; allowed are 0 to 366 days", o.window), {}, wrong_usage};
    if (!(o.drain >= 1 && o.drain <= 120))
        throw failure{fmt::format("--drain is {:g} s; allowed are 1 to 120", o.drain), {}, wrong_usage};
}

int proxy(const proxy_options& o) {
    require_all(o);
    require_local(o.back);
    if (o.per_client && o.pattern != "router")
        throw failure{"--per-client is for --pattern router: elsewhere nobody is answered", {}, wrong_usage};
    if (o.per_client && o.peers > most_clients)
        throw failure{fmt::format("--per-client serves at most {} clients, and --peers is {}", most_clients, o.peers),
                      "Allow fewer, or go without: docs/operators/front.md says what the service then sees.",
                      wrong_usage};
    if (o.per_client && o.per_key > 1)
        throw failure{fmt::format("--per-client knows clients by their keys, and --per-key is {}", o.per_key),
                      "Give each client a key of its own, which has one connection.", wrong_usage};
    if (o.per_client) return run<request_reply_each>(o);
    if (o.pattern == "router") return run<request_reply>(o);
    if (o.pattern == "pub") return run<publishing>(o);
    return run<pulling>(o);
}

} // namespace

void add_proxy(CLI::App& all, action& chosen) {
    auto* const sub = all.add_subcommand("proxy", "Put CURVE and limits before an old service on this machine");
    const auto options = std::make_shared<proxy_options>();
    sub->add_option("--pattern", options->pattern,
                    "What the service does: router answers requests (REP, ROUTER), pub publishes (PUB, XPUB), pull "
                    "collects (PULL)")
        ->check(CLI::IsMember({"router", "pub", "pull"}));
    sub->add_option("--front", options->front, "Where clients come to, with CURVE: tcp://0.0.0.0:5555");
    sub->add_option("--back", options->back, "Where the service listens: loopback or ipc, nothing else");
    sub->add_option("--key", options->key, "This server's secret certificate, mode 0600");
    sub->add_option("--credential", options->credential, "The same as a systemd credential, by its name");
    options->passphrase.add_to(*sub, "of a sealed certificate");
    sub->add_option("--clients", options->clients, "Folder of the public certificates of those who may come in");
    sub->add_option("--domain", options->domain, "What the service is called in events");
    sub->add_option("--peers", options->peers, "Connections served at once");
    sub->add_option("--queue", options->queue,
                    "Messages that may wait for one client, and as many from it; at least 2");
    sub->add_option("--frames", options->frames, "Frames in one message, 1 to 63");
    sub->add_option("--frame", options->frame, "Bytes in one frame: 65536, 64KiB")->transform(CLI::AsSizeValue(false));
    sub->add_option("--per-key", options->per_key,
                    "Connections that one client's key may have (2; with --per-client 1)");
    sub->add_flag(
        "--per-client", options->per_client,
        "A connection to the service for each client: a ROUTER service sees the names of their keys, and no envelope");
    sub->add_option("--window", options->window,
                    "Seconds that the former key is served beside the next one, after SIGHUP (86400, a day)");
    sub->add_option("--drain", options->drain, "Seconds that a stop may take, 1 to 120 (10)");
    sub->footer(
        "SIGHUP reads the key file again: a next key is served beside the former one for --window.\n"
        "SIGINT and SIGTERM drain: what was received is forwarded, then the command ends; a second one ends at once.\n"
        "Exit code 0: everything was forwarded; 3: it could not be opened, or the time to drain ran out.");
    sub->callback([options, &chosen] { chosen = [options] { return proxy(*options); }; });
}

} // namespace tool

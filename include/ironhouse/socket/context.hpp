// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The context: a libzmq that was found safe, libsodium, and the sentry at the door. Layer: socket.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/runtime_check.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/sentry/admission.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/sentry/sentry.hpp>
#include <ironhouse/socket/advisory.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// Choices for a context; each default is the safe one.
struct context_options {
    /// libzmq's I/O threads, 1 to 64 (ZMQ_IO_THREADS). One serves about a gigabyte a second.
    int io_threads = 1;
    /// Receives every decision, on the sentry's thread; it must not block. Equal ones come once a second, counted.
    event_callback on_event = {};
    /// What one key and one address may take, and what stays free for the program.
    admission_limits admission = {};
    /// Advisories that would refuse this libzmq, and that the program accepts, by id.
    std::vector<std::string> accept_advisories = {};
};

/// Where sockets live. Refuses a libzmq it cannot make safe; starts one thread, the sentry.
///
/// \threads  Any. Sockets keep what they need of it alive, so that it may be destroyed before them.
/// \maps     zmq_ctx_new, ZMQ_IO_THREADS; a ZAP handler at inproc://zeromq.zap.01 (RFC 27).
class context {
public:
    /// \param options  Choices with safe defaults.
    /// \throws  error::unavailable when libzmq is too old, was built without CURVE, or an advisory that applies to it is
    ///          not accepted by name; error::misuse for an unknown advisory or a number of threads that is out of range.
    explicit context(context_options options = {}) {
        detail::init_sodium();
        (void)detail::number_this_thread(); // from here on a fork is noticed
        if (options.io_threads < 1 || options.io_threads > 64)
            throw error{error::misuse, "open a context",
                        "io_threads is " + std::to_string(options.io_threads) + "; allowed are 1 to 64"};
        const int reserve = options.admission.descriptor_reserve;
        if (reserve < 8 || reserve > 65'536)
            throw error{error::misuse, "open a context",
                        "descriptor_reserve is " + std::to_string(reserve) + "; allowed are 8 to 65536"};
        if (::zmq_has("curve") == 0)
            throw error{error::unavailable, "open a context",
                        "this libzmq was built without CURVE; install one built with libsodium"};
        const auto warnings = advisory::review({options.accept_advisories.data(), options.accept_advisories.size()});
        sentry_ = {new detail::sentry{options.io_threads, std::move(options.on_event), options.admission,
                                      detail::look_for_runtime()},
                   dismiss};
        if (detail::runtime_is_linked() && !detail::runtime_in_effect())
            sentry_->report(reason::runtime_not_in_effect, detail::why_runtime_is_not_in_effect());
        for (const auto& warning : warnings) sentry_->report(reason::advisory_applies, warning.known->id);
        if (!detail::guarded_memory{32}.locked()) sentry_->report(reason::secrets_may_be_swapped, "RLIMIT_MEMLOCK");
    }
    context(const context&) = delete;
    context& operator=(const context&) = delete;
    ~context() = default;

    /// Ends every wait of every socket with `closing`, now and from now on; no new socket opens. Sockets still send what is
    /// queued when they close, for as long as their linger lasts.
    ///
    /// \threads  Any; not from a signal handler. In a forked child it does nothing.
    void shutdown() noexcept {
        if (is_this_process()) sentry_->shutdown();
    }

    /// How newcomers are kept out that cannot be served: the best way there is on this system, for this program.
    /// \threads  Any.
    [[nodiscard]] gate_kind gate() const noexcept { return sentry_->gate_in_force(); }

    /// How often something was decided since the context opened.
    /// \param why  What was decided.
    /// \threads  Any.
    [[nodiscard]] std::uint64_t count(reason why) const noexcept { return sentry_->count(why); }

    /// For the library's own parts, and of no use without detail/, which makes no promises.
    [[nodiscard]] std::shared_ptr<detail::door> door() const noexcept {
        if (!is_this_process())
            detail::die("a context was used in a forked child; only the process that opened it may");
        return sentry_;
    }

private:
    friend void detail::kill_authenticator(context& within);
    friend void detail::switch_off_guard(context& within);

    [[nodiscard]] bool is_this_process() const noexcept {
        return sentry_->generation() == detail::process_generation();
    }
    // In a forked child the thread does not exist and the sockets are the parent's: nothing may be touched.
    static void dismiss(detail::sentry* gone) noexcept {
        if (gone->generation() == detail::process_generation()) delete gone;
    }

    std::shared_ptr<detail::sentry> sentry_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

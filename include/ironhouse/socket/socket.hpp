// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The socket: pattern, limits and security in its type, one thread as its owner. Layer: socket.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/owed.hpp>
#include <ironhouse/detail/socket_core.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/security/policy.hpp>
#include <ironhouse/socket/socket_ref.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace literals {
// Patience is written 250ms, next to 4_KiB.
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
}

namespace detail {

template <auto Limits> consteval auto in_of() {
    if constexpr (requires { Limits.in; })
        return Limits.in;
    else
        return Limits;
}
template <auto Limits> consteval auto out_of() {
    if constexpr (requires { Limits.out; })
        return Limits.out;
    else
        return Limits;
}
template <auto Limits> consteval frames most_frames() {
    return std::max(in_of<Limits>().frames, out_of<Limits>().frames);
}
template <auto Limits> consteval bytes largest_frame_of() {
    return std::max(in_of<Limits>().frame, out_of<Limits>().frame);
}

// What the last two template arguments would be, if they could be left out.
template <class Pattern> struct leaves_out_limits : owed<inbound> {
    static_assert(never<Pattern>, "a socket leaves out its limits: it is socket<Pattern, Limits, Security>");
};
template <class Pattern> struct leaves_out_security {
    static_assert(never<Pattern>, "a socket leaves out its security, for example curve_server: it is "
                                  "socket<Pattern, Limits, Security>");
    using type = void;
};

// A base, so that its name is what the compiler says.
struct a_live_socket_stays_where_it_is_and_detach_hands_it_over {
    a_live_socket_stays_where_it_is_and_detach_hands_it_over() = default;
    a_live_socket_stays_where_it_is_and_detach_hands_it_over(
        const a_live_socket_stays_where_it_is_and_detach_hands_it_over&) = delete;
    a_live_socket_stays_where_it_is_and_detach_hands_it_over& operator=(
        const a_live_socket_stays_where_it_is_and_detach_hands_it_over&) = delete;
    ~a_live_socket_stays_where_it_is_and_detach_hands_it_over() = default;
};

template <class Policy> concept header_included = requires { sizeof(Policy); };
template <class Policy> concept included_policy = header_included<Policy> && security_policy<Policy>;

} // namespace detail

/// Where sockets open: in a context of this library. Any other has no sentry at its door.
template <class C> concept an_ironhouse_context = std::same_as<C, context>;

/// Who proves itself by a key of its own that can be changed while it runs: a server.
template <class Policy> concept is_a_curve_server = std::same_as<Policy, curve_server>;
/// Likewise, a client.
template <class Policy> concept is_a_curve_client = std::same_as<Policy, curve_client>;

/// The limits are of the direction the pattern has: inbound to receive, outbound to send, duplex for both.
template <auto Limits, class Pattern> concept limits_of_the_pattern = std::same_as < std::remove_cv_t<decltype(Limits)>,
typename Pattern::limits > ;

/// The message can hold everything the socket's limits let in.
template <class Message, auto Limits>
concept holds_what_may_arrive = std::derived_from<Message, any_message> && requires(const Message& m) {
    []<frames Frames, bytes Frame>(const message<Frames, Frame>&) {
        static_assert(Frames >= detail::in_of<Limits>().frames, "this message has fewer frames than may arrive");
        static_assert(Frame >= detail::in_of<Limits>().frame, "this message has smaller frames than may arrive");
    }(m);
};

/// One value of this type fits into one frame within the limits.
template <class Value, auto Limits>
concept fits_the_frame_limit = std::is_trivially_copyable_v<Value> && !std::is_pointer_v<Value> &&
                               (sizeof(Value) <= static_cast<std::size_t>(detail::out_of<Limits>().frame.count()));

/// A ZeroMQ socket that was given everything it was owed, and stays with one thread.
///
/// Neither copyable nor movable: it is used where it was opened, and detach() hands it over. Every operation checks the
/// owning thread and process, in every build; a violation ends the process with one line on stderr.
///
/// \tparam Pattern   What it does: push, pull, pub, sub, xpub, xsub, req, rep, dealer, router, pair.
/// \tparam Limits    What it may cost at most: an inbound, outbound or duplex value.
/// \tparam Security  Who may talk: curve_server, curve_client, in_process.
/// \threads  The thread that opened it. close(), detach() and destruction likewise; a destructor on another thread hands
///           the socket to its context, one in a forked child leaves it alone.
/// \maps     zmq_socket and its options.
template <class Pattern = void, auto Limits = detail::leaves_out_limits<Pattern>::value(),
          class Security = typename detail::leaves_out_security<Pattern>::type>
class socket : detail::a_live_socket_stays_where_it_is_and_detach_hands_it_over {
    static_assert(messaging_pattern<Pattern>, "the first argument of a socket is its pattern, for example push");
    static_assert(limits_of_the_pattern<Limits, Pattern>,
                  "the limits of a socket are of its pattern's direction: inbound, outbound or duplex");
    static_assert(detail::header_included<Security>,
                  "the header of this security policy is not included: curve.hpp or in_process.hpp, or insecure.hpp");
    static_assert(detail::included_policy<Security>,
                  "the third argument of a socket is its security, for example curve_server");
    static_assert(detail::check_limits<Limits>());

public:
    /// The type of this socket's limits.
    using limits_type = typename Pattern::limits;
    /// A message that fits this socket, in either direction.
    using message = ironhouse::message<detail::most_frames<Limits>(), detail::largest_frame_of<Limits>()>;

    /// Opens the socket with every option set and read back, or throws and leaves nothing.
    ///
    /// \param within    The context; it outlives the socket's use, not necessarily the object.
    /// \param security  Who may talk. Taken over.
    /// \param run_time  Limits from configuration, each at most the type's.
    /// \param options   Choices with safe defaults.
    /// \throws  error::misuse (limits above the ceiling, a domain of another keyring), error::exhausted,
    ///          error::unavailable (libzmq does not hold what was written), error::closing.
    /// \threads  The calling thread becomes the owner.
    /// \secrets  The secret key is in libzmq's options only while an endpoint is opened.
    /// \maps     zmq_socket, zmq_setsockopt, zmq_getsockopt, zmq_socket_monitor.
    template <an_ironhouse_context Context>
    socket(Context& within, Security security, const limits_type& run_time = Limits,
           const socket_options& options = {}) {
        detail::require_within(run_time, Limits, "open a socket");
        core_.open(within.door(), Pattern::traits, detail::to_flow(run_time), std::move(security).armour(), options);
    }
    /// \overload
    /// \param within    As above.
    /// \param security  As above.
    /// \param options   As above.
    template <an_ironhouse_context Context>
    socket(Context& within, Security security, const socket_options& options)
        : socket{within, std::move(security), Limits, options} {}

    /// Opens a listening endpoint.
    ///
    /// \param at  A literal, checked by the compiler, or endpoint<Security>::parse(text).
    /// \throws  error::unavailable (address in use, no such interface), error::rejected (an ipc path that is not safe),
    ///          error::exhausted, error::closing. The socket stays as it was.
    /// \threads  The owner.
    /// \maps     zmq_bind; ipc sockets get mode 0600.
    void bind(const basic_endpoint<Security::protects>& at) { core_.bind(at.text(), at.which(), at.is_ipv6()); }

    /// Serves the next key beside the present one, on the same ports, and after the window the next one alone: newcomers go
    /// to its listeners, and connections under a former key are ended, to come again under it. Until then the kernel sends
    /// a newcomer to either key's listener: whoever has one of the two keys comes in at the second or third try.
    ///
    /// \param next    Who we are from now on. Taken over.
    /// \param window  How long the former keys are served too, 0 ms to 366 days.
    /// \throws  error::misuse (a window out of range, the present key, an ipc endpoint, a connected one), error::exhausted
    ///          (64 changes, or descriptors), error::unavailable.
    /// \threads  The owner.
    /// \secrets  The former key stays in libzmq's listeners until the socket closes; it opens nothing after the window.
    /// \maps     SO_REUSEPORT, ZMQ_USE_FD, a ZAP domain for each key, SO_ATTACH_REUSEPORT_CBPF. Linux alone.
    template <std::same_as<certificate> Certificate>
    void rotate(Certificate next, std::chrono::milliseconds window) requires is_a_curve_server<Security> {
        core_.rotate(std::move(next).take_keys(), window);
    }

    /// A client's next key: every endpoint is connected again under it, at once. Both keys should be welcome for a while.
    ///
    /// \param next  Who we are from now on. Taken over.
    /// \throws  error::closing.
    /// \threads  The owner. What is queued goes out under the former key first; what came in and was not received is
    ///           lost: receive until nothing is left before.
    /// \maps     zmq_disconnect, zmq_connect
    template <std::same_as<certificate> Certificate> void renew(Certificate next) requires is_a_curve_client<Security> {
        core_.renew(std::move(next).take_keys());
    }

    /// Connects to an endpoint, and keeps it connected: libzmq's own retries, and ours where it gives up.
    ///
    /// \param to  A literal, checked by the compiler; connect_endpoint parsed; or an endpoint of the server.
    /// \throws  error::exhausted when `.peers` endpoints are connected, error::misuse for a wildcard or a repetition,
    ///          error::unavailable, error::closing. The socket stays as it was.
    /// \threads  The owner. After a bad answer, reconnecting waits for the owner's next operation: an idle owner gets it
    ///           by service(), or by waiting on event_fd().
    /// \maps     zmq_connect
    void connect(const connect_endpoint<Security::protects>& to) { core_.connect(to.text(), to.which(), to.is_ipv6()); }

    /// Ends a connection made by connect(). What was queued for it is dropped.
    /// \param from  The endpoint, as connect() was given it.
    /// \throws  error::misuse when the endpoint is not connected.
    /// \threads  The owner.
    /// \maps     zmq_disconnect
    void disconnect(const connect_endpoint<Security::protects>& from) { core_.disconnect(from.text()); }

    /// The endpoint bound or connected last, with the port the system chose.
    /// \threads  The owner.
    /// \maps     ZMQ_LAST_ENDPOINT
    [[nodiscard]] std::string last_endpoint() { return core_.last_endpoint(); }

    /// Queues one message for a peer; `queued` means accepted here, not received there.
    ///
    /// \param m         The message. Emptied when `queued`; otherwise unchanged and still the caller's. One without
    ///                  frames is sent as one empty frame.
    /// \param patience  Longest wait for queue space, in milliseconds; zero means "only if possible now".
    /// \return          See send_status. A publisher never waits: a subscriber that falls behind loses messages, and it is counted.
    /// \throws          error::misuse when a REP has nothing to answer.
    /// \threads  The owner's only; another thread or a forked child terminates the process. See detach().
    /// \secrets  Payload never appears in an error or an event.
    /// \maps     zmq_msg_send; EAGAIN becomes full or no_peer, EHOSTUNREACH unroutable, EINTR interrupted.
    [[gnu::always_inline]] send_status send(any_message& m,
                                            std::chrono::milliseconds patience) requires can_send<Pattern> {
        return core_.send(m, patience);
    }
    /// \overload
    /// \param m         As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    send_status send(any_message& m, std::chrono::milliseconds patience,
                     const std::stop_token& stop) requires can_send<Pattern> {
        return core_.send(m, patience, stop);
    }
    /// Queues one message if that is possible now.
    /// \param m  As for send().
    /// \return   See send_status.
    send_status try_send(any_message& m) requires can_send<Pattern> {
        return core_.send(m, std::chrono::milliseconds{0});
    }
    /// Sends a value of a fixed-size type as one frame; that it fits the frame limit is checked by the compiler.
    /// \param value     Its bytes are sent as they lie in memory.
    /// \param patience  As for send().
    /// \return          See send_status.
    template <class Value>
        requires can_send<Pattern> && fits_the_frame_limit<Value, Limits> send_status
        send_object(const Value& value, std::chrono::milliseconds patience) {
            ironhouse::message<detail::unchecked<frames>(1), detail::out_of<Limits>().frame> m;
            if (!m.add_object(value)) return send_status::oversize;
            return core_.send(m, patience);
        }

    /// Takes one message that keeps the limits; what breaks them is dropped whole, counted, and the wait goes on.
    ///
    /// \param m         Holds the message after `received`, and nothing otherwise.
    /// \param patience  Longest wait, in milliseconds; zero means "only if one is there".
    /// \return          See receive_status.
    /// \throws          error::misuse when a REQ has asked nothing, or a REP has not answered yet.
    /// \threads  The owner's only; another thread or a forked child terminates the process. See detach().
    /// \maps     zmq_msg_recv; EAGAIN becomes timed_out, EINTR interrupted.
    template <class Message>
        requires can_receive<Pattern> && holds_what_may_arrive<Message, Limits>
    [[gnu::always_inline]] receive_status receive(Message& m, std::chrono::milliseconds patience) {
        return core_.receive(m, patience);
    }
    /// \overload
    /// \param m         As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    template <class Message>
        requires can_receive<Pattern> && holds_what_may_arrive<Message, Limits> receive_status
        receive(Message& m, std::chrono::milliseconds patience, const std::stop_token& stop) {
            return core_.receive(m, patience, stop);
        }
    /// Takes one message if one is there; drops at most 16 bad ones before it returns `timed_out`.
    /// \param m  As for receive().
    /// \return   See receive_status.
    template <class Message>
        requires can_receive<Pattern> && holds_what_may_arrive<Message, Limits> receive_status try_receive(Message& m) {
            return core_.receive(m, std::chrono::milliseconds{0});
        }

    /// Addresses a message to whoever is there under that name, also one that has said nothing yet: its latest connection.
    ///
    /// Routing ids are given by this end when a peer is let in, one to each connection, drawn at random: what a peer claims to
    /// be called is not looked at. So a message reaches the key it is addressed to, or nobody.
    ///
    /// \param m     Goes there when it is sent. Unchanged when nobody is.
    /// \param name  As in the keyring, and as sender() gives it.
    /// \return      false when nobody of that name is there.
    /// \threads     The owner.
    /// \maps        the routing id frame of ZMQ_ROUTER; the id is the property "Identity" of the ZAP reply (RFC 27).
    [[nodiscard]] bool address(any_message& m, std::string_view name) requires std::same_as<Pattern, router> &&
        is_a_curve_server<Security> {
        return core_.address(m, name);
    }

    /// Asks publishers for messages that begin with `topic`; an empty one asks for all.
    /// \param topic  0 to 245 bytes; a socket holds at most 1,000 subscriptions.
    /// \throws  error::misuse (topic too long), error::exhausted (too many).
    /// \threads  The owner.
    /// \maps     ZMQ_SUBSCRIBE; on xsub a frame that begins with 1.
    void subscribe(std::string_view topic) requires can_subscribe<Pattern> { core_.subscribe(topic, true); }
    /// Takes one subscribe() back.
    /// \param topic  As subscribe() was given it.
    /// \threads  The owner.
    /// \maps     ZMQ_UNSUBSCRIBE; on xsub a frame that begins with 0.
    void unsubscribe(std::string_view topic) requires can_subscribe<Pattern> { core_.subscribe(topic, false); }

    /// This socket for functions that care for its pattern alone. It must not outlive the socket.
    [[nodiscard]] socket_ref<Pattern> ref() noexcept { return socket_ref<Pattern>{core_}; }
    /// \overload
    // NOLINTNEXTLINE(google-explicit-constructor): so that a socket is passed where a socket_ref is taken
    operator socket_ref<Pattern>() noexcept { return ref(); }

    /// Takes the socket out of this thread's hands, so that another can attach it. This object is then empty.
    /// \threads  The owner; the result may be moved to any thread.
    /// \maps     libzmq's rule that a socket may migrate behind a full memory fence.
    [[nodiscard]] detached<socket> detach() {
        if (core_.must_look_up()) (void)core_.attend();
        core_.owner = detail::socket_core::nobody;
        return detached<socket>{std::move(core_)};
    }

    /// Messages dropped because they broke a rule of the limits.
    /// \threads  The owner.
    [[nodiscard]] std::uint64_t dropped() {
        (void)core_.must_look_up();
        std::uint64_t all = 0;
        for (std::size_t rule = 0; rule != 3; ++rule) all += core_.record->broken[rule].load(std::memory_order_relaxed);
        return all;
    }
    /// How often a subscriber of this publisher fell behind: its queue was full, and it loses messages until it has room.
    /// \threads  The owner.
    [[nodiscard]] std::uint64_t fell_behind() {
        (void)core_.must_look_up();
        return core_.record->behind.load(std::memory_order_relaxed);
    }

    /// The libzmq socket, for what the library does not offer. Its options are no longer ours to promise.
    ///
    /// \threads  The owner.
    /// \secrets  Holds no secret key: endpoints opened through it would use a key that fits nobody.
    [[nodiscard]] void* native_handle() {
        (void)core_.must_look_up();
        return core_.handle;
    }
    /// Readable when service() has something to do; for programs that wait on native_handle() themselves.
    /// \threads  The owner.
    [[nodiscard]] int event_fd() {
        (void)core_.must_look_up();
        return core_.record->bell.fd();
    }
    /// Does what the sentry asked for, such as connecting again. Every other operation does so too.
    /// \return   false when the context is closing.
    /// \threads  The owner.
    bool service() {
        const bool asked = core_.must_look_up();
        if (!asked) core_.record->bell.lower(); // then looked at again: what came in between is not lost
        return !(core_.must_look_up() && core_.attend());
    }

    /// Closes now; what is queued is still sent for as long as the linger lasts.
    /// \threads  The owner. Any later use terminates the process.
    /// \maps     zmq_close
    void close() { core_.close(); }

private:
    friend class detached<socket>;
    friend class poller;
    explicit socket(detail::socket_core&& core) noexcept : core_{std::move(core)} {
        core_.owner = detail::number_this_thread();
    }

    detail::socket_core core_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

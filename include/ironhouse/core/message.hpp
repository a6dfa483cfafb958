// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Messages of fixed capacity: frames libzmq owns, counted and measured before they are held. Layer: core.

#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/user_mark.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <zmq.hpp>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {
struct socket_core;

/// A frame and its length, which every send and receive asks for: remembering it costs less than asking libzmq.
struct slot {
    zmq_msg_t frame;
    std::size_t size;
};
} // namespace detail

/// Longest routing id a peer may have, as RFC 23 and zmq_setsockopt(ZMQ_ROUTING_ID) define it.
inline constexpr std::size_t longest_routing_id = 255;

/// Reads one frame of a message; valid until the message changes.
///
/// \threads  The message's owner only.
/// \maps     zmq_msg_data.
class frame_view {
public:
    /// The payload.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        if (size_ == 0) return {};
        return {static_cast<const std::byte*>(::zmq_msg_data(frame_)), size_};
    }
    /// The payload as text. Whether it is text is for the caller to check: a peer chose it.
    [[nodiscard]] std::string_view text() const noexcept {
        if (size_ == 0) return {};
        return {static_cast<const char*>(::zmq_msg_data(frame_)), size_};
    }
    /// Payload length in bytes.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    friend class any_message;
    frame_view() noexcept = default;
    explicit frame_view(detail::slot& from) noexcept : frame_{&from.frame}, size_{from.size} {}
    zmq_msg_t* frame_ = nullptr; // not const: libzmq's accessors take none
    std::size_t size_ = 0;
};

/// What every message can do, whatever its capacity; hold a `message<frames, frame>` to have one.
///
/// \threads  One thread at a time.
/// \secrets  Payload never appears in an error or an event.
class any_message {
public:
    any_message(const any_message&) = delete;
    any_message& operator=(const any_message&) = delete;

    /// Number of frames held.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Whether no frame is held. A message of one empty frame is not empty.
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Most frames it can hold.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// Largest payload of one frame, in bytes.
    [[nodiscard]] std::size_t frame_limit() const noexcept { return frame_limit_; }

    /// One frame. A frame that is not there reads as empty, since how many there are is the peer's choice: ask size().
    /// \param index  From 0.
    [[nodiscard]] frame_view operator[](std::size_t index) const noexcept {
        return index < size_ ? frame_view{slots_[index]} : frame_view{};
    }

    /// Copies `payload` into a new last frame.
    ///
    /// \param payload  Any bytes; none is a frame too.
    /// \return  false when a limit would be exceeded; nothing was added then.
    /// \throws  std::bad_alloc when libzmq has no memory; nothing was added.
    /// \maps    zmq_msg_init_size.
    [[nodiscard]] bool add(std::span<const std::byte> payload) { return append(payload.data(), payload.size()); }
    /// \overload
    /// \param payload  Text, without an end mark.
    [[nodiscard]] bool add(std::string_view payload) { return append(payload.data(), payload.size()); }
    /// \overload
    /// \param payload  Text up to its end mark, which is left out.
    [[nodiscard]] bool add(const char* payload) { return add(std::string_view{payload}); }

    /// Takes over a frame of existing code without copying its payload.
    ///
    /// \param frame  Emptied when it was taken.
    /// \return  false when a limit would be exceeded; `frame` is then unchanged.
    /// \maps    zmq_msg_move.
    [[nodiscard]] bool add(zmq::message_t&& frame) noexcept {
        if (size_ == capacity_ || frame.size() > frame_limit_) return false;
        make_live(size_);
        slots_[size_].size = frame.size();
        ::zmq_msg_move(&slots_[size_].frame, frame.handle());
        ++size_;
        return true;
    }

    /// Adds a value of a fixed-size type as one frame.
    ///
    /// \param value  Its bytes are sent as they lie in memory.
    /// \return  false when a limit would be exceeded.
    template <class T>
        requires std::is_trivially_copyable_v<T> &&(!std::is_pointer_v<T>)
            [[nodiscard]] bool add_object(const T& value) {
            return append(&value, sizeof value);
        }

        /// Reads a frame as a value of a fixed-size type; nothing when the size differs by a single byte.
        /// \param index  From 0.
        template <class T>
            requires std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>
        [[nodiscard]] std::optional<T> object(std::size_t index) const noexcept {
            const auto payload = (*this)[index].bytes();
            if (index >= size_ || payload.size() != sizeof(T)) return std::nullopt;
            T value;
            std::memcpy(&value, payload.data(), sizeof value);
            return value;
        }

        /// Hands one frame to existing code; the frame stays, empty.
        /// \param index  From 0; one that is not there gives an empty frame.
        [[nodiscard]] zmq::message_t take(std::size_t index) noexcept {
            zmq::message_t frame;
            if (index >= size_) return frame;
            ::zmq_msg_move(frame.handle(), &slots_[index].frame);
            slots_[index].size = 0;
            return frame;
        }

        /// Drops all frames and the routing id.
        void clear() noexcept {
            for (std::size_t i = 0; i != live_; ++i) ::zmq_msg_close(&slots_[i].frame);
            live_ = size_ = 0;
            drop_route();
        }

        /// Name of the authenticated key this message came in under; empty where nobody was authenticated (inproc,
        /// plaintext, messages made here). Valid until the message changes.
        ///
        /// \secrets  none: the name, or the fingerprint of a nameless key.
        /// \maps     zmq_msg_gets("User-Id"; for a REQ, metadata of ours), where a sentry of this process set it; what a peer calls itself is no name.
        [[nodiscard]] std::string_view sender() const noexcept {
            const std::string_view user = user_id();
            return user.substr(0, user.rfind('#'));
        }

        /// Serial number of the handshake this message came in under; 0 where nobody was authenticated.
        [[nodiscard]] std::uint64_t sender_serial() const noexcept {
            const std::string_view user = user_id();
            const auto at = user.rfind('#');
            std::uint64_t serial = 0;
            if (at != std::string_view::npos)
                for (const char digit : user.substr(at + 1))
                    serial = serial * 10 + static_cast<std::uint64_t>(digit - '0');
            return serial;
        }

        /// A router's peer: who a received message is from, who a message goes to. Empty when unset.
        [[nodiscard]] std::span<const std::byte> routing_id() const noexcept {
            if (!route_live_) return {};
            return {static_cast<const std::byte*>(::zmq_msg_data(&route_)), ::zmq_msg_size(&route_)};
        }

        /// Addresses this message to whom `request` came from.
        ///
        /// \param request  A message that a router received.
        /// \threads  none: values only.
        /// \maps     the routing id frame of ZMQ_ROUTER, which counts as no frame here.
        void to(const any_message& request) noexcept {
            drop_route();
            if (!request.route_live_) return;
            ::zmq_msg_init(&route_);
            ::zmq_msg_copy(&route_, &request.route_);
            route_live_ = true;
        }

        /// Addresses this message by routing id.
        ///
        /// \param id  As routing_id() gave it.
        /// \return  false unless the id is 1 to 255 bytes; the address is then unchanged.
        [[nodiscard]] bool to(std::span<const std::byte> id) {
            if (id.empty() || id.size() > longest_routing_id) return false;
            drop_route();
            if (::zmq_msg_init_size(&route_, id.size()) != 0) throw std::bad_alloc{};
            std::memcpy(::zmq_msg_data(&route_), id.data(), id.size());
            route_live_ = true;
            return true;
        }

    protected:
        /// \cond for message only
        any_message(detail::slot* slots, std::size_t capacity, std::size_t frame_limit) noexcept
            : slots_{slots}, frame_limit_{frame_limit}, capacity_{static_cast<std::uint8_t>(capacity)} {}
        ~any_message() { clear(); }

        void move_from(any_message& other) noexcept {
            clear();
            for (std::size_t i = 0; i != other.size_; ++i) {
                make_live(i);
                ::zmq_msg_move(&slots_[i].frame, &other.slots_[i].frame);
                slots_[i].size = other.slots_[i].size;
            }
            size_ = other.size_;
            if (other.route_live_) to(other);
            other.clear();
        }
        /// \endcond

    private:
        friend struct detail::socket_core;

        [[nodiscard, gnu::always_inline]] bool append(const void* payload, std::size_t length) {
            // Nearly always the first frame of a message that is new or was sent: every message has room for one.
            if (size_ != 0 || live_ != 0) [[unlikely]]
                return append_to_slot(payload, length);
            if (length > frame_limit_) [[unlikely]]
                return false;
            if (::zmq_msg_init_size(&slots_[0].frame, length) != 0) [[unlikely]]
                out_of_memory();
            live_ = 1;
            size_ = 1;
            fill(slots_[0], payload, length);
            return true;
        }
        [[nodiscard, gnu::noinline]] bool append_to_slot(const void* payload, std::size_t length) {
            if (size_ == capacity_ || length > frame_limit_) return false;
            detail::slot& to = slots_[size_];
            const bool lives = size_ < live_;
            if (lives) ::zmq_msg_close(&to.frame);
            if (::zmq_msg_init_size(&to.frame, length) != 0) [[unlikely]] {
                if (lives) ::zmq_msg_init(&to.frame); // stays one that can be closed
                out_of_memory();
            }
            if (!lives) ++live_;
            ++size_;
            fill(to, payload, length);
            return true;
        }
        [[gnu::always_inline]] static void fill(detail::slot& to, const void* payload, std::size_t length) noexcept {
            to.size = length;
            if (length != 0) [[likely]]
                std::memcpy(::zmq_msg_data(&to.frame), payload, length);
        }
        [[noreturn, gnu::cold, gnu::noinline]] static void out_of_memory() { throw std::bad_alloc{}; }
        // Slots are initialised only once they are needed: a capacity of 64 costs nothing until used.
        void make_live(std::size_t index) noexcept {
            if (index == live_) {
                ::zmq_msg_init(&slots_[index].frame);
                ++live_;
            }
        }
        void drop_route() noexcept {
            if (route_live_) ::zmq_msg_close(&route_);
            route_live_ = false;
        }
        [[nodiscard]] std::string_view user_id() const noexcept {
            if (size_ == 0) return {};
            const std::string_view mark = detail::user_mark(); // without it, the peer named itself
            for (const char* const property : {"User-Id", detail::user_property}) {
                const char* const text = ::zmq_msg_gets(&slots_[0].frame, property);
                if (text == nullptr) continue;
                const std::string_view given{text};
                if (given.ends_with(mark)) return given.substr(0, given.size() - mark.size());
            }
            return {};
        }

        detail::slot* slots_;
        std::size_t frame_limit_;
        std::uint8_t capacity_;
        std::uint8_t live_ = 0; // slots that hold an initialised zmq_msg_t; the first size_ of them are the message
        std::uint8_t size_ = 0;
        bool route_live_ = false;
        mutable zmq_msg_t route_; // libzmq's accessors take no const
};

/// A message of at most `Frames` frames of at most `Frame` bytes each: what a peer sends beyond that is never held.
///
/// Fixed capacity, no heap of its own: small payloads lie inside, larger ones in libzmq's memory. Reuse one in a loop.
/// The type does not say which way it travels, so what was received can be sent on without copying.
///
/// \threads  One thread at a time.
/// \maps     an array of zmq_msg_t.
template <frames Frames, ironhouse::bytes Frame> class message : public any_message {
public:
    message() noexcept : any_message{slots_, capacity_frames, static_cast<std::size_t>(Frame.count())} {}
    /// Takes the frames and the routing id over.
    /// \param other  Empty afterwards.
    message(message&& other) noexcept : message{} { move_from(other); }
    /// Drops what it holds, and takes the frames and the routing id over.
    /// \param other  Empty afterwards.
    /// \return       This message.
    message& operator=(message&& other) noexcept {
        if (this != &other) move_from(other);
        return *this;
    }
    ~message() = default;

    /// Most frames, known to the compiler.
    static constexpr std::size_t capacity_frames = static_cast<std::size_t>(Frames.count());

private:
    detail::slot slots_[capacity_frames];
};

} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A growable array for the library's own books. Layer: detail.
///
/// It does the little of std::vector that they need. Each kind of vector is paid for by every file that includes it, and the
/// sentry keeps some twenty (docs/decisions/018).

#include <ironhouse/detail/abi.hpp>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Elements stay in order. Growing moves them; a pointer to one is good until then.
template <class T> class row {
public:
    row() = default;
    row(row&& other) noexcept
        : first_{std::exchange(other.first_, nullptr)}, size_{std::exchange(other.size_, 0)}, room_{std::exchange(
                                                                                                  other.room_, 0)} {}
    row& operator=(row&& other) noexcept {
        swap(other);
        return *this;
    }
    ~row() {
        clear();
        ::operator delete(first_);
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* begin() noexcept { return first_; }
    [[nodiscard]] T* end() noexcept { return first_ + size_; }
    [[nodiscard]] const T* begin() const noexcept { return first_; }
    [[nodiscard]] const T* end() const noexcept { return first_ + size_; }
    [[nodiscard]] T* data() noexcept { return first_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return first_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return first_[i]; }
    [[nodiscard]] T& front() noexcept { return first_[0]; }
    [[nodiscard]] const T& front() const noexcept { return first_[0]; }
    [[nodiscard]] T& back() noexcept { return first_[size_ - 1]; }

    /// The first element of which that is true; null where there is none.
    template <class Which> [[nodiscard]] T* find(Which which) noexcept {
        for (T& each : *this)
            if (which(each)) return &each;
        return nullptr;
    }

    /// \throws std::bad_alloc; then nothing has changed.
    void reserve(std::size_t room) {
        static_assert(std::is_nothrow_move_constructible_v<T> && alignof(T) <= alignof(std::max_align_t));
        if (room <= room_) return;
        T* const grown = static_cast<T*>(::operator new(room * sizeof(T)));
        T* to = grown;
        for (T& each : *this) {
            ::new (static_cast<void*>(to++)) T(std::move(each));
            each.~T();
        }
        ::operator delete(std::exchange(first_, grown));
        room_ = room;
    }
    /// \throws std::bad_alloc; then nothing has changed.
    T& push_back(T made) {
        if (size_ == room_) reserve(room_ == 0 ? 8 : 2 * room_);
        return *::new (static_cast<void*>(first_ + size_++)) T(std::move(made));
    }
    /// Before `at`, which may be end().
    /// \throws std::bad_alloc; then nothing has changed.
    T& insert(T* at, T made) {
        const auto where = static_cast<std::size_t>(at - first_);
        push_back(std::move(made));
        for (std::size_t i = size_ - 1; i != where; --i) std::swap(first_[i], first_[i - 1]);
        return first_[where];
    }
    /// Makes it at least that long, with copies of `fill`.
    void grow_to(std::size_t size, const T& fill) {
        reserve(size);
        while (size_ < size) push_back(T(fill));
    }
    void pop_back() noexcept { first_[--size_].~T(); }
    void clear() noexcept {
        while (size_ != 0) pop_back();
    }
    void erase(T* at) noexcept {
        for (; at + 1 != end(); ++at) *at = std::move(at[1]);
        pop_back();
    }
    /// Takes out all of which that is true; it must not throw.
    template <class Which> void erase_if(Which which) noexcept {
        T* kept = first_;
        for (T& each : *this) {
            if (which(each)) continue;
            if (kept != &each) *kept = std::move(each);
            ++kept;
        }
        while (end() != kept) pop_back();
    }
    void swap(row& other) noexcept {
        std::swap(first_, other.first_);
        std::swap(size_, other.size_);
        std::swap(room_, other.room_);
    }

private:
    T* first_ = nullptr;
    std::size_t size_ = 0;
    std::size_t room_ = 0;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

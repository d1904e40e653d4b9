// Encoder: a buffer for encoded records, reused from record to record.
//
//     mapvec::Encoder encoder;
//     for (const City& city : cities) {
//         encoder.clear();                                  // keeps the memory
//         mapvec::Codec<City>::encode(city, encoder);
//         file.write(encoder.bytes());                      // valid until the next write or clear
//     }
//
// Every Codec can write to it. Movable, not thread-safe. If write() throws std::bad_alloc, the encoder is unchanged.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

class Encoder {
  public:
    Encoder() noexcept = default;
    Encoder(Encoder&& other) noexcept { swap(other); }
    Encoder& operator=(Encoder&& other) noexcept {
        Encoder(std::move(other)).swap(*this);
        return *this;
    }
    ~Encoder() = default;

    // Appends `n` bytes. REQUIRES: `bytes` does not point into the encoder.
    void write(const void* bytes, std::size_t n) {
        if (n == 0) return;
        std::memcpy(room(n), bytes, n);
        size_ += n;
    }
    void write(std::span<const std::byte> bytes) { write(bytes.data(), bytes.size()); }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void clear() noexcept { size_ = 0; }

    // For code that writes in place: a pointer to at least `n` writable bytes behind the last one. A call of
    // resize_within_room() then makes them part of bytes().
    [[nodiscard]] std::byte* room(std::size_t n) {
        if (capacity_ - size_ < n) grow(n);
        return data_.get() + size_;
    }
    void resize_within_room(std::size_t size) noexcept { size_ = size; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::byte* data() noexcept { return data_.get(); }

  private:
    void swap(Encoder& other) noexcept {
        data_.swap(other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

    void grow(std::size_t n) {
        if (n > static_cast<std::size_t>(PTRDIFF_MAX) - size_) throw std::bad_alloc();
        const std::size_t needed = size_ + n;
        const std::size_t capacity = needed < 256 ? 256 : needed + needed / 2;
        auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
        if (size_ > 0) std::memcpy(larger.get(), data_.get(), size_);
        data_ = std::move(larger);
        capacity_ = capacity;
    }

    std::unique_ptr<std::byte[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

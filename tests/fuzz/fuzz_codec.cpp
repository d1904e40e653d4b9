// Decodes any bytes: the result is an Error, or a value that can be encoded and decoded again.
//
// The first byte chooses the type. If the bytes of a value are canonical (no map, whose keys may come in another
// order), the encoding must equal the input.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>

#include "program.hpp"

namespace fuzz_codec {

namespace {

struct Leaf {
    bool flag;
    std::uint32_t number;
    double real;
};

struct Tree {
    std::variant<std::monostate, std::string, std::vector<Leaf>> value;
    std::vector<Tree> children;
    std::optional<std::array<std::vector<bool>, 2>> bits;
};

struct Nested {
    std::string title;
    std::vector<std::vector<std::string>> lists;
    std::vector<std::monostate> nothing;
    std::tuple<char, std::deque<std::uint16_t>, std::array<Leaf, 2>> tuple;
    std::vector<Tree> forest;
};

struct Associative {
    std::map<std::string, std::vector<std::uint8_t>> ordered;
    std::unordered_map<std::uint16_t, std::string> unordered;
    std::set<std::int8_t> set;
    std::multimap<std::uint8_t, std::optional<std::string>> many;
};

struct Letters {
    mapvec::UnicodeChar first;
    std::vector<mapvec::UnicodeChar> others;
    std::optional<mapvec::UnicodeChar> last;
};

struct Key {
    mapvec::UnicodeChar letter;
    bool flag;
};

struct Doc {
    std::string title;
    std::uint32_t year;
    double score;
    std::vector<std::string> tags;
};

void require(bool condition) {
    if (!condition) std::abort();
}

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

template <class T>
void round_trip(std::span<const std::byte> input, bool canonical) {
    mapvec::Encoder first;
    mapvec::Codec<T>::encode(mapvec::Codec<T>::decode(input), first);
    require(first.size() == input.size());
    if (canonical) require(same(first.bytes(), input));
    mapvec::Encoder second;
    mapvec::Codec<T>::encode(mapvec::Codec<T>::decode(first.bytes()), second);
    require(second.size() == input.size());
    if (canonical) require(same(second.bytes(), first.bytes()));
}

void raw_key(std::span<const std::byte> input) {
    const Key key = mapvec::detail::read_raw<Key>(input);
    require(mapvec::is_unicode_scalar_value(key.letter.value()));
}

void raw(std::span<const std::byte> input) {
    const Leaf leaf = mapvec::detail::read_raw<Leaf>(input);
    std::byte out[sizeof(Leaf)];
    mapvec::detail::write_raw(leaf, out);
    const Leaf again = mapvec::detail::read_raw<Leaf>(out);
    require(again.flag == leaf.flag && again.number == leaf.number);
}

}  // namespace

void run(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return;
    const auto input = std::as_bytes(std::span(data + 1, size - 1));
    try {
        switch (data[0] % 8) {
            case 0: round_trip<Nested>(input, true); break;
            case 1: round_trip<Tree>(input, true); break;
            case 2: round_trip<Associative>(input, false); break;
            case 3: round_trip<Doc>(input, true); break;
            case 4: raw(input); break;
            case 6: round_trip<Letters>(input, true); break;
            case 7: raw_key(input); break;
            default: static_cast<void>(mapvec::detail::view_of<std::string>(input));
        }
    } catch (const mapvec::Error& error) {
        require(error.code() == mapvec::ErrorCode::payload);
    }
}

}  // namespace fuzz_codec

FUZZ_TARGET(codec, fuzz_codec::run)

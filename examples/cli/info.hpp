// mapvec info, verify, head: shows what a store is, verifies it, and prints its first rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "any_store.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace cli {

[[nodiscard]] inline std::string_view name_of(StoreKind kind) {
    switch (kind) {
        case StoreKind::vectors: return "vector store";
        case StoreKind::payloads: return "payload store";
        case StoreKind::collection: return "collection";
        default: return "index";
    }
}

// The NumPy name of a scalar type; empty for bfloat16, which NumPy does not have.
[[nodiscard]] inline std::string_view numpy_type(mapvec::ScalarType type) {
    switch (type) {
        case mapvec::ScalarType::float32: return "<f4";
        case mapvec::ScalarType::float64: return "<f8";
        case mapvec::ScalarType::float16: return "<f2";
        case mapvec::ScalarType::int8: return "i1";
        case mapvec::ScalarType::uint8: return "u1";
        default: return "";
    }
}

[[nodiscard]] inline std::string store_id_of(const mapvec::FileHeader& header) {
    std::string text;
    for (const std::uint8_t byte : header.store_id) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(byte));
        text += digits;
    }
    return text;
}

inline void info_json(const AnyStore& store) {
    std::cout << "{\"path\":" << json_string(store.path().string()) << ",\"kind\":\"" << name_of(store.kind())
              << "\",\"rows\":" << store.rows();
    if (store.has_vectors())
        std::cout << ",\"scalar\":\"" << mapvec::to_string(store.scalar()) << "\",\"dim\":" << store.header().dim;
    if (store.has_payloads()) std::cout << ",\"payload_size\":" << store.payload_size();
    if (const std::string words = store.description(); !words.empty()) std::cout << ",\"of\":" << json_string(words);
    if (store.kind() == StoreKind::index) std::cout << ",\"index\":\"" << to_string(store.header().kind) << '"';
    std::cout << ",\"erased\":" << store.erased().size() << ",\"bytes\":" << store.file_bytes()
              << ",\"format_version\":" << store.header().version << ",\"store_id\":\"" << store_id_of(store.header())
              << "\"}\n";
}

inline void info_text(const AnyStore& store) {
    std::cout << "kind      " << name_of(store.kind())
              << (store.kind() == StoreKind::index ? ", " + std::string(to_string(store.header().kind)) : "")
              << ", format version " << store.header().version << '\n';
    if (store.has_vectors())
        std::cout << "scalar    " << mapvec::to_string(store.scalar()) << "\ndim       " << store.header().dim << '\n';
    std::cout << "rows      " << store.rows();
    if (!store.erased().empty()) std::cout << ", " << store.erased().size() << " of them erased";
    std::cout << '\n';
    if (store.has_payloads())
        std::cout << "payloads  "
                  << (store.payload_size() != 0 ? std::to_string(store.payload_size()) + " bytes each" : "encoded")
                  << '\n';
    if (const std::string words = store.description(); !words.empty()) std::cout << "of        " << words << '\n';
    std::cout << "on disk   " << human_bytes(static_cast<double>(store.file_bytes())) << '\n'
              << "store id  " << store_id_of(store.header()) << '\n';
    if (store.kind() == StoreKind::vectors && !numpy_type(store.scalar()).empty())
        std::cout << "NumPy     numpy.memmap(" << store.path() << ", '" << numpy_type(store.scalar())
                  << "', mode='r', offset=4096, shape=(" << store.rows() << ", " << store.header().dim << "))\n";
}

inline void info(const fs::path& path, bool json) {
    const AnyStore store(path);
    json ? info_json(store) : info_text(store);
}

inline void verify(const fs::path& path) {
    const AnyStore store(path);
    {
        ProgressBar bar("verify");
        store.verify([&bar](std::uint64_t done, std::uint64_t all) { bar(done, all); });
    }
    if (store.has_payloads())
        for (mapvec::Id id = 0; id < store.payloads(); ++id) (void)store.payload(id);
    std::cout << "whole: " << store.rows() << " rows, " << human_bytes(static_cast<double>(store.file_bytes())) << '\n';
}

struct HeadOptions {
    std::uint64_t first = 0;
    std::uint64_t count = 10;
    bool json = false;
};

// Prints printable bytes as text and others as \xNN.
[[nodiscard]] inline std::string printable(std::span<const std::byte> bytes, std::size_t most) {
    std::string text;
    for (const std::byte byte : bytes.first(std::min(bytes.size(), most))) {
        const auto c = static_cast<unsigned char>(byte);
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
        text += c >= ' ' && c <= '~' && c != '\\' ? std::string(1, static_cast<char>(c)) : std::string(escape);
    }
    return bytes.size() > most ? text + " ..." : text;
}

inline void head_row(const AnyStore& store, mapvec::Id id, bool json) {
    constexpr std::size_t shown = 8;
    std::cout << (json ? "{\"id\":" : "") << id;
    if (store.has_vectors())
        with_scalar(store.scalar(), [&]<class S>() {
            const auto row = store.vectors<S>()[id];
            if (json) {
                std::cout << ",\"vector\":" << json_array(row);
                return;
            }
            for (const S element : row.first(std::min(row.size(), shown)))
                std::cout << '\t' << number(static_cast<double>(element));
            if (row.size() > shown) std::cout << "\t...";
        });
    if (store.has_payloads()) {
        const std::string payload = printable(store.payload(id), json ? SIZE_MAX : 60);
        std::cout << (json ? ",\"payload\":" + json_string(payload) : '\t' + payload);
    }
    std::cout << (json ? "}\n" : "\n");
}

inline void head(const fs::path& path, const HeadOptions& options) {
    const AnyStore store(path);
    if (store.kind() == StoreKind::index) throw UsageError(path.string() + " is an index: it has no rows of its own");
    if (options.first > 0 && options.first >= store.rows())
        throw mapvec::Error(
            mapvec::ErrorCode::out_of_range, path,
            mapvec::detail::mismatch("first row id", "less than " + std::to_string(store.rows()), options.first));
    std::uint64_t left = options.count;
    for (mapvec::Id id = options.first; id < store.rows() && left > 0; ++id) {
        if (store.erased(id)) continue;
        head_row(store, id, options.json);
        --left;
    }
}

}  // namespace cli

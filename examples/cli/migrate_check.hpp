// mapvec migrate-check: what the payloads of a store are, whether each of them can be decoded, and what another type
// would change.
#pragma once

#include <cstdint>
#include <iostream>
#include <mapvec/error.hpp>
#include <optional>
#include <string>

#include "any_store.hpp"
#include "progress.hpp"
#include "schema.hpp"
#include "text.hpp"

namespace cli {

struct MigrateCheckOptions {
    fs::path store;
    std::optional<std::string> schema;
    std::optional<fs::path> like;
};

// The text in the header of a store. Longer texts than 255 characters are cut there.
[[nodiscard]] inline std::string schema_text(const AnyStore& store) {
    if (!store.has_payloads()) throw UsageError(store.path().string() + " has no payloads");
    return store.description();
}
[[nodiscard]] inline bool is_cut(const std::string& text) {
    return text.size() >= sizeof(mapvec::FileHeader::description) - 1;
}

// Nothing if the text contains the name of a specialised Codec, which may be any text.
[[nodiscard]] inline std::optional<Schema> schema_in_store(const std::string& text) {
    try {
        return parse_schema(text);
    } catch (const UsageError&) {
        return std::nullopt;
    }
}

// Checks the checksums of all records that are not erased, and decodes them if there is a schema; returns their number.
// Throws corrupt.
[[nodiscard]] inline std::uint64_t check_records(AnyStore& store, const Schema* schema) {
    const EncodedRecords records = store.encoded_payloads();
    std::uint64_t checked = 0, wrong = 0;
    std::string first;
    ProgressBar bar("migrate-check", ProgressBar::Unit::things);
    for (mapvec::Id id = 0; id < store.payloads(); ++id) {
        if (store.erased(id)) continue;
        ++checked;
        try {
            const auto record = records.checked_bytes(id);
            if (schema != nullptr) check_record(*schema, record);
        } catch (const mapvec::Error& error) {
            if (wrong++ == 0) first = "record " + std::to_string(id) + ": " + error.what();
        }
        if (id % 1024 == 0) bar(id, store.payloads());
    }
    if (wrong == 0) return checked;
    throw mapvec::Error(mapvec::ErrorCode::corrupt, store.path(),
                        std::to_string(wrong) + " of " + std::to_string(checked) +
                            " records are damaged or cannot be decoded: " + first);
}

inline void say_records(AnyStore& store, const std::string& text) {
    std::cout << "payloads  " << text << '\n';
    std::cout << "records   ";
    const auto schema = is_cut(text) ? std::nullopt : schema_in_store(text);
    if (store.payload_size() != 0)
        std::cout << store.payloads() - store.erased().size() << " of " << store.payload_size()
                  << " bytes each (verify checks their checksums)\n";
    else if (schema && !has_own_codec(schema->top))
        std::cout << check_records(store, &*schema) << ", all can be decoded\n";
    else
        std::cout << check_records(store, nullptr) << " with the right checksums, not decoded: "
                  << (is_cut(text) ? "the header has only the beginning of this text\n"
                                   : "a part of them has a codec of its own\n");
}

// Compares the type of the payloads with another one. Throws type_mismatch if they differ.
inline void compare(const AnyStore& store, const std::string& ours, const std::string& other, bool same_fingerprint) {
    if (ours == other && same_fingerprint) {
        std::cout << "the same type: no migration is needed\n";
        return;
    }
    if (ours == other)
        std::cout << "the texts are equal, but the types are not: they differ behind the text, or in their layout\n";
    const auto here = schema_in_store(ours), there = schema_in_store(other);
    if (ours != other && (!here || !there || is_cut(ours) || is_cut(other)))
        std::cout << "payload: " << ours << " here, " << other << " there\n";
    else if (ours != other)
        for (const std::string& line : differences(*here, *there)) std::cout << line << '\n';
    throw mapvec::Error(mapvec::ErrorCode::type_mismatch, store.path(),
                        "its payloads are of another type: Collection::migrate() converts them");
}

// Compares it with the text of a type. Throws also invalid_argument if the header does not tell whether they differ.
inline void compare_with_text(const AnyStore& store, const std::string& ours, const std::string& other) {
    if (is_cut(ours) && other.starts_with(ours))
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, store.path(),
                            "its header has only the first " + std::to_string(ours.size()) +
                                " characters of the type, which are equal: compare it with another store (--like)");
    compare(store, ours, other, true);
}

inline void migrate_check(const MigrateCheckOptions& options) {
    if (options.schema) (void)parse_schema(*options.schema);
    AnyStore store(options.store);
    const std::string ours = schema_text(store);
    say_records(store, ours);
    if (options.schema) return compare_with_text(store, ours, *options.schema);
    if (!options.like) return;
    const AnyStore other(*options.like);
    compare(store, ours, schema_text(other), store.payload_fingerprint() == other.payload_fingerprint());
}

}  // namespace cli

// Error: the one exception type of mapvec.
//
//     try { auto store = mapvec::MmapVectorStore<128>::open(path); }
//     catch (const mapvec::Error& e) {
//         if (e.code() == mapvec::ErrorCode::not_found) …     // programs compare the code
//         std::cerr << e.what() << '\n';                      // the text is for people
//     }
//
// The text names the file, the expected value and the found value. A call that throws has changed nothing, unless its
// documentation says otherwise.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

enum class ErrorCode {
    io,                  // a read, a write, a mapping or a sync failed
    no_space,            // the disk, a quota, a size limit, memory or addresses are exhausted
    not_found,           // the file does not exist
    exists,              // the file exists already
    locked,              // another writer has the store open
    replaced,            // refresh(): another file or an older copy has replaced the store; open it again
    read_only,           // a change to a store that was opened for reading, or to a read-only file system
    corrupt,             // the contents of the file are damaged or contradict each other
    version_mismatch,    // the file's format is newer than this library
    dimension_mismatch,  // a vector or a store has another dimension
    type_mismatch,       // a store has another scalar, payload type or kind
    out_of_range,        // no row or record has that id
    invalid_argument,    // an argument is not valid
    payload              // a payload cannot be encoded or decoded
};

[[nodiscard]] constexpr std::string_view to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::io: return "io";
        case ErrorCode::no_space: return "no_space";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::exists: return "exists";
        case ErrorCode::locked: return "locked";
        case ErrorCode::replaced: return "replaced";
        case ErrorCode::read_only: return "read_only";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::version_mismatch: return "version_mismatch";
        case ErrorCode::dimension_mismatch: return "dimension_mismatch";
        case ErrorCode::type_mismatch: return "type_mismatch";
        case ErrorCode::out_of_range: return "out_of_range";
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::payload: return "payload";
    }
    return "unknown";
}

class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& problem) : std::runtime_error(text(code, problem)), code_(code) {}

    Error(ErrorCode code, const std::filesystem::path& file, const std::string& problem)
        : std::runtime_error(text(code, file.string() + ": " + problem)), code_(code) {}

    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

  private:
    static std::string text(ErrorCode code, const std::string& problem) {
        return "mapvec: " + problem + " [" + std::string(to_string(code)) + "]";
    }

    ErrorCode code_;
};

namespace detail {

// The error with the subject in front of its text: "mapvec: query 3: expected ...".
[[nodiscard]] inline Error about(const std::string& subject, const Error& error) {
    const std::string_view text = error.what(), begin = "mapvec: ";
    const std::size_t end = text.size() - to_string(error.code()).size() - std::string_view(" []").size();
    return Error(error.code(), subject + ": " + std::string(text.substr(begin.size(), end - begin.size())));
}

// A sync was attempted and failed. The system may have dropped what it could not write, so the success of a second sync
// would prove nothing.
class SyncError : public Error {
  public:
    using Error::Error;
    explicit SyncError(const Error& error) : Error(error) {}
};

// The text of an error about a comparison: "row count: expected at most 12, found 99".
template <class Expected, class Found>
[[nodiscard]] std::string mismatch(std::string_view subject, const Expected& expected, const Found& found) {
    const auto word = []<class Value>(const Value& value) {
        if constexpr (std::is_arithmetic_v<Value>)
            return std::to_string(value);
        else
            return std::string(value);
    };
    std::string text(subject);
    text += ": expected ";
    text += word(expected);
    text += ", found ";
    text += word(found);
    return text;
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>

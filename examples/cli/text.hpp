// Helpers for text: numbers for people and for JSON, and the error of a wrong command line.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cli {

// An invalid command line: exit code 2.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The shortest output of printf that reads back as the same float.
[[nodiscard]] inline std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

// JSON has no NaN and no infinity.
[[nodiscard]] inline std::string json_number(double value) { return std::isfinite(value) ? number(value) : "null"; }

[[nodiscard]] inline std::string json_string(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        if (c == '"' || c == '\\')
            result += std::string("\\") + c;
        else
            result += static_cast<unsigned char>(c) < ' ' ? std::string(escape) : std::string(1, c);
    }
    return result + '"';
}

// [1,2.5,null]
template <class Row>
[[nodiscard]] std::string json_array(const Row& row) {
    std::string text = "[";
    for (const auto element : row) text += (text.size() == 1 ? "" : ",") + json_number(static_cast<double>(element));
    return text + ']';
}

// 1.5 GB
[[nodiscard]] inline std::string human_bytes(double bytes) {
    const char* const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    std::size_t unit = 0;
    for (; bytes >= 1000 && unit < 5; ++unit) bytes /= 1000;
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

// 12 s, 3 min 5 s, 2 h 10 min
[[nodiscard]] inline std::string human_time(double seconds) {
    const auto whole = std::llround(seconds);
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

[[nodiscard]] inline std::string one_line(std::string text) {
    for (char& c : text)
        if (c == '\n' || c == '\r') c = ' ';
    return text;
}

}  // namespace cli

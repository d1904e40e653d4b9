// Parses and writes the header of a .npy file, a Python dictionary:
//
//     {'descr': '<f4', 'fortran_order': False, 'shape': (5000, 128), }
//
// The parser accepts the Python syntax that such a header can contain: each key once, in any order. For anything else
// it throws an error with the position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

struct NpyDict {
    std::optional<std::string> descr;  // without quotes
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::uint64_t>> shape;
};

class NpyDictParser {
  public:
    // `begin` is the position of `text` in the file.
    NpyDictParser(const InputFile& file, std::uint64_t begin, std::string_view text)
        : file_(file), begin_(begin), text_(text) {}

    [[nodiscard]] NpyDict parse() {
        NpyDict dict;
        expect('{');
        while (!accept('}')) {
            parse_entry(dict);
            if (accept(',')) continue;
            expect('}');
            break;
        }
        skip_blanks();
        if (at_ != text_.size()) fail("nothing behind the dictionary");
        if (!dict.descr || !dict.fortran_order || !dict.shape) fail("the keys 'descr', 'fortran_order' and 'shape'");
        return dict;
    }

  private:
    void parse_entry(NpyDict& dict) {
        const std::string key = parse_string();
        expect(':');
        if (key == "descr" && !dict.descr) {
            skip_blanks();
            if (at_ < text_.size() && text_[at_] == '[')
                file_.refuse(ErrorCode::type_mismatch, begin_ + at_,
                             "the array has fields: expected one number for each element");
            dict.descr = parse_string();
        } else if (key == "fortran_order" && !dict.fortran_order) {
            dict.fortran_order = parse_bool();
        } else if (key == "shape" && !dict.shape) {
            dict.shape = parse_shape();
        } else {
            fail("each of 'descr', 'fortran_order' and 'shape' once, found '" + key + "' in addition");
        }
    }

    [[nodiscard]] std::string parse_string() {
        skip_blanks();
        if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("a string");
        const std::size_t end = text_.find(text_[at_], at_ + 1);
        if (end == std::string_view::npos || end - at_ > max_string) fail("a short string");
        const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
        for (const char c : found)
            if (c < ' ' || c > '~' || c == '\\') fail("a string of plain characters");
        at_ = end + 1;
        return std::string(found);
    }
    [[nodiscard]] bool parse_bool() {
        if (accept("True")) return true;
        if (accept("False")) return false;
        fail("True or False");
    }
    // Accepts (), (3,), (3, 4), and (3L, 4L) as Python 2 writes it.
    [[nodiscard]] std::vector<std::uint64_t> parse_shape() {
        std::vector<std::uint64_t> shape;
        expect('(');
        while (!accept(')')) {
            if (shape.size() == max_axes) fail("at most 64 axes");
            shape.push_back(parse_number());
            if (accept(',')) continue;
            if (shape.size() == 1) fail("a comma: this is no tuple");
            expect(')');
            break;
        }
        return shape;
    }
    [[nodiscard]] std::uint64_t parse_number() {
        skip_blanks();
        const std::size_t first = at_;
        std::uint64_t number = 0;
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
            number = number * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
            if (at_ - first == max_digits) fail("an axis of less than 10^18");
        }
        if (at_ == first) fail("a number, 0 or more");
        if (at_ < text_.size() && text_[at_] == 'L') ++at_;
        return number;
    }

    void skip_blanks() noexcept {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    }
    [[nodiscard]] bool accept(std::string_view word) noexcept {
        skip_blanks();
        if (!text_.substr(at_).starts_with(word)) return false;
        at_ += word.size();
        return true;
    }
    [[nodiscard]] bool accept(char c) noexcept { return accept(std::string_view(&c, 1)); }
    void expect(char c) {
        if (!accept(c)) fail(std::string("'") + c + "'");
    }
    [[noreturn]] void fail(const std::string& expected) const {
        file_.corrupt(begin_ + at_, "header of a .npy file: expected " + expected);
    }

    static constexpr std::size_t max_string = 1000;
    static constexpr std::size_t max_axes = 64;
    static constexpr std::size_t max_digits = 18;

    const InputFile& file_;
    std::uint64_t begin_;
    std::string_view text_;
    std::size_t at_ = 0;
};

// Magic, version 1.0, length, dictionary, and padding that aligns the data to 64 bytes, as NumPy does.
[[nodiscard]] inline std::string npy_header_text(std::string_view descr, std::uint64_t rows, std::uint64_t dim) {
    std::string text("\x93NUMPY\x01\0\0\0", 10);
    text += "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
            std::to_string(dim) + "), }";
    text.append(63 - text.size() % 64, ' ');
    text += '\n';
    text[8] = static_cast<char>(text.size() - 10);
    return text;
}

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>

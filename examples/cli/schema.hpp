// The schema text of a payload type (mapvec/detail/codec/schema.hpp) as a tree, for programs that do not have the type.
//
//     const Schema schema = parse_schema("(s u4 [s])");      // throws UsageError
//     check_record(schema, bytes);                           // throws mapvec::Error if the bytes are not such a value
//     differences(schema, parse_schema("(s u8 [s])"));       // {"field 2: u4, u8"}
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <mapvec/detail/codec/reader.hpp>
#include <mapvec/error.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace cli {

// A part of a payload type. `kind` is its first character in the text; '*' is an array.
struct SchemaNode {
    char kind = 0;
    std::size_t number = 0;  // bytes of a number, elements of an array, place of an enclosing type
    std::string text;        // as it is written
    std::vector<SchemaNode> parts{};
};

struct Schema {
    std::string text;
    bool is_raw = false;  // records are the bytes of the value in memory
    SchemaNode top;
};

class SchemaParser {
  public:
    explicit SchemaParser(std::string_view text) : text_(text) {}

    [[nodiscard]] Schema parse() {
        Schema schema{std::string(text_), accept("raw "), {}};
        schema.top = node(0);
        if (at_ != text_.size() && !accept(" version ")) fail("the end");
        return schema;
    }

  private:
    static constexpr int max_depth = 100;

    [[nodiscard]] SchemaNode node(int depth) {
        if (depth > max_depth || at_ >= text_.size()) fail("a type");
        const std::size_t begin = at_;
        SchemaNode node{text_[at_++], 0, {}, {}};
        if (std::isdigit(static_cast<unsigned char>(node.kind)) != 0) {
            --at_;
            node = {'*', number(), {}, {}};
            if (!accept("*")) fail("*");
            node.parts.push_back(this->node(depth + 1));
        } else if (std::string_view("iufco^").find(node.kind) != std::string_view::npos) {
            node.number = number();
        } else if (node.kind == '?') {
            node.parts.push_back(this->node(depth + 1));
        } else if (node.kind == '#' || node.kind == '@' || node.kind == '!') {
            at_ = std::min(text_.find_first_of(" )]>}|", at_), text_.size());
        } else if (!add_parts(node, depth) && node.kind != 'b' && node.kind != 's' && node.kind != 'U') {
            --at_;
            fail("a type");
        }
        node.text = text_.substr(begin, at_ - begin);
        return node;
    }
    // Returns false if the node has no brackets.
    bool add_parts(SchemaNode& node, int depth) {
        constexpr std::string_view opening = "([<{|", closing = ")]>}|";
        const std::size_t bracket = opening.find(node.kind);
        if (bracket == std::string_view::npos) return false;
        while (!accept(closing.substr(bracket, 1))) {
            if (!node.parts.empty() && !accept(" ")) fail("a blank");
            node.parts.push_back(this->node(depth + 1));
        }
        const std::size_t wanted = node.kind == '{' ? 2 : node.kind == '[' || node.kind == '<' ? 1 : node.parts.size();
        if (node.parts.size() != wanted) fail(std::to_string(wanted) + " types in the brackets");
        return true;
    }
    [[nodiscard]] std::size_t number() {
        std::size_t value = 0, digits = 0;
        for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_, ++digits)
            value = value * 10 + static_cast<std::size_t>(text_[at_] - '0');
        if (digits == 0 || digits > 9) fail("a number");
        return value;
    }
    bool accept(std::string_view wanted) {
        if (text_.substr(at_, wanted.size()) != wanted) return false;
        at_ += wanted.size();
        if (wanted == " version ") (void)number();
        return true;
    }
    [[noreturn]] void fail(const std::string& expected) const {
        throw UsageError("schema \"" + std::string(text_) + "\": expected " + expected + " at character " +
                         std::to_string(at_ + 1));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

[[nodiscard]] inline Schema parse_schema(std::string_view text) { return SchemaParser(text).parse(); }

// True if a specialised Codec writes a part, so that its bytes cannot be checked.
[[nodiscard]] inline bool has_own_codec(const SchemaNode& node) {
    return node.kind == '#' || node.kind == '@' || node.kind == '!' ||
           std::any_of(node.parts.begin(), node.parts.end(), has_own_codec);
}

// The smallest encoded size. A type that contains itself ends with a length or a tag, so it has a byte.
[[nodiscard]] inline std::size_t min_bytes(const SchemaNode& node) {
    std::size_t sum = 0;
    switch (node.kind) {
        case 'b':
        case 'U':
        case '?':
        case '^': return 1;
        case 's':
        case '[':
        case '<':
        case '{': return 8;
        case '|': return 4;
        case '(':
            for (const SchemaNode& part : node.parts) sum += min_bytes(part);
            return sum;
        case '*': return node.number * min_bytes(node.parts[0]);
        default: return node.number;
    }
}

// Reads one value and forgets it.
class RecordChecker {
  public:
    explicit RecordChecker(std::span<const std::byte> record) : reader_(record) {}

    void check(const SchemaNode& node) {
        switch (node.kind) {
            case 'b': (void)reader_.tag<std::uint8_t>(1, "a bool"); return;
            case 'U': (void)reader_.unicode_char(); return;
            case 's': (void)reader_.consume(reader_.count(1, "length of a string"), "string"); return;
            case '^': return check_enclosing(node.number);
            case '(':
            case '?':
            case '*':
            case '[':
            case '<':
            case '{':
            case '|': return check_group(node);
            default: (void)reader_.consume(node.number, "a number");
        }
    }
    void expect_end() const { reader_.expect_end(); }

  private:
    void check_enclosing(std::size_t place) {
        if (place >= around_.size()) throw UsageError("schema: ^" + std::to_string(place) + " is in no such type");
        const auto around = around_;
        const SchemaNode& node = *around_[place];
        around_.resize(place);
        reader_.enter();
        check_group(node);
        reader_.leave();
        around_ = around;
    }
    void check_group(const SchemaNode& node) {
        around_.push_back(&node);
        if (node.kind == '|') {
            if (node.parts.empty()) throw UsageError("schema: a variant without types");
            check(node.parts[reader_.tag<std::uint32_t>(static_cast<std::uint32_t>(node.parts.size() - 1),
                                                        "tag of a variant")]);
        } else if (node.kind == '?') {
            if (reader_.tag<std::uint8_t>(1, "tag of an optional") == 1) check(node.parts[0]);
        } else {
            for (std::size_t n = repetitions(node); n > 0; --n)
                for (const SchemaNode& part : node.parts) check(part);
        }
        around_.pop_back();
    }
    [[nodiscard]] std::size_t repetitions(const SchemaNode& node) {
        if (node.kind == '(') return 1;
        if (node.kind == '*') return node.number;
        std::size_t bytes = 0;
        for (const SchemaNode& part : node.parts) bytes += min_bytes(part);
        return reader_.count(bytes, "length of a sequence");
    }

    mapvec::detail::Reader reader_;
    std::vector<const SchemaNode*> around_;
};

// Throws payload if the bytes are not an encoded value of this type. REQUIRES: it has no own codec and is not raw.
inline void check_record(const Schema& schema, std::span<const std::byte> record) {
    RecordChecker checker(record);
    checker.check(schema.top);
    checker.expect_end();
}

// What changes from `ours` to `other`, a line for each field of the payload.
[[nodiscard]] inline std::vector<std::string> differences(const Schema& ours, const Schema& other) {
    const auto is_struct = [](const Schema& schema) { return schema.top.kind == '('; };
    std::vector<std::string> lines;
    if (ours.text == other.text) return lines;
    if (ours.is_raw == other.is_raw && is_struct(ours) && is_struct(other)) {
        const auto text = [](const Schema& schema, std::size_t i) {
            return i < schema.top.parts.size() ? schema.top.parts[i].text : std::string("absent");
        };
        for (std::size_t i = 0; i < std::max(ours.top.parts.size(), other.top.parts.size()); ++i)
            if (text(ours, i) != text(other, i))
                lines.push_back("field " + std::to_string(i + 1) + ": " + text(ours, i) + " here, " + text(other, i) +
                                " there");
    }
    if (lines.empty()) lines.push_back("payload: " + ours.text + " here, " + other.text + " there");
    return lines;
}

}  // namespace cli

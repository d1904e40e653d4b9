// .npy: reads files of NumPy, writes files for NumPy, and refuses every damaged header.
// (tests/numpy checks with NumPy itself.)
#include <array>
#include <cstdint>
#include <mapvec/io/npy.hpp>
#include <optional>
#include <string>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_npy {

using namespace mapvec;

namespace {

constexpr const char* plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

std::string npy(const std::string& dict, const std::string& data, std::uint8_t version = 1) {
    std::string length = version == 1 ? bytes_of_all(static_cast<std::uint16_t>(dict.size()))
                                      : bytes_of_all(static_cast<std::uint32_t>(dict.size()));
    return "\x93NUMPY" + std::string{static_cast<char>(version), '\0'} + length + dict + data;
}

std::string six_floats() { return bytes_of_all(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.5f); }

// The error of importing these bytes into a store of floats of dim 3.
struct Outcome {
    explicit Outcome(const std::string& bytes) {
        const ScratchDirectory scratch;
        write_bytes(scratch / "in.npy", bytes);
        auto store = MmapVectorStore<3>::create(scratch / "s");
        try {
            rows = io::import_npy(scratch / "in.npy", store);
            if (rows == 2) last = store[1][2];
        } catch (const Error& error) {
            code = error.code();
            text = error.what();
        }
        stored = store.size();
    }
    std::uint64_t rows = 0;
    std::uint64_t stored = 0;  // rows in the store afterwards
    float last = 0;
    std::optional<ErrorCode> code;
    std::string text;
};

// The number of rows that a refused import left in the store: 0.
std::uint64_t check_refused(const std::string& bytes, ErrorCode code, const std::string& word) {
    const Outcome outcome(bytes);
    CHECK(outcome.code == code);
    CHECK(contains(outcome.text, word));
    CHECK(contains(outcome.text, "in.npy"));
    return outcome.stored;
}

// The number of rows that were read again.
template <class S>
std::uint64_t check_round_trip(const char* descr, ScalarType type) {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2, S>::create(scratch / "s");
    store.append(std::array{S(1), S(-0.0f)});
    store.append(std::array{S(100), S(7)});
    CHECK(io::export_npy(store, scratch / "out.npy") == 2);
    const std::string bytes = read_bytes(scratch / "out.npy");
    CHECK(contains(bytes, "'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (2, 2), }"));
    const auto header = io::read_npy_header(scratch / "out.npy");
    CHECK(header.scalar == type);
    CHECK(header.shape == io::Shape{2, 2});
    CHECK(header.data_offset % 64 == 0);
    auto again = MmapVectorStore<2, S>::create(scratch / "again");
    CHECK(io::import_npy(scratch / "out.npy", again) == 2);
    CHECK(std::equal(again.data().begin(), again.data().end(), store.data().begin(), store.data().end()));
    return again.size();
}

}  // namespace

TEST_CASE("an array is written with the store's scalar type and read again") {
    CHECK(check_round_trip<float>("<f4", ScalarType::float32) == 2);
    CHECK(check_round_trip<double>("<f8", ScalarType::float64) == 2);
    CHECK(check_round_trip<float16>("<f2", ScalarType::float16) == 2);
    CHECK(check_round_trip<std::int8_t>("|i1", ScalarType::int8) == 2);
    CHECK(check_round_trip<std::uint8_t>("|u1", ScalarType::uint8) == 2);
    CHECK(check_round_trip<bfloat16>("<f4", ScalarType::float32) == 2);
}

TEST_CASE("headers of version 1, 2 and 3 are read, in every spelling of Python") {
    for (const std::uint8_t version : std::array<std::uint8_t, 3>{1, 2, 3}) {
        const Outcome outcome(npy(plain, six_floats(), version));
        CHECK(outcome.rows == 2);
        CHECK(outcome.last == 6.5f);
    }
    CHECK(Outcome(npy("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}  \n", six_floats())).rows == 2);
    CHECK(Outcome(npy("{ 'shape' : ( 2 , 3 , ) , 'fortran_order':False,'descr':'<f4',}", six_floats())).rows == 2);
    CHECK(Outcome(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }", six_floats())).rows == 2);
    CHECK(Outcome(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "")).rows == 0);
}

TEST_CASE("arrays that are not rows of little-endian numbers in C order are refused with the reason") {
    const auto with = [](const std::string& descr, const std::string& fortran, const std::string& shape) {
        return npy("{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }",
                   six_floats());
    };
    CHECK(check_refused(with("'>f4'", "False", "(2, 3)"), ErrorCode::type_mismatch, "big-endian") == 0);
    CHECK(check_refused(with("'<f4'", "True", "(2, 3)"), ErrorCode::type_mismatch, "Fortran") == 0);
    CHECK(check_refused(with("'<i8'", "False", "(1, 3)"), ErrorCode::type_mismatch, "'<i8'") == 0);
    CHECK(check_refused(with("'|b1'", "False", "(2, 3)"), ErrorCode::type_mismatch, "'|b1'") == 0);
    CHECK(check_refused(with("[('a', '<f4')]", "False", "(2, 3)"), ErrorCode::type_mismatch, "fields") == 0);
    CHECK(check_refused(with("'<f4'", "False", "(6,)"), ErrorCode::dimension_mismatch, "reshape") == 0);
    CHECK(check_refused(with("'<f4'", "False", "()"), ErrorCode::dimension_mismatch, "axes") == 0);
    CHECK(check_refused(with("'<f4'", "False", "(1, 2, 3)"), ErrorCode::dimension_mismatch, "axes") == 0);
    CHECK(check_refused(with("'<f4'", "False", "(6, 0)"), ErrorCode::dimension_mismatch, "no elements") == 0);
    CHECK(check_refused(with("'<f4'", "False", "(3, 2)"), ErrorCode::dimension_mismatch, "expected 3, found 2") == 0);
}

TEST_CASE("a header that contradicts the data is corrupt") {
    const auto shaped = [](const std::string& shape) {
        return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", six_floats());
    };
    CHECK(check_refused(shaped("(3, 3)"), ErrorCode::corrupt, "expected 36, found 24") == 0);
    CHECK(check_refused(shaped("(1, 3)"), ErrorCode::corrupt, "expected 12, found 24") == 0);
    CHECK(check_refused(shaped("(999999999999999999, 3)"), ErrorCode::corrupt, "found 24") == 0);
    CHECK(check_refused(shaped("(999999999999999999, 999999999999999999)"), ErrorCode::corrupt, "no file's length") ==
          0);
    CHECK(check_refused(shaped("(6148914691236517206, 3)"), ErrorCode::corrupt, "10^18") == 0);
    CHECK(check_refused(shaped("(-2, 3)"), ErrorCode::corrupt, "a number") == 0);
    CHECK(check_refused(npy(plain, six_floats().substr(1)), ErrorCode::corrupt, "found 23") == 0);
}

TEST_CASE("a malformed header is corrupt, with the position of the first wrong byte") {
    CHECK(check_refused("", ErrorCode::corrupt, "byte 0") == 0);
    CHECK(check_refused("PK\x03\x04 an archive", ErrorCode::corrupt, "not a .npy file") == 0);
    CHECK(check_refused(npy(plain, six_floats(), 4), ErrorCode::version_mismatch, "4.0") == 0);
    CHECK(check_refused(npy(plain, "").substr(0, 30), ErrorCode::corrupt, "length of the header") == 0);
    CHECK(check_refused("\x93NUMPY" + std::string("\x02\0\xff\xff\xff\xff", 6), ErrorCode::corrupt,
                        "length of the header") == 0);
    CHECK(check_refused("\x93NUMPY" + std::string("\x02\0\1\0\x10\0", 6) + std::string(3 << 20, ' '),
                        ErrorCode::corrupt, "at most 1048576, found 1048577") == 0);
    for (const char* dict :
         {"", "{", "{}", "{'descr'}", "{'descr': }", "{'descr': <f4}", "{'descr': '<f4", "{'descr': '<f\\x34'}",
          "{'descr': '<f4', 'fortran_order': false, 'shape': (2, 3)}", "{'descr': '<f4', 'shape': (2, 3)}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': '1'}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (6)}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2LL, 3)}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3"})
        CHECK(check_refused(npy(dict, six_floats()), ErrorCode::corrupt, "header of a .npy file: expected") == 0);
}

TEST_CASE("arrays of a narrower type go into a store of a wider one") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in.npy", npy("{'descr': '|i1', 'fortran_order': False, 'shape': (1, 3), }", "\x01\xff\x80"));
    auto store = MmapVectorStore<3>::create(scratch / "s");
    CHECK(io::import_npy(scratch / "in.npy", store) == 1);
    CHECK(store[0][1] == -1.0f);
    CHECK(store[0][2] == -128.0f);
}

}  // namespace test_io_npy

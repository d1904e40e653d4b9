// Two programs create the same store at the same time. The second one tries a complete creation before every step of
// the first. One of them gets a complete store and the other gets an error; neither removes files of the other.
//
//     Errors: locked while a store is being created; exists when it is complete.
#include <mapvec/mapvec.hpp>
#include <optional>
#include <string>

#include "catch.hpp"
#include "crash/recording_storage.hpp"
#include "scratch.hpp"

namespace test_creation_race {

using namespace mapvec;

namespace {

using crash::RecordingStorage;
using Texts = PayloadStore<std::string, Codec<std::string>, RecordingStorage>;
using TextBuilder = PayloadStoreBuilder<std::string, Codec<std::string>, RecordingStorage>;
using Numbers = PayloadStore<int, Codec<int>, RecordingStorage>;
using NumberBuilder = PayloadStoreBuilder<int, Codec<int>, RecordingStorage>;

template <class Builder, class Value>
void build(const Value& value) {
    Builder builder;
    for (int i = 0; i < 3; ++i) builder.push(value);
    std::move(builder).finish_persisted("store").close();
}
template <class Store, class Value>
void create(const Value& value) {
    auto store = Store::create("store");
    for (int i = 0; i < 3; ++i) store.push(value);
    store.close();
}

// Runs `mine`, and `other` before every step of it; returns the number of steps. Each creates a store with its own
// value.
template <class Store, class Value, class Mine, class Other>
int check_race(const Value& my_value, Mine mine, const Value& other_value, Other other) {
    for (int steps = 0;; ++steps) {
        crash::Machine machine(static_cast<std::uint64_t>(steps));
        const crash::Use use(machine);
        std::optional<ErrorCode> other_failed;
        int step = 0;
        machine.hook = [&](crash::Op) {
            if (step++ == steps) other_failed = code_of([&] { other(other_value); });
        };
        const auto i_failed = code_of([&] { mine(my_value); });
        machine.hook = nullptr;
        if (step <= steps) return steps;
        REQUIRE(i_failed.has_value() != other_failed.has_value());
        const auto failed = i_failed ? *i_failed : *other_failed;
        REQUIRE((failed == ErrorCode::exists || failed == ErrorCode::locked));
        const auto store = Store::open("store");
        store.verify();
        REQUIRE(store.size() == 3);
        REQUIRE(store.fetch(2) == (i_failed ? other_value : my_value));
    }
}

const std::string mine = "mine", other = "the other's";

}  // namespace

TEST_CASE("two builders finish at the same path: one gets the store") {
    CHECK(check_race<Texts>(mine, build<TextBuilder, std::string>, other, build<TextBuilder, std::string>) > 10);
    CHECK(check_race<Numbers>(1, build<NumberBuilder, int>, 2, build<NumberBuilder, int>) > 5);
}

TEST_CASE("a builder and a create() at the same path: one gets the store") {
    CHECK(check_race<Texts>(mine, build<TextBuilder, std::string>, other, create<Texts, std::string>) > 10);
    CHECK(check_race<Texts>(mine, create<Texts, std::string>, other, build<TextBuilder, std::string>) > 10);
}

TEST_CASE("two create() calls at the same path: one gets the store") {
    CHECK(check_race<Texts>(mine, create<Texts, std::string>, other, create<Texts, std::string>) > 10);
}

TEST_CASE("a creation that fails removes nothing of one that has completed") {
    int steps = 0;
    for (;; ++steps) {
        crash::Machine machine(static_cast<std::uint64_t>(steps));
        const crash::Use use(machine);
        bool others_turn = false, failed = false, others_store = false;
        int step = 0;
        machine.fault = [&](crash::Op op) {
            if (others_turn || op != crash::Op::resize) return;
            failed = true;
            throw Error(ErrorCode::no_space, "store", "injected");
        };
        machine.hook = [&](crash::Op) {
            if (!failed || step++ != steps) return;
            others_turn = true;
            others_store = !code_of([&] { create<Texts>(other); });
            others_turn = false;
        };
        CHECK(code_of([&] { Texts::create("store", {.initial_capacity = 1'000'000}); }) == ErrorCode::no_space);
        machine.hook = nullptr;
        machine.fault = nullptr;
        if (step <= steps) break;
        if (others_store) REQUIRE(Texts::open("store").size() == 3);
    }
    CHECK(steps > 1);
}

}  // namespace test_creation_race

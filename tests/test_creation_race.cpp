// Two that create the same store at the same time: at every step of the one, the other comes between and tries to do
// all of it. One of them has the store then, whole, and the other is refused; neither takes the other's files away.
//
//     promise, in all of them
//     a store that is being created is locked; a whole one exists; nobody removes what is another's
#include <mapvec/mapvec.hpp>
#include <optional>
#include <string>

#include "catch.hpp"
#include "crash/recording_storage.hpp"
#include "scratch.hpp"

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

// `mine` at every step of which `other` comes between; how many steps that were. Each creates a store of its value.
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

TEST_CASE("of two builders that finish at the same path one has the store") {
    CHECK(check_race<Texts>(mine, build<TextBuilder, std::string>, other, build<TextBuilder, std::string>) > 10);
    CHECK(check_race<Numbers>(1, build<NumberBuilder, int>, 2, build<NumberBuilder, int>) > 5);
}

TEST_CASE("of a builder and one who creates the store at the same path one has it") {
    CHECK(check_race<Texts>(mine, build<TextBuilder, std::string>, other, create<Texts, std::string>) > 10);
    CHECK(check_race<Texts>(mine, create<Texts, std::string>, other, build<TextBuilder, std::string>) > 10);
}

TEST_CASE("of two who create the same store one has it") {
    CHECK(check_race<Texts>(mine, create<Texts, std::string>, other, create<Texts, std::string>) > 10);
}

TEST_CASE("one whose creation fails takes nothing away from one who has completed it meanwhile") {
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

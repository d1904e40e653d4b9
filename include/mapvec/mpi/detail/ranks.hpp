// Ranks: the exchanges between the ranks of a sharded collection. Each ends within a time limit, and an error of one
// rank becomes an error of all.
//
//     ranks.start();                                               // the time limit of the call begins
//     const Bytes query = ranks.broadcast(mine);                   // the bytes of rank 0
//     const Gathered hits = ranks.gather([&] { return search(query); });
//
// All functions are collective: all ranks call them in the same order. They use non-blocking operations of MPI and poll
// them until the time limit, on a communicator of their own. After a time limit or an error of MPI nothing is known
// about the other ranks, so all later calls throw. MPI may still use the buffers of an operation that did not end, so
// these are never freed.
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// The C++ bindings of old MPI libraries are not used, and would have to be linked.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

using Bytes = std::vector<std::byte>;

// The bytes of all ranks, one after the other.
struct Gathered {
    Bytes bytes;
    std::vector<int> counts;
    std::vector<int> places;

    [[nodiscard]] std::span<const std::byte> of(std::size_t rank) const noexcept {
        return std::span(bytes).subspan(static_cast<std::size_t>(places[rank]), static_cast<std::size_t>(counts[rank]));
    }
};

class Ranks {
  public:
    // Collective over `users`. Throws io if the time limit passes.
    Ranks(MPI_Comm users, std::chrono::milliseconds timeout)
        : timeout_(std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(24 * 365))) {
        auto operation = std::make_unique<Operation>();
        start();
        check(MPI_Comm_idup(users, &operation->communicator, &operation->request));
        communicator_ = complete(std::move(operation))->communicator;
        check(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN));
        check(MPI_Comm_rank(communicator_, &rank_));
        check(MPI_Comm_size(communicator_, &count_));
    }
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;
    ~Ranks() {
        int finalized = 0;
        if (communicator_ == MPI_COMM_NULL || !broken_.empty()) return;
        if (MPI_Finalized(&finalized) == MPI_SUCCESS && finalized == 0) MPI_Comm_free(&communicator_);
    }

    [[nodiscard]] std::uint32_t rank() const noexcept { return static_cast<std::uint32_t>(rank_); }
    [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(count_); }

    // Begins a call: its exchanges together may take the time limit. Throws io after an earlier failure.
    void start() {
        if (!broken_.empty())
            throw Error(ErrorCode::io, "sharded collection: open it again, because an earlier call failed: " + broken_);
        deadline_ = Clock::now() + timeout_;
    }
    // All later calls throw.
    void give_up(const std::string& reason) {
        if (broken_.empty()) broken_ = reason;
    }

    // Calls work(). An exception other than an Error is of this rank alone (memory is exhausted): the others go on in
    // the call, so that this rank must not begin another one. All later calls throw.
    template <class Work>
    decltype(auto) guarded(Work work) {
        try {
            return work();
        } catch (const Error&) {
            throw;
        } catch (...) {
            give_up("an exception of this rank alone interrupted it");
            throw;
        }
    }
    // Throws invalid_argument on all ranks if they do not pass the same value.
    void require_same(const char* what, std::uint64_t mine) {
        const auto all = gather_fixed(mine);
        for (std::size_t r = 1; r < all.size(); ++r)
            if (all[r] != all[0])
                throw Error(ErrorCode::invalid_argument,
                            mapvec::detail::mismatch(std::string(what) + " of rank " + std::to_string(r),
                                                     std::to_string(all[0]) + " as rank 0", all[r]));
    }

    // The bytes of rank 0. Other ranks pass anything.
    [[nodiscard]] Bytes broadcast(Bytes bytes) {
        std::uint64_t size = bytes.size();
        Bytes head(sizeof size);
        std::memcpy(head.data(), &size, sizeof size);
        head = broadcast_fixed(std::move(head), 0);
        std::memcpy(&size, head.data(), sizeof size);
        if (size > INT_MAX) refuse_size(size);  // on all ranks
        bytes.resize(static_cast<std::size_t>(size));
        return size == 0 ? bytes : broadcast_fixed(std::move(bytes), 0);
    }

    // Calls work() on every rank and returns the bytes of all ranks to all ranks. If work() throws on some ranks, all
    // ranks throw the error of the first of them, which the text names.
    template <class Work>
    [[nodiscard]] Gathered gather(Work work) {
        Bytes mine;
        const std::optional<Error> error = error_of([&] { mine = work(); });
        const auto statuses = agree(error, mine.size());
        auto operation = std::make_unique<Operation>();
        operation->counts.reserve(statuses.size());
        for (const Status& status : statuses) operation->counts.push_back(static_cast<int>(status.bytes));
        operation->places = places_of(operation->counts, operation->in);
        operation->out = std::move(mine);
        if (!operation->in.empty()) {
            const Operation& o = *operation;
            check(MPI_Iallgatherv(o.out.data(), o.counts[rank()], MPI_BYTE, operation->in.data(), o.counts.data(),
                                  o.places.data(), MPI_BYTE, communicator_, &operation->request));
            operation = complete(std::move(operation));
        }
        return {std::move(operation->in), std::move(operation->counts), std::move(operation->places)};
    }
    // The same without bytes.
    template <class Work>
    void together(Work work) {
        (void)agree(error_of(work), 0);
    }

    // Sends to[r] to each rank r; returns what this rank has received, by rank. Throws no_space on all ranks if one of
    // them would send or receive 2 GiB.
    [[nodiscard]] Gathered exchange(const std::vector<Bytes>& to) {
        const std::vector<std::uint64_t> incoming = exchange_sizes(to);
        auto operation = std::make_unique<Operation>();
        Operation& o = *operation;
        together([&] {
            for (const Bytes& bytes : to) o.out_counts.push_back(checked_count(bytes.size()));
            for (const std::uint64_t size : incoming) o.counts.push_back(checked_count(size));
            o.out_places = places_of(o.out_counts, o.out);
            o.places = places_of(o.counts, o.in);
            for (std::size_t r = 0; r < to.size(); ++r)
                std::copy(to[r].begin(), to[r].end(), o.out.begin() + o.out_places[r]);
        });
        check(MPI_Ialltoallv(o.out.data(), o.out_counts.data(), o.out_places.data(), MPI_BYTE, o.in.data(),
                             o.counts.data(), o.places.data(), MPI_BYTE, communicator_, &o.request));
        operation = complete(std::move(operation));
        return {std::move(operation->in), std::move(operation->counts), std::move(operation->places)};
    }

  private:
    using Clock = std::chrono::steady_clock;

    // An operation under way, and its buffers.
    struct Operation {
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Comm communicator = MPI_COMM_NULL;
        Bytes out, in;
        std::vector<int> out_counts, out_places, counts, places;
    };
    // What a rank tells the others before it sends its bytes.
    struct Status {
        std::uint32_t failed = 0;
        std::uint32_t code = 0;
        std::uint64_t bytes = 0;  // of its answer, or of the text of its error
    };

    template <class Work>
    [[nodiscard]] static std::optional<Error> error_of(Work&& work) {
        try {
            work();
        } catch (const Error& error) {
            return error;
        } catch (const std::bad_alloc&) {
            return Error(ErrorCode::no_space, "memory is exhausted");
        } catch (const std::exception& error) {
            return Error(ErrorCode::io, error.what());
        } catch (...) {
            return Error(ErrorCode::io, "an exception of an unknown type");
        }
        return std::nullopt;
    }

    // Throws on all ranks if one has an error, or if all bytes together are 2 GiB or more.
    std::vector<Status> agree(const std::optional<Error>& error, std::size_t bytes) {
        Status mine{.failed = 0, .code = 0, .bytes = bytes};
        if (error) mine = {1, static_cast<std::uint32_t>(error->code()), std::string_view(error->what()).size()};
        const std::vector<Status> statuses = gather_fixed(mine);
        std::uint64_t total = 0;
        for (std::size_t r = 0; r < statuses.size(); ++r) {
            if (statuses[r].failed != 0) throw_error_of(r, statuses[r], error);
            total += std::min<std::uint64_t>(statuses[r].bytes, std::uint64_t{1} << 40);
        }
        if (total > INT_MAX) refuse_size(total);
        return statuses;
    }
    [[noreturn]] void throw_error_of(std::size_t rank, const Status& status, const std::optional<Error>& error) {
        Bytes text(static_cast<std::size_t>(status.bytes));
        if (rank == this->rank()) std::memcpy(text.data(), error->what(), text.size());
        text = broadcast_fixed(std::move(text), static_cast<int>(rank));
        const std::string_view whole(reinterpret_cast<const char*>(text.data()), text.size());
        const auto code = static_cast<ErrorCode>(status.code);
        const std::size_t begin = std::string_view("mapvec: ").size();
        const std::size_t end = whole.size() - to_string(code).size() - std::string_view(" []").size();
        throw Error(code, "rank " + std::to_string(rank) + ": " + std::string(whole.substr(begin, end - begin)));
    }
    [[noreturn]] static void refuse_size(std::uint64_t found) {
        throw Error(ErrorCode::no_space,
                    mapvec::detail::mismatch("bytes in one exchange between ranks", "less than 2 GiB", found));
    }
    [[nodiscard]] static int checked_count(std::uint64_t size) {
        if (size > INT_MAX) refuse_size(size);
        return static_cast<int>(size);
    }
    // Where the bytes of each rank begin; makes room for all.
    [[nodiscard]] static std::vector<int> places_of(const std::vector<int>& counts, Bytes& room) {
        std::vector<int> places;
        std::uint64_t total = 0;
        for (const int count : counts) {
            places.push_back(checked_count(total));
            total += static_cast<std::uint64_t>(count);
        }
        room.resize(static_cast<std::size_t>(checked_count(total)));
        return places;
    }

    [[nodiscard]] Bytes broadcast_fixed(Bytes bytes, int root) {
        auto operation = std::make_unique<Operation>();
        operation->in = std::move(bytes);
        check(MPI_Ibcast(operation->in.data(), static_cast<int>(operation->in.size()), MPI_BYTE, root, communicator_,
                         &operation->request));
        return std::move(complete(std::move(operation))->in);
    }
    template <class Value>
    [[nodiscard]] std::vector<Value> gather_fixed(const Value& value) {
        auto operation = std::make_unique<Operation>();
        operation->out.resize(sizeof value);
        std::memcpy(operation->out.data(), &value, sizeof value);
        operation->in.resize(sizeof value * count());
        check(MPI_Iallgather(operation->out.data(), sizeof value, MPI_BYTE, operation->in.data(), sizeof value,
                             MPI_BYTE, communicator_, &operation->request));
        operation = complete(std::move(operation));
        std::vector<Value> values(count());
        std::memcpy(values.data(), operation->in.data(), operation->in.size());
        return values;
    }
    [[nodiscard]] std::vector<std::uint64_t> exchange_sizes(const std::vector<Bytes>& to) {
        auto operation = std::make_unique<Operation>();
        std::vector<std::uint64_t> sizes;
        for (const Bytes& bytes : to) sizes.push_back(bytes.size());
        operation->out.resize(sizes.size() * sizeof sizes[0]);
        std::memcpy(operation->out.data(), sizes.data(), operation->out.size());
        operation->in.resize(operation->out.size());
        check(MPI_Ialltoall(operation->out.data(), sizeof sizes[0], MPI_BYTE, operation->in.data(), sizeof sizes[0],
                            MPI_BYTE, communicator_, &operation->request));
        operation = complete(std::move(operation));
        std::memcpy(sizes.data(), operation->in.data(), operation->in.size());
        return sizes;
    }

    // Polls the operation until it has ended. Its buffers are not freed if it does not end in time.
    [[nodiscard]] std::unique_ptr<Operation> complete(std::unique_ptr<Operation> operation) {
        Operation* const kept = operation.release();
        for (unsigned tries = 0;; ++tries) {
            int done = 0;
            check(MPI_Test(&kept->request, &done, MPI_STATUS_IGNORE));
            if (done != 0) return std::unique_ptr<Operation>(kept);
            if (Clock::now() >= deadline_) {
                give_up("not all ranks answered within " + std::to_string(timeout_.count()) + " ms");
                throw Error(ErrorCode::io, "sharded collection: " + broken_);
            }
            pause(tries);
        }
    }
    // The core may be needed by a rank that still works, or by its threads.
    static void pause(unsigned tries) noexcept {
        if (tries < 100)
            mapvec::detail::relax();
        else if (tries < 1000)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    void check(int result) {
        if (result == MPI_SUCCESS) return;
        char text[MPI_MAX_ERROR_STRING] = {};
        int length = 0;
        (void)MPI_Error_string(result, text, &length);
        give_up("MPI: " + std::string(text));
        throw Error(ErrorCode::io, "sharded collection: " + broken_);
    }

    std::chrono::milliseconds timeout_;
    Clock::time_point deadline_;
    std::string broken_;  // why no more calls are possible
    MPI_Comm communicator_ = MPI_COMM_NULL;
    int rank_ = 0;
    int count_ = 1;
};

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>

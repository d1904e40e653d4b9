// ChangedRecords: which records of an array have changed since its last commit, and since its last checkpoint.
//
//     appended      behind committed(): the last commit does not have them, so they may be overwritten in the file
//     overwritten   records of the last commit, changed in the view only; the next commit puts them into its journal
//     logged        overwritten by earlier commits: in the view and in the journal, not in the file yet
//
// A slot that may be current protects all records that it counts: they are never overwritten in the file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <mapvec/detail/file/id_set.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class ChangedRecords {
  public:
    // The number of records in the last commit, and in the last checkpoint.
    [[nodiscard]] std::uint64_t committed() const noexcept { return committed_; }
    [[nodiscard]] std::uint64_t checkpointed() const noexcept { return checkpointed_; }

    // True if an array of `size` records differs from its last commit.
    [[nodiscard]] bool any(std::uint64_t size) const noexcept { return size != committed_ || !overwritten_.empty(); }
    // An upper bound of the number of records that were overwritten since the last commit.
    [[nodiscard]] std::uint64_t max_overwritten() const noexcept { return overwritten_.size_at_most(); }
    // True if all changes since the last checkpoint are appended records.
    [[nodiscard]] bool only_appended() const noexcept { return overwritten_.empty() && logged_.empty(); }
    [[nodiscard]] bool any_logged() const noexcept { return !logged_.empty(); }

    // Afterwards add_overwrite(index) does not throw.
    void reserve_overwrite(std::uint64_t index) { set_of(index).reserve_one(); }
    void add_overwrite(std::uint64_t index) { set_of(index).add(index); }
    // A record of the journal that is applied to the view.
    void add_logged(std::uint64_t index) { logged_.add(index); }

    // Each of these calls visit(first, n) for each run of such records.
    template <class Visit>
    void each_overwritten(Visit visit) {
        overwritten_.each_run(visit);
    }
    template <class Visit>
    void each_logged(Visit visit) {
        logged_.each_run(visit);
    }
    template <class Visit>
    void each_overwritten_appended(Visit visit) {
        appended_.each_run(visit);
    }
    void forget_overwritten_appended() noexcept { appended_.clear(); }

    // The overwrites that the file does not have, now and after all logged ones were written to it.
    [[nodiscard]] IdSet missing_in_file() const {
        IdSet missing = logged_;
        missing.add(overwritten_);
        return missing;
    }
    [[nodiscard]] IdSet missing_without_logged() { return overwritten_.without(logged_); }

    // A slot that may be current counts `size` records.
    void protect(std::uint64_t size) noexcept { protected_ = size; }

    // Afterwards commit() does not throw.
    void reserve_for_commit() { logged_.reserve_for(overwritten_); }
    // A journal record with `size` records is durable.
    void commit(std::uint64_t size) noexcept {
        committed_ = size;
        protected_ = 0;
        logged_.add(overwritten_);
        overwritten_.clear();
    }
    // A checkpoint with `size` records is durable. Its journal has the overwrites that are `missing` in the file.
    void checkpoint(std::uint64_t size, IdSet missing) noexcept {
        committed_ = checkpointed_ = size;
        protected_ = 0;
        overwritten_.clear();
        logged_ = std::move(missing);
    }
    // Goes back to a checkpoint.
    void restore(std::uint64_t size) noexcept {
        checkpoint(size, {});
        appended_.clear();
    }
    // A journal record that is applied has `size` records.
    void replay(std::uint64_t size) noexcept { committed_ = size; }

  private:
    [[nodiscard]] IdSet& set_of(std::uint64_t index) noexcept {
        return index < std::max(committed_, protected_) ? overwritten_ : appended_;
    }

    std::uint64_t committed_ = 0;
    std::uint64_t checkpointed_ = 0;
    std::uint64_t protected_ = 0;  // records of a slot that could not be written or not be made durable
    IdSet overwritten_;            // committed or protected records, overwritten since the last commit
    IdSet logged_;                 // committed records that are in the journal, not in the file
    IdSet appended_;               // appended records, overwritten since: the file may have older bytes
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>

// SearchGate: either any number of searches use an index, or one update changes it.
//
//     const SearchGate::Search search(gate);     // waits while an update runs or waits
//     const SearchGate::Update update(gate);     // waits for the running searches
//
// A waiting update has priority over later searches, so that a stream of searches cannot block it for ever. REQUIRES: a
// thread inside the gate does not enter it again.
#pragma once

#include <cstddef>
#include <mutex>

#include <mapvec/detail/platform/threads.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class SearchGate {
  public:
    class Search {
      public:
        explicit Search(SearchGate& gate) noexcept : gate_(gate) {
            const std::lock_guard lock(gate_.mutex_);
            while (gate_.updates_ != 0) gate_.changed_.wait(gate_.mutex_);
            ++gate_.searches_;
        }
        Search(const Search&) = delete;
        Search& operator=(const Search&) = delete;
        ~Search() {
            const std::lock_guard lock(gate_.mutex_);
            if (--gate_.searches_ == 0 && gate_.updates_ != 0) gate_.changed_.notify_all();
        }

      private:
        SearchGate& gate_;
    };

    class Update {
      public:
        explicit Update(SearchGate& gate) noexcept : gate_(gate) {
            const std::lock_guard lock(gate_.mutex_);
            ++gate_.updates_;
            while (gate_.searches_ != 0 || gate_.updating_) gate_.changed_.wait(gate_.mutex_);
            gate_.updating_ = true;
        }
        Update(const Update&) = delete;
        Update& operator=(const Update&) = delete;
        ~Update() {
            const std::lock_guard lock(gate_.mutex_);
            gate_.updating_ = false;
            --gate_.updates_;
            gate_.changed_.notify_all();
        }

      private:
        SearchGate& gate_;
    };

  private:
    Mutex mutex_;
    Condition changed_;
    std::size_t searches_ = 0;  // that are in
    std::size_t updates_ = 0;   // that are in or wait
    bool updating_ = false;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>

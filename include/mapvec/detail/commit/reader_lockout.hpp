// ReaderLockout: while it is held, no reader has the file open, and none can open it.
#pragma once

#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Storage File>
class ReaderLockout {
  public:
    explicit ReaderLockout(File& file) : file_(file), held_(file.try_lock(Lock::exclude_readers)) {}
    ReaderLockout(const ReaderLockout&) = delete;
    ReaderLockout& operator=(const ReaderLockout&) = delete;
    ~ReaderLockout() {
        if (held_) file_.unlock(Lock::exclude_readers);
    }
    // False if a reader has the file open.
    [[nodiscard]] bool held() const noexcept { return held_; }

  private:
    File& file_;
    bool held_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>

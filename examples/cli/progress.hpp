// A progress bar on standard error, if that is a terminal and the work takes long enough.
//
//     ProgressBar bar("import");
//     bar(done, all);                 // may be called often: it draws ten times a second
//                                     // the destructor erases the bar
//
//     import  42 % [########............]  1.2 GB of 2.9 GB  310 MB/s  6 s left
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "text.hpp"
#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace cli {

[[nodiscard]] inline bool error_is_terminal() noexcept {
#if defined(_WIN32)
    return ::_isatty(2) != 0;
#else
    return ::isatty(2) != 0;
#endif
}

class ProgressBar {
  public:
    enum class Unit { bytes, things };

    explicit ProgressBar(std::string label, Unit unit = Unit::bytes)
        : label_(std::move(label)), unit_(unit), visible_(error_is_terminal()) {}
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    ~ProgressBar() {
        if (drawn_) std::fputs("\r\x1b[K", stderr);
    }

    void operator()(std::uint64_t done, std::uint64_t all) {
        if (!visible_) return;
        const auto now = Clock::now();
        if (now < next_) return;
        next_ = now + std::chrono::milliseconds(100);
        const std::string text = line(static_cast<double>(done), static_cast<double>(all),
                                      std::chrono::duration<double>(now - start_).count());
        std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
        drawn_ = true;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr int width = 20;

    [[nodiscard]] std::string line(double done, double all, double seconds) const {
        const double part = all > 0 ? done / all : 1;
        const auto filled = static_cast<std::size_t>(part * width);
        const double rate = seconds > 0 ? done / seconds : 0;
        std::string text = label_ + "  " + std::to_string(static_cast<int>(part * 100)) + " % [" +
                           std::string(filled, '#') + std::string(width - filled, '.') + "]  ";
        text += amount(done) + " of " + amount(all) + "  " + amount(rate) + "/s";
        if (rate > 0) text += "  " + human_time((all - done) / rate) + " left";
        return text;
    }
    [[nodiscard]] std::string amount(double n) const {
        return unit_ == Unit::bytes ? human_bytes(n) : std::to_string(static_cast<std::uint64_t>(n));
    }

    std::string label_;
    Unit unit_;
    bool visible_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point next_ = start_ + std::chrono::milliseconds(300);
};

}  // namespace cli

// How much memory this process may use: that of the machine, or less if a Linux control group limits it.
//
//     if (file_size > memory_limit() / 4 * 3) …
#pragma once

#if defined(__linux__)
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail::platform {

// The number in a file; UINT64_MAX if there is no such file, or another word in it ("max").
[[nodiscard]] inline std::uint64_t number_in(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t number = 0;
    return file >> number ? number : UINT64_MAX;
}

// The lowest number in the files root/group/name, root/parent/name, … root/name. In a container the files of the group
// may be at the root, although its name is that of the host.
[[nodiscard]] inline std::uint64_t lowest_number(const std::string& root, std::string group, const std::string& name) {
    std::uint64_t lowest = number_in(root + "/" + name);
    while (group.size() > 1) {
        lowest = std::min(lowest, number_in(std::string(root).append(group).append("/").append(name)));
        group.erase(group.find_last_of('/'));
    }
    return lowest;
}

// The limit of a line of /proc/self/cgroup: "number:controllers:group". Version 2 has no controllers.
[[nodiscard]] inline std::uint64_t limit_of_group(const std::string& line, const std::string& root) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos || line.find('/', second) != second + 1)
        return UINT64_MAX;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") return lowest_number(root, group, "memory.max");
    if (controllers.find(",memory,") == std::string::npos) return UINT64_MAX;
    return lowest_number(root + "/memory", group, "memory.limit_in_bytes");
}

// UINT64_MAX if it is unknown. Reads a few small files: about 80 µs.
[[nodiscard]] inline std::uint64_t memory_limit() noexcept {
    std::uint64_t limit = UINT64_MAX;
#if defined(__linux__)
    try {
        const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
        if (pages > 0 && page > 0) limit = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
        std::ifstream groups("/proc/self/cgroup");
        for (std::string line; std::getline(groups, line);)
            limit = std::min(limit, limit_of_group(line, "/sys/fs/cgroup"));
    } catch (...) {  // no memory for a name: the limit of the machine
    }
#endif
    return limit;
}

// The same, at most a second old: opening many files does not read those of the system each time. [any thread]
[[nodiscard]] inline std::uint64_t recent_memory_limit() noexcept {
    using Clock = std::chrono::steady_clock;
    static std::atomic<std::uint64_t> limit{0};
    static std::atomic<Clock::rep> end{0};
    const Clock::rep now = Clock::now().time_since_epoch().count();
    if (limit.load(std::memory_order_relaxed) == 0 || now >= end.load(std::memory_order_relaxed)) {
        limit.store(memory_limit(), std::memory_order_relaxed);
        end.store(now + Clock::duration(std::chrono::seconds(1)).count(), std::memory_order_relaxed);
    }
    return limit.load(std::memory_order_relaxed);
}

}  // namespace mapvec::inline v0_1::detail::platform

#include <mapvec/detail/util/epilogue.inc>

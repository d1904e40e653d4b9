// MemoryGroup: a control group of Linux for this process, whose memory can be limited, to measure stores that are
// larger than memory. The page cache counts: pages of a file count for the group that read or wrote them first.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace bench {

class MemoryGroup {
  public:
    // Moves the process into a new group, if the system has one of the two kinds and allows it.
    MemoryGroup() {
        const std::string name = "/mapvec-bench-" + std::to_string(::getpid());
        put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
        enter("/sys/fs/cgroup" + name, "memory.max", "max", "/sys/fs/cgroup/cgroup.procs") ||
            enter("/sys/fs/cgroup/memory" + name, "memory.limit_in_bytes", "-1", "/sys/fs/cgroup/memory/cgroup.procs");
    }
    MemoryGroup(const MemoryGroup&) = delete;
    MemoryGroup& operator=(const MemoryGroup&) = delete;
    // An empty group can be removed.
    ~MemoryGroup() {
        if (!exists()) return;
        put(parent_, std::to_string(::getpid()));
        std::error_code ignored;
        std::filesystem::remove(group_, ignored);
    }

    [[nodiscard]] bool exists() const { return !group_.empty(); }
    // False if the system does not reclaim so much. mapvec may know a limit that is a second old.
    bool limit(std::uint64_t bytes) const {
        if (!exists() || !put(group_ + limit_, std::to_string(bytes))) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1100));
        return true;
    }
    void unlimit() const { put(group_ + limit_, no_limit_); }

  private:
    static bool put(const std::string& path, const std::string& text) {
        std::ofstream file(path);
        file << text;
        file.flush();
        return file.good();
    }
    bool enter(const std::string& group, const char* limit, const char* no_limit, const char* parent) {
        std::error_code ignored;
        if (!std::filesystem::create_directory(group, ignored)) return false;
        if (std::filesystem::exists(group + "/" + limit) && put(group + "/cgroup.procs", std::to_string(::getpid()))) {
            group_ = group;
            limit_ = std::string("/") + limit;
            no_limit_ = no_limit;
            parent_ = parent;
            return true;
        }
        std::filesystem::remove(group, ignored);
        return false;
    }

    std::string group_, limit_, no_limit_, parent_;
};

}  // namespace bench

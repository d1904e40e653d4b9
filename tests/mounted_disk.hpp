// Small file systems for tests. A test that may not mount one is skipped (skip.hpp).
#pragma once

#include <sys/ioctl.h>
#include <sys/mount.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "scratch.hpp"

class MountedDisk {
  public:
    MountedDisk() = default;
    MountedDisk(const MountedDisk&) = delete;
    MountedDisk& operator=(const MountedDisk&) = delete;
    ~MountedDisk() { unmount(); }

    [[nodiscard]] bool mounted() const noexcept { return mounted_; }
    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return directory_ / name; }

    // Fills the disk, except for the given number of bytes. The last bytes are written in small steps, because a file
    // system does not know exactly how much fits.
    void fill(std::size_t leave = 0) const {
        const int file = ::open((*this / "ballast").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
        std::vector<char> bytes(1 << 20);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 7);
        for (std::size_t step = bytes.size(); step >= 4096;) {
            const auto room = std::filesystem::space(directory_.path()).available;
            if (leave > 0) {
                if (room <= leave) break;
                step = std::min<std::size_t>(step, room - leave);
            }
            if (::write(file, bytes.data(), step) <= 0 || ::fsync(file) != 0) step /= 2;
        }
        ::close(file);
    }
    void free() const { std::filesystem::remove(*this / "ballast"); }

  protected:
    [[nodiscard]] std::string directory() const { return directory_.path().string(); }
    void unmount() {
        if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
        mounted_ = false;
    }

    bool mounted_ = false;

  private:
    ScratchDirectory directory_;
};

// A file system in memory.
class SmallDisk : public MountedDisk {
  public:
    explicit SmallDisk(std::size_t bytes) {
        const std::string options = "size=" + std::to_string(bytes);
        mounted_ = ::mount("tmpfs", directory().c_str(), "tmpfs", 0, options.c_str()) == 0;
    }
};

// A file system in a sparse image.
class LoopDisk : public MountedDisk {
  public:
    // make: a command like "mkfs.ext4 -q".
    LoopDisk(const std::string& make, std::filesystem::path image, std::uintmax_t bytes) : image_(std::move(image)) {
        std::FILE* const file = std::fopen(image_.c_str(), "wb");
        if (file == nullptr) return;
        std::fclose(file);
        std::filesystem::resize_file(image_, bytes);
        if (succeeds(make + ' ' + image_.string())) mount();
    }
    // Mounts it again, as after a restart of the machine.
    void mount_again() {
        if (succeeds("umount " + directory())) mounted_ = false;
        mount();
    }
    // From now on the disk answers no write and no sync, without a warning.
    [[nodiscard]] bool fail() const {
        std::uint32_t without_flushing_its_log = 2;
        const int file = ::open(directory().c_str(), O_RDONLY);
        const int result = ::ioctl(file, _IOR('X', 125, std::uint32_t), &without_flushing_its_log);  // ext4, XFS
        ::close(file);
        return result == 0;
    }

  private:
    [[nodiscard]] static bool succeeds(const std::string& command) {
        return std::system(("PATH=$PATH:/usr/sbin:/sbin " + command + " >/dev/null 2>&1").c_str()) == 0;
    }
    void mount() {
        if (!mounted_) mounted_ = succeeds("mount -o loop " + image_.string() + ' ' + directory());
    }

    std::filesystem::path image_;
};

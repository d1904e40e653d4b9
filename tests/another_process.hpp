// Runs work in a child process: for tests of locks, limits, threads and other state of a process.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

// The exit code of a child process that does `work`: 99 if `work` throws, -1 if the child was killed or could not be
// created. The child runs no destructors.
template <class Work>
int in_another_process(Work work) {
    const pid_t child = ::fork();
    if (child < 0) return -1;
    if (child == 0) {
        try {
            std::_Exit(work());
        } catch (...) {
            std::_Exit(99);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Work done in a process of its own: for locks, limits, threads and whatever else a child has apart from its parent.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

// The exit code of a child process that does `work`: 99 if that threw, -1 if it was killed or could not be made.
// Its destructors do not run.
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

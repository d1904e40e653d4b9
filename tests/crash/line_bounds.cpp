// For mutate.sh: checks the bounds of lines on hostile rows (tests/va_bounds.hpp). If the key of a row is not between
// them, prints VIOLATION and fails.
#include "va_bounds.hpp"

#include <cstdio>

namespace {

using namespace mapvec;

template <class M, class S>
std::size_t wrong_of(const char* name) {
    std::size_t wrong = 0;
    for (const std::size_t levels : {std::size_t{1}, std::size_t{2}}) {
        for (const std::size_t dim : {std::size_t{2}, std::size_t{40}, std::size_t{130}}) {
            wrong += va_support::wrong_adversaries<M, S>(dim, levels, 1, 0);
            wrong += va_support::wrong_adversaries<M, S>(dim, levels, 1, 1000);
            wrong += va_support::wrong_adversaries<M, S>(dim, levels, 1e-3f, 1);
        }
    }
    if (wrong != 0) std::printf("VIOLATION: %zu rows are outside of their bounds, %s\n", wrong, name);
    return wrong;
}

}  // namespace

int main() {
    const std::size_t wrong = wrong_of<SquaredL2, float>("squared L2") + wrong_of<SquaredL2, double>("of doubles") +
                              wrong_of<InnerProduct, float>("inner product") + wrong_of<Cosine, float>("cosine");
    return wrong == 0 ? 0 : 1;
}

// The main function of the test binary, the same for Catch2 2.13 and 3.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"
#include "skip.hpp"

int main(int argc, char** argv) {
    if (Catch::Session().run(argc, argv) != 0) return 1;
    return skipped_tests == 0 ? 0 : skipped_exit_code;
}

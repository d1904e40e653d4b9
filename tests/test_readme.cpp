// The program in the README is the one that is compiled and run.
#include <fstream>
#include <sstream>
#include <string>

#include "catch.hpp"

namespace test_readme {

namespace {

std::string text_of(const std::string& file) {
    std::ifstream stream(MAPVEC_SOURCE_DIR "/" + file);
    std::ostringstream text;
    text << stream.rdbuf();
    REQUIRE(!text.str().empty());
    return text.str();
}

}  // namespace

TEST_CASE("the README's program is examples/quickstart.cpp, letter for letter") {
    const std::string readme = text_of("README.md"), fence = "```cpp\n";
    const std::size_t begin = readme.find(fence) + fence.size();
    REQUIRE(readme.substr(begin, readme.find("```", begin) - begin) == text_of("examples/quickstart.cpp"));
}

}  // namespace test_readme

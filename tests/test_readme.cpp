// The programs in the README and the tutorial are the ones that are compiled and run.
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

// The code blocks of a page, one after the other.
std::string program_in(const std::string& page) {
    const std::string fence = "```cpp\n";
    std::string program;
    for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
        const std::size_t begin = at + fence.size();
        at = page.find("```", begin);
        program += (program.empty() ? "" : "\n") + page.substr(begin, at - begin);
    }
    return program;
}

}  // namespace

TEST_CASE("the README's program is examples/quickstart.cpp, letter for letter") {
    const std::string readme = text_of("README.md"), fence = "```cpp\n";
    const std::size_t begin = readme.find(fence) + fence.size();
    REQUIRE(readme.substr(begin, readme.find("```", begin) - begin) == text_of("examples/quickstart.cpp"));
}

TEST_CASE("the tutorial's program is examples/tutorial.cpp, letter for letter") {
    REQUIRE(program_in(text_of(".github/docs/tutorial.md")) == text_of("examples/tutorial.cpp"));
}

}  // namespace test_readme

// words: the words nearest to a word, and beside them related words in a ring around it. `words --help` lists the
// options.
#include "words.hpp"

#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;

constexpr std::string_view help = R"(Usage: words [options] [word] [distance] [tolerance]

Prints side by side the words nearest to <word>, and the words in a ring around it: those whose
distance is <distance>, give or take <tolerance>. The nearest say the same thing again; the ring
holds what goes with it.

  word        one of the 5,000 most frequent English words (default: river)
  distance    0 to 2; 1.41 is the distance of words that have nothing in common (default: 0.9)
  tolerance   0 or more (default: 0.05)

  --count N      lines to print (default: 10)
  --data DIR     where words.fvecs and words.txt are (default: the ones that came along)
  --help         this text

Exit codes: 0 done, 1 the system refused something, 2 an argument has no meaning.
)";

struct Arguments {
    std::string word = "river";
    float distance = 0.9f;
    float tolerance = 0.05f;
    std::size_t count = 10;
    fs::path data = MAPVEC_EXAMPLE_DATA;
    bool help = false;
};

float parse_number(const std::string& text, const std::string& what) {
    char* end = nullptr;
    const float value = std::strtof(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= 0 && value <= 1000))
        throw WordError(what + ": expected a number from 0 to 1000, found \"" + text + "\"");
    return value;
}

std::size_t parse_count(const std::string& text, const std::string& what) {
    const float value = parse_number(text, what);
    if (value != std::floor(value)) throw WordError(what + ": expected a whole number, found \"" + text + "\"");
    return static_cast<std::size_t>(value);
}

Arguments parse(std::span<char*> words) {
    Arguments arguments;
    std::vector<std::string> plain;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string word = words[i];
        if (word == "--help" || word == "-h") {
            arguments.help = true;
        } else if (word == "--count" || word == "--data") {
            if (++i == words.size()) throw WordError(word + " needs a value; see --help");
            if (word == "--data")
                arguments.data = words[i];
            else
                arguments.count = parse_count(words[i], word);
        } else if (word.starts_with("--")) {
            throw WordError("there is no option " + word + "; see --help");
        } else {
            plain.push_back(word);
        }
    }
    if (plain.size() > 3) throw WordError("expected word, distance and tolerance, found more; see --help");
    if (!plain.empty()) arguments.word = plain[0];
    if (plain.size() > 1) arguments.distance = parse_number(plain[1], "distance");
    if (plain.size() > 2) arguments.tolerance = parse_number(plain[2], "tolerance");
    return arguments;
}

// A temporary directory that the destructor removes.
class TemporaryDirectory {
  public:
    TemporaryDirectory() : path_(fs::temp_directory_path() / ("words-" + std::to_string(std::random_device{}()))) {}
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

void print_cell(const std::vector<WordHit>& hits, std::size_t line) {
    if (line < hits.size())
        std::cout << std::left << std::setw(18) << hits[line].word << std::right << std::setw(6) << hits[line].distance
                  << "    ";
    else
        std::cout << std::string(28, ' ');
}

void run(const Arguments& arguments) {
    const TemporaryDirectory directory;
    const Words words = store_words(directory.path(), arguments.data / "words.fvecs", arguments.data / "words.txt");
    const mapvec::Id id = find_word(words, arguments.word);
    const auto nearest = nearest_words(words, id, arguments.count);
    const auto ring = words_in_ring(words, id, arguments.distance, arguments.tolerance);

    std::cout << std::fixed << std::setprecision(3) << std::left << std::setw(28)
              << "nearest to \"" + arguments.word + "\""
              << "in the ring around it\n\n";
    for (std::size_t line = 0; line < std::min(arguments.count, std::max(nearest.size(), ring.size())); ++line) {
        print_cell(nearest, line);
        print_cell(ring, line);
        std::cout << '\n';
    }
    std::cout << '\n'
              << ring.size() << " of " << words.size() << " words are within " << arguments.tolerance << " of "
              << arguments.distance << " away.\nWord vectors: GloVe (nlp.stanford.edu/projects/glove), PDDL 1.0.\n";
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
        if (arguments.help)
            std::cout << help;
        else
            run(arguments);
        if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
        return EXIT_SUCCESS;
    } catch (const WordError& error) {
        std::cerr << "words: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "words: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}

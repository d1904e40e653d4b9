// semantic: searches 4,279 dictionary definitions by meaning. One collection shows everything: documents by key,
// filters, exact and approximate searches, readers, a backup, compaction, a new field.
#include <mapvec/io/npy.hpp>
#include <mapvec/mapvec.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace example {

struct Definition {
    std::string word, text;
};
struct LongerDefinition {  // the next version of the program adds a field
    std::string word, text;
    std::uint32_t length = 0;
};

}  // namespace example

namespace {

namespace fs = std::filesystem;
using example::Definition;
using example::LongerDefinition;
using Dictionary = mapvec::Collection<512, Definition, float, mapvec::Cosine>;
using NewDictionary = mapvec::Collection<512, LongerDefinition, float, mapvec::Cosine>;

// The topic of a definition, for filters.
std::string topic_of(const Definition& definition) {
    for (const char* topic : {"plant", "animal", "food", "person"})
        if (definition.text.find(topic) != std::string::npos) return topic;
    return "other";
}

void print(const char* title, const Dictionary& dictionary, const std::vector<mapvec::Hit>& hits) {
    std::cout << '\n' << title << '\n' << std::fixed << std::setprecision(3);
    for (const mapvec::Hit& hit : hits) {
        const Definition found = dictionary.payload(hit.id);
        std::cout << "  " << hit.value() << "  " << found.word << ": " << found.text << '\n';
    }
}

// All sentences with their embeddings, as one commit.
void fill(Dictionary& dictionary) {
    std::ifstream lines(fs::path(MAPVEC_EXAMPLE_DATA) / "sentences.txt");
    const auto next_definition = [&lines](std::uint64_t) {
        std::string line;
        std::getline(lines, line);
        const auto colon = line.find(": ");
        return Definition{line.substr(0, colon), line.substr(colon + 2)};
    };
    mapvec::io::import_npy(fs::path(MAPVEC_EXAMPLE_DATA) / "sentences.npy", dictionary, next_definition);
    dictionary.commit();
}

void run(const fs::path& directory) {
    auto dictionary = Dictionary::create(directory / "dictionary");
    auto texts = dictionary.key("text", &Definition::text);
    auto topics = dictionary.field("topic", topic_of);
    fill(dictionary);
    std::cout << dictionary.size() << " definitions\n";

    // Exact searches for a stored sentence: the nearest definitions, and similar definitions in a ring around it.
    const mapvec::Id cabbage = texts.find("any of various types of cabbage").value();
    const auto row = dictionary.vector(cabbage);
    const std::vector<float> query(row.begin(), row.end());
    print("nearest to a definition of cabbage", dictionary, dictionary.search({.query = query, .k = 4}));
    print("in a ring around it", dictionary, dictionary.search(mapvec::RingQuery{query, 0.62f, 0.0005f}));
    print("nearest animals", dictionary, dictionary.search(mapvec::KnnQuery{query, 3}, topics.rows("animal")));

    // Indexes: exact searches measure fewer rows, and AnnQuery asks a graph.
    dictionary.create_index(mapvec::VaOptions{});
    dictionary.create_index(mapvec::HnswOptions{.m = 16});
    std::cout << "\nwith an index an exact search measures "
              << dictionary.explain({.query = query, .k = 4}).measured_rows << " rows\n";
    print("nearest, by the graph", dictionary, dictionary.search(mapvec::AnnQuery{.query = query, .k = 4, .ef = 100}));

    // Changes by key. Readers see them after the commit.
    auto reader = Dictionary::open(directory / "dictionary", mapvec::OpenMode::read_only);
    dictionary.put(query, {"cabbage", "any of various types of cabbage"});  // replaces
    texts.erase("any of various types of cabbage");
    std::thread([&] { std::cout << "\nbefore the commit a reader finds " << reader.size(); }).join();
    dictionary.commit();
    reader.refresh();
    std::cout << ", after it " << reader.size() << " definitions\n";
    texts.erase("an action");
    dictionary.rollback();  // "an action" is still there

    // A backup and a compaction, while the reader stays open.
    dictionary.backup_to(directory / "backup");
    dictionary.compact();
    std::cout << "compacted: " << dictionary.vectors().size() << " rows in the files for " << dictionary.size()
              << " definitions; the key still finds row " << texts.find("an action").value() << '\n';
    dictionary.close();

    // A new field.
    auto longer = NewDictionary::migrate<Definition>(directory / "dictionary", [](const Definition& old) {
        return LongerDefinition{old.word, old.text, static_cast<std::uint32_t>(old.text.size())};
    });
    std::cout << "with a new field: the first text has " << longer.payload(0).length << " characters\n";
}

}  // namespace

int main() {
    const fs::path directory = fs::temp_directory_path() / ("semantic-" + std::to_string(std::random_device{}()));
    int status = 0;
    try {
        fs::create_directory(directory);
        run(directory);
    } catch (const std::exception& error) {
        std::cerr << "semantic: " << error.what() << '\n';
        status = 1;
    }
    std::error_code ignored;
    fs::remove_all(directory, ignored);
    return status;
}

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mapvec/io/npy.hpp>
#include <mapvec/mapvec.hpp>
#include <string>
#include <vector>

struct Definition {
    std::string word, text;
};

using Dictionary = mapvec::Collection<512, Definition, float, mapvec::Cosine>;

void fill(Dictionary& dictionary) {
    const std::filesystem::path data = MAPVEC_EXAMPLE_DATA;
    auto vectors = mapvec::MmapVectorStore<512>::open_or_create("sentences.vec");
    if (vectors.empty()) mapvec::io::import_npy(data / "sentences.npy", vectors);
    std::ifstream lines(data / "sentences.txt");
    std::string line;
    for (mapvec::Id row = 0; std::getline(lines, line); ++row) {
        const auto colon = line.find(": ");
        dictionary.put(vectors[row], {line.substr(0, colon), line.substr(colon + 2)});
    }
    dictionary.commit();
}

void print(const char* title, const Dictionary& dictionary, const std::vector<mapvec::Hit>& hits) {
    std::cout << '\n' << title << '\n';
    for (const mapvec::Hit& hit : hits) {
        const Definition found = dictionary.payload(hit.id);
        std::cout << "  " << hit.value() << "  " << found.word << ": " << found.text << '\n';
    }
}

void run() {
    auto dictionary = Dictionary::open_or_create("dictionary");
    auto texts = dictionary.key("text", &Definition::text);
    auto plants = dictionary.field(
        "is a plant", [](const Definition& definition) { return definition.text.find("plant") != std::string::npos; });
    if (dictionary.empty()) fill(dictionary);

    const mapvec::Id cabbage = texts.find("any of various types of cabbage").value();
    const auto row = dictionary.vector(cabbage);
    const std::vector<float> query(row.begin(), row.end());
    print("nearest", dictionary, dictionary.search(mapvec::KnnQuery{query, 3}));
    print("nearest plants", dictionary, dictionary.search(mapvec::KnnQuery{query, 3}, plants.rows(true)));
    print("similar, not the same", dictionary, dictionary.search(mapvec::RingQuery{query, 0.34f, 0.03f}));

    dictionary.put(query, {"kale", "any of various types of cabbage"});
    texts.erase("an action");
    dictionary.commit();
    std::cout << '\n' << dictionary.size() << " definitions\n";

    auto graph = mapvec::HnswIndex<mapvec::Cosine>::open_or_create("dictionary.hnsw", dictionary);
    graph.update(dictionary);
    graph.commit();
    print("nearest, by the graph", dictionary, graph.search(dictionary, mapvec::KnnQuery{query, 3}, {.ef = 100}));
}

int main() {
    try {
        run();
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}

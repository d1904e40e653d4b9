// A program of another project, with one include.
#include <cstdlib>
#include <iostream>
#include <mapvec/mapvec.hpp>
#include <string>
#include <vector>

struct Note {
    std::string text;
    int stars;
};

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: consumer <new directory>\n";
        return EXIT_FAILURE;
    }
    using Notes = mapvec::Collection<3, Note>;
    {
        auto notes = Notes::create(argv[1]);
        notes.append(std::vector{1.0f, 0.0f, 0.0f}, {"near", 5});
        notes.append(std::vector{0.0f, 9.0f, 0.0f}, {"far", 1});
        notes.commit();
    }
    const auto notes = Notes::open(argv[1], mapvec::OpenMode::read_only);
    const std::vector query{0.0f, 0.0f, 0.0f};
    const auto hits = notes.search(mapvec::RingQuery{query, 1.0f, 0.1f});
    if (notes.size() != 2 || hits.size() != 1 || notes.payload(hits[0].id).text != "near") {
        std::cerr << "expected one note, near; found " << hits.size() << " of " << notes.size() << '\n';
        return EXIT_FAILURE;
    }
    std::cout << "mapvec " << MAPVEC_VERSION_MAJOR << '.' << MAPVEC_VERSION_MINOR << '.' << MAPVEC_VERSION_PATCH
              << " found the note\n";
}

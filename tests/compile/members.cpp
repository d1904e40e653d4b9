// Stores and indexes as members that are assigned later: GCC 12 warned of this at -O2, without any warning flag.
#include <mapvec/mapvec.hpp>

class Catalogue {
  public:
    explicit Catalogue(const char* path) {
        rows_ = mapvec::MmapVectorStore<>::create(path, {.dim = 3});
        graph_ = mapvec::HnswIndex<>::create("graph", rows_);
        graph_.update(rows_);
    }

  private:
    mapvec::MmapVectorStore<> rows_;
    mapvec::HnswIndex<> graph_;
};

int main(int, char** arguments) { const Catalogue catalogue(arguments[0]); }

// mapvec: the command-line tool. It inspects, verifies, searches and maintains stores, and imports and exports files.
// `mapvec --help` and `mapvec <command> --help` list the options.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mapvec/version.hpp>
#include <string>

#include "cli/any_store.hpp"
#include "cli/copies.hpp"
#include "cli/index.hpp"
#include "cli/info.hpp"
#include "cli/inspect.hpp"
#include "cli/migrate_check.hpp"
#include "cli/options.hpp"
#include "cli/query.hpp"
#include "cli/recover.hpp"
#include "cli/stats.hpp"
#include "cli/text.hpp"
#include "cli/transfer.hpp"
#include "cli/tune.hpp"

namespace {

using cli::Format;
using mapvec::ScalarType;

const std::map<std::string, Format> formats{
    {"fvecs", Format::fvecs}, {"bvecs", Format::bvecs},      {"ivecs", Format::ivecs}, {"fbin", Format::fbin},
    {"u8bin", Format::u8bin}, {"i8bin", Format::i8bin},      {"ibin", Format::ibin},   {"npy", Format::npy},
    {"raw", Format::raw},     {"vecstore", Format::vecstore}};
const std::map<std::string, ScalarType> scalars{{"float32", ScalarType::float32}, {"float64", ScalarType::float64},
                                                {"int8", ScalarType::int8},       {"uint8", ScalarType::uint8},
                                                {"float16", ScalarType::float16}, {"bfloat16", ScalarType::bfloat16}};

const std::map<std::string, cli::TunedMetric> metrics{{"squared_l2", cli::TunedMetric::squared_l2},
                                                      {"cosine", cli::TunedMetric::cosine},
                                                      {"inner_product", cli::TunedMetric::inner_product}};

const std::map<std::string, mapvec::IndexKind> index_kinds{{"va", mapvec::IndexKind::va},
                                                           {"hnsw", mapvec::IndexKind::hnsw}};

constexpr const char* about = R"(Memory-mapped vector stores: look into them, fill them, search them.

A STORE is the file of a vector store, of a payload store or of an index, or the directory of a collection.)";

constexpr const char* footer = R"(
Examples:
  mapvec import sift.fvecs sift.vec                     a new store from a file
  mapvec import sift.fvecs sift.vec --scalar uint8      in a quarter of the space, if the values allow it
  mapvec stats sift.vec --svg distances.svg             how far apart are the rows?
  mapvec tune sift.vec --svg recall.svg                 which ef does a graph of these rows need?
  mapvec query sift.vec --row 17 --knn 10               the ten rows nearest to row 17
  mapvec query sift.vec --row 17 --ring 250 5           rows at 245 to 255 from row 17
  echo 0.1 0.2 0.3 | mapvec query my.vec --disk 0.5     rows within 0.5 of a vector
  mapvec export sift.vec sift.npy                       for numpy.load
  mapvec index docs --hnsw                              a graph of the rows of a collection
  mapvec compact docs                                   release the space of erased rows
  mapvec backup docs /backups/docs                      a copy of the last commit, while programs write
  mapvec migrate-check docs --like old-docs             do both have the same payload type?

Exit codes: 0 done; 1 an error in the data or of the system; 2 the command line has no meaning.
An error is one line on standard error. Results go to standard output. Progress is shown on standard
error if that is a terminal.)";

void add_info(CLI::App& app) {
    auto path = std::make_shared<std::string>();
    auto json = std::make_shared<bool>(false);
    CLI::App* const command = app.add_subcommand("info", "What a store is: kind, scalar, dimension, rows, size");
    command->add_option("store", *path, "The store")->required();
    command->add_flag("--json", *json, "One line of JSON");
    command->callback([=] { cli::info(*path, *json); });
}

void add_verify(CLI::App& app) {
    auto path = std::make_shared<std::string>();
    CLI::App* const command = app.add_subcommand(
        "verify", "Read all of a store and hold it against its checksums; exit code 1 if it is damaged");
    command->add_option("store", *path, "The store")->required();
    command->callback([=] { cli::verify(*path); });
}

void add_inspect(CLI::App& app) {
    auto path = std::make_shared<std::string>();
    CLI::App* const command = app.add_subcommand(
        "inspect",
        "Show the headers, commit slots and journals of a store, damaged or not, and which state they lead to");
    command->add_option("store", *path, "The store, or any file of one")->required();
    command->footer(
        "Nothing is written. The last line says whether the store opens; the exit code is 0 whenever its first\n"
        "file can be read. What the words mean: include/mapvec/storage/file_format.hpp.");
    command->callback([=] { cli::inspect(*path); });
}

void add_recover(CLI::App& app) {
    auto path = std::make_shared<std::string>();
    auto yes = std::make_shared<bool>(false);
    CLI::App* const command =
        app.add_subcommand("recover", "Go back to the last whole commit of a store whose newest commits are damaged");
    command->add_option("store", *path, "The store")->required();
    command->add_flag("--yes", *yes, "Do it. Otherwise show what would be lost, and change nothing");
    command->footer(
        "After a crash no recovery is needed: the store opens at its last commit. Exit code 1 if no commit is whole.\n"
        "Copy the files of a damaged store before you recover it.");
    command->callback([=] { cli::recover(*path, *yes); });
}

void add_head(CLI::App& app) {
    auto path = std::make_shared<std::string>();
    auto options = std::make_shared<cli::HeadOptions>();
    CLI::App* const command =
        app.add_subcommand("head", "Print rows: id, elements, and the payload's bytes if it has one");
    command->add_option("store", *path, "The store")->required();
    cli::add_whole(command, "-n,--rows", options->count, "How many");
    cli::add_whole(command, "--from", options->first, "The first id");
    command->add_flag("--json", options->json, "Whole rows, each as a line of JSON; otherwise eight elements");
    command->callback([=] { cli::head(*path, *options); });
}

void add_import(CLI::App& app) {
    auto options = std::make_shared<cli::ImportOptions>();
    CLI::App* const command =
        app.add_subcommand("import", "Make a vector store of a file, or append the file's rows to one");
    command->add_option("file", options->file, "The file to read; - for standard input")->required();
    command->add_option("store", options->store, "The store to make")->required();
    cli::add_choice(command, "--format", options->format, formats,
                    "What the file is: fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, npy, raw (rows and nothing "
                    "else), vecstore (of the Rust crate). Otherwise its name says; .raw .bin .f32 are raw")
        ->type_name("FORMAT");
    cli::add_choice(command, "--scalar", options->scalar, scalars,
                    "What the store holds: float32, float64, int8, uint8, float16, bfloat16. Otherwise the file's type "
                    "(ivecs, ibin: float64). Values are never rounded: one that the type cannot hold is an error")
        ->type_name("TYPE");
    cli::add_whole(command, "--dim", options->dim,
                   "Elements of a vector: needed for raw and vecstore files; others are held against it", 1);
    cli::add_choice(command, "--from", options->from, scalars, "Type of a raw file's elements [float32]")
        ->type_name("TYPE");
    cli::add_whole(command, "--rows", options->rows, "Rows in use, for vecstore files");
    command->add_flag("--append", options->append, "The store is there: append to it, all rows or none");
    command->footer("A new store appears whole or not at all.");
    command->callback([=] { cli::import_file(*options); });
}

void add_export(CLI::App& app) {
    auto options = std::make_shared<cli::ExportOptions>();
    CLI::App* const command = app.add_subcommand("export", "Write the vectors of a store to a file");
    command->add_option("store", options->store, "The store")->required();
    command->add_option("file", options->file, "The file to write")->required();
    cli::add_choice(command, "--format", options->format, formats,
                    "fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, npy or raw (the store's own scalars and nothing "
                    "else). Otherwise as the file's "
                    "name says")
        ->type_name("FORMAT");
    command->add_flag("--force", options->replace, "Replace the file if it is there");
    command->footer(
        "Row numbers stay ids: erased rows of a collection are written too.\nThe file appears whole or not at all.");
    command->callback([=] { cli::export_file(*options); });
}

void add_query(CLI::App& app) {
    auto options = std::make_shared<cli::QueryOptions>();
    CLI::App* const command = app.add_subcommand("query", "Find rows by their Euclidean distance from a vector");
    command->add_option("store", options->store, "The store")->required();
    CLI::Option_group* const what = command->add_option_group("What to find");
    cli::add_reals(what, "--ring", options->ring, "DISTANCE TOLERANCE", "Rows at DISTANCE, give or take TOLERANCE");
    cli::add_reals(what, "--range", options->range, "MIN MAX", "Rows from MIN to MAX away");
    cli::add_reals(what, "--disk", options->disk, "RADIUS", "Rows at most RADIUS away");
    cli::add_whole(what, "--knn", options->knn, "The K nearest rows")->type_name("K");
    what->require_option(1);
    cli::add_whole(command, "--limit", options->limit, "Only the N nearest of the rows in the ring, range or disk", 1)
        ->excludes("--knn");
    cli::add_whole(command, "--row", options->row,
                   "Ask about the row of this id. Otherwise vectors are read from standard input, one a line: "
                   "numbers between blanks, commas or brackets")
        ->type_name("ID");
    cli::add_whole(command, "--threads", options->threads, "0: all cores", 0, 4096);
    command->add_flag("--json", options->json, "Hits as lines of JSON");
    command->footer(
        "A line for each hit: its id and its distance, nearest first for --knn and --limit, by id otherwise. With\n"
        "several vectors on standard input each line begins with the number of the vector, from 0. Bounds are\n"
        "inclusive. mapvec stats shows which distances there are.");
    command->callback([=] { cli::query(*options); });
}

void add_stats(CLI::App& app) {
    auto options = std::make_shared<cli::StatsOptions>();
    CLI::App* const command =
        app.add_subcommand("stats", "Show how far apart rows are: a histogram of the distances of random pairs");
    command->add_option("store", options->store, "The store")->required();
    cli::add_whole(command, "--pairs", options->pairs, "How many pairs", 1, 1 << 30);
    cli::add_whole(command, "--bins", options->bins, "Bars of the histogram", 1, 1000);
    cli::add_whole(command, "--seed", options->seed, "Another number, another sample");
    command->add_option("--svg", options->svg, "Draw it in this file, too")->type_name("FILE");
    command->add_flag("--json", options->json, "One line of JSON");
    command->footer(
        "A ring is chosen by its distance, where the histogram shows rows, and its tolerance: how many of them.");
    command->callback([=] { cli::stats(*options); });
}

void add_tune(CLI::App& app) {
    auto options = std::make_shared<cli::TuneOptions>();
    CLI::App* const command = app.add_subcommand(
        "tune", "Measure recall and speed of a graph (HnswIndex) on rows of a store, for several widths of the search");
    command->add_option("store", options->store, "The store")->required();
    cli::add_choice(command, "--metric", options->metric, metrics, "squared_l2, cosine or inner_product [squared_l2]")
        ->type_name("METRIC");
    cli::add_whole(command, "--knn", options->k, "The K nearest rows", 1, 1000)->type_name("K");
    cli::add_whole(command, "--m", options->m, "Links of a row", 2, 4096);
    cli::add_whole(command, "--ef-construction", options->ef_construction, "Candidates while a row is linked", 1,
                   1 << 20);
    cli::add_whole(command, "--rows", options->rows, "Rows in the graph, a random sample; 0: all");
    cli::add_whole(command, "--queries", options->queries, "Rows that are drawn as queries", 1, 1 << 20);
    cli::add_whole(command, "--seed", options->seed, "Another number, another sample");
    cli::add_whole(command, "--threads", options->threads, "For building the graph; 0: all cores", 0, 4096);
    command->add_option("--dir", options->directory, "A directory for the graph; it is removed at the end")
        ->type_name("DIRECTORY");
    command->add_option("--svg", options->svg, "Draw it in this file, too")->type_name("FILE");
    command->add_flag("--json", options->json, "One line of JSON");
    command->footer(
        "The queries are not in the graph. Recall is the part of the K nearest rows of a VaIndex, which is exact, "
        "that\n"
        "the graph finds. It falls a little as a store grows: measure with --rows 0 before you decide. Rows are\n"
        "measured as float32. Nothing is written to the store.");
    command->callback([=] { cli::tune(*options); });
}

void add_index(CLI::App& app) {
    auto options = std::make_shared<cli::IndexOptions>();
    CLI::App* const command =
        app.add_subcommand("index", "Create, update or drop the indexes of a collection, which programs then use");
    command->add_option("store", options->store, "The directory of the collection")->required();
    command->add_flag("--va", options->va, "A VA index: exact searches read fewer bytes");
    command->add_flag("--hnsw", options->hnsw, "A graph, for approximate searches (AnnQuery)");
    cli::add_whole(command, "--m", options->m, "Links of a row in the graph [16]", 2, 4096);
    cli::add_whole(command, "--ef-construction", options->ef_construction, "Candidates while a row is linked [200]", 1,
                   1 << 20);
    cli::add_choice(command, "--drop", options->drop, index_kinds, "Remove this index: va or hnsw")
        ->type_name("INDEX")
        ->excludes("--va")
        ->excludes("--hnsw");
    cli::add_whole(command, "--threads", options->threads, "0: all cores", 0, 4096);
    command->footer(
        "Without --va, --hnsw and --drop: brings all indexes of the collection up to date. An index that is damaged "
        "is\n"
        "replaced. No other program may have the collection open for writing.");
    command->callback([=] { cli::index(*options); });
}

void add_compact(CLI::App& app) {
    auto options = std::make_shared<cli::CompactOptions>();
    CLI::App* const command =
        app.add_subcommand("compact", "Release the space of erased rows and of overwritten payloads of a collection");
    command->add_option("store", options->store, "The directory of the collection")->required();
    command->add_option("--to", options->to, "Write the compact collection to this new directory; leave the old one")
        ->type_name("DIRECTORY");
    command->footer(
        "Rows get new ids in the same order. Indexes are built again, keys and fields when a program opens them for\n"
        "writing; a collection made with --to has none. It needs space for a copy of the live rows. After any error\n"
        "or crash there is the old collection or the new one. Programs that read keep their view until refresh(); no\n"
        "other program may have the collection open for writing.");
    command->callback([=] { cli::compact(*options); });
}

void add_backup(CLI::App& app) {
    auto store = std::make_shared<std::string>();
    auto to = std::make_shared<std::string>();
    CLI::App* const command = app.add_subcommand("backup", "Copy the last commit of a store, while programs use it");
    command->add_option("store", *store, "The store")->required();
    command->add_option("to", *to, "The copy: a new directory for a collection, otherwise a new file")->required();
    command->footer(
        "A collection is copied with its keys, fields and indexes; ids stay. The copy appears whole or not at all.");
    command->callback([=] { cli::backup(*store, *to); });
}

void add_migrate_check(CLI::App& app) {
    auto options = std::make_shared<cli::MigrateCheckOptions>();
    CLI::App* const command = app.add_subcommand(
        "migrate-check", "Show the type of the payloads of a store, decode each of them, and compare the type");
    command->add_option("store", options->store, "The store")->required();
    command->add_option("schema", options->schema, "Compare with this type, for example \"(s s u4 [s])\"");
    command->add_option("--like", options->like, "Compare with the payloads of this store")
        ->type_name("STORE")
        ->excludes("schema");
    command->footer(
        "Nothing is written. Exit code 1 if a record cannot be decoded, or if the types differ: Collection::migrate()\n"
        "converts payloads. The letters of a type: include/mapvec/detail/codec/schema.hpp. A program prints the text\n"
        "of its type with payload_schema<T>().");
    command->callback([=] { cli::migrate_check(*options); });
}

int complain(const std::string& problem, int code) {
    const std::string text = cli::one_line(problem);
    std::cerr << (text.rfind("mapvec: ", 0) == 0 ? "" : "mapvec: ") << text << '\n';
    return code;
}

// Returns the exit code.
int run(CLI::App& app, int argc, char** argv) {
    try {
        app.parse(argc, argv);
        if (!std::cout.flush()) return complain("standard output cannot be written", 1);
        return 0;
    } catch (const CLI::Success& success) {  // --help, --version
        const int code = app.exit(success);
        return std::cout.flush() ? code : complain("standard output cannot be written", 1);
    } catch (const CLI::Error& error) {
        return complain(std::string(error.what()) + "; see mapvec --help", 2);
    } catch (const cli::UsageError& error) {
        return complain(std::string(error.what()) + "; see mapvec --help", 2);
    } catch (const std::exception& error) {
        return complain(error.what(), 1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(about, "mapvec");
    app.formatter(std::make_shared<cli::Help>());
    app.set_version_flag("--version", std::to_string(MAPVEC_VERSION_MAJOR) + "." +
                                          std::to_string(MAPVEC_VERSION_MINOR) + "." +
                                          std::to_string(MAPVEC_VERSION_PATCH));
    app.require_subcommand(1);
    add_info(app);
    add_verify(app);
    add_recover(app);
    add_inspect(app);
    add_head(app);
    add_import(app);
    add_export(app);
    add_query(app);
    add_stats(app);
    add_tune(app);
    add_index(app);
    add_compact(app);
    add_backup(app);
    add_migrate_check(app);
    app.footer(footer);  // before the commands: they copy it when they are added
    return run(app, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/staged.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace weir;
using namespace weir::spank;

namespace {

// A folder with data/a (100 bytes), data/deep/b (20) and c (3), which goes when the test does.
class Tree {
  public:
    Tree() {
        std::string folder = (std::filesystem::temp_directory_path() / "weir_staged.XXXXXX").string();
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        path_ = folder;
        std::filesystem::create_directories(path_ + "/data/deep");
        write("data/a", 100);
        write("data/deep/b", 20);
        write("c", 3);
    }
    ~Tree() { std::filesystem::remove_all(path_); }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    void write(const std::string& name, std::size_t size) const {
        std::ofstream(path_ + "/" + name) << std::string(size, 'x');
    }
    std::string path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace

TEST_CASE("what a job takes along is its files and all below its folders", "[spank]") {
    const Tree tree;
    CHECK(staged_size({"c"}, tree.path()) == StagedSize{Bytes{3}, true});
    CHECK(staged_size({"data", "c"}, tree.path()) == StagedSize{Bytes{123}, true});
    CHECK(staged_size({tree.path() + "/data/deep"}, "/nowhere") == StagedSize{Bytes{20}, true});
    CHECK(staged_size({}, tree.path()) == StagedSize{});
}

TEST_CASE("links in folders are not followed, a link that is named is", "[spank]") {
    const Tree tree;
    std::filesystem::create_symlink("/", tree.path() + "/data/root");
    std::filesystem::create_symlink("../data", tree.path() + "/data/round");
    std::filesystem::create_symlink("data", tree.path() + "/link");
    CHECK(staged_size({"data"}, tree.path()) == StagedSize{Bytes{120}, true});
    CHECK(staged_size({"link"}, tree.path()) == StagedSize{Bytes{120}, true});
}

TEST_CASE("a path that is not there or is no file is told", "[spank]") {
    const Tree tree;
    CHECK(staged_size({"c", "none"}, tree.path()).error() ==
          "\"none\" (in \"" + tree.path() + "\"): No such file or directory");
    CHECK(staged_size({"/none"}, tree.path()).error() == "\"/none\": No such file or directory");
    REQUIRE(::mkfifo((tree.path() + "/pipe").c_str(), 0600) == 0);
    CHECK(staged_size({"pipe"}, tree.path()).error().ends_with("is neither a file nor a folder"));
    CHECK(staged_size({"data"}, tree.path()) == StagedSize{Bytes{120}, true});
}

TEST_CASE("counting ends at its limits and says so", "[spank]") {
    const Tree tree;
    for (int i = 0; i < 50; ++i) tree.write("data/deep/" + std::to_string(i), 1);
    const auto some = staged_size({"data"}, tree.path(), {.entries = 20, .time = std::chrono::minutes(1)});
    REQUIRE(some);
    CHECK_FALSE(some->whole);
    CHECK(some->bytes < Bytes{170});
    const auto none = staged_size({"data"}, tree.path(), {.entries = 100, .time = {}});
    REQUIRE(none);
    CHECK_FALSE(none->whole);
    CHECK(staged_size({"data"}, tree.path(), {.entries = 54, .time = std::chrono::minutes(1)}) ==
          StagedSize{Bytes{170}, true});
}

TEST_CASE("a size is written as people read it", "[spank]") {
    CHECK(size_text(Bytes{0}) == "0 bytes");
    CHECK(size_text(Bytes{999}) == "999 bytes");
    CHECK(size_text(Bytes{1000}) == "1.0 kB");
    CHECK(size_text(Bytes{12'345'678'901}) == "12.3 GB");
    CHECK(size_text(Bytes{std::int64_t{1} << 60}) == "1152.9 PB");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "plugin/gateway/relay/files.h"

using namespace weir::gateway;

namespace {

namespace fs = std::filesystem;

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "weir-relay-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = fs::path(name) / "data";
        fs::create_directory(path);
    }
    ~Folder() { fs::remove_all(path.parent_path()); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    fs::path path;
};

}  // namespace

TEST_CASE("what is not sent is counted, and the first of it named", "[gateway]") {
    const Folder folder;
    std::ofstream(folder.path / "a file") << "x";
    for (int i = 0; i < 1000; ++i) fs::create_symlink("/etc/passwd", folder.path / std::to_string(i));
    StageIn walk({folder.path.string() + "/"});
    const auto first = walk.next();
    REQUIRE((first && *first));
    CHECK((*first)->name == "data/a file");
    const auto end = walk.next();
    REQUIRE(end);
    CHECK_FALSE(*end);
    CHECK(walk.skipped().size() == 20);
    CHECK(walk.more_skipped() == 980);
}

TEST_CASE("a file is not sent under another name than its own", "[gateway]") {
    const Folder folder;
    std::ofstream(folder.path / "caf\xe9") << "x";
    StageIn walk({folder.path.string()});
    const auto found = walk.next();
    REQUIRE_FALSE(found);
    CHECK(found.error().message == "data/caf\xe9: its name is no UTF-8");
}

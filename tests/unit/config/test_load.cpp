// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "plugin/config/parse.h"

using weir::config::load;
using Messages = std::vector<std::string>;

namespace {

// A directory that goes when the test does.
class Folder {
  public:
    Folder() {
        std::string path = (std::filesystem::temp_directory_path() / "weir_load.XXXXXX").string();
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        path_ = path;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::filesystem::path path() const { return path_; }

    std::filesystem::path write(const std::string& text) const {
        auto file = path_ / "weir.yaml";
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }

  private:
    std::filesystem::path path_;
};

Messages errors(const std::filesystem::path& path) {
    const auto policy = load(path);
    return policy ? Messages{} : policy.error();
}

}  // namespace

TEST_CASE("a file is read and its errors name it", "[config]") {
    const Folder folder;
    const auto good = load(folder.write("mode: act\n"));
    REQUIRE(good);
    CHECK(good->mode == weir::policies::Mode::kAct);

    const auto bad = folder.write("lend:\n- name: a\n  from: x\n  to: y\n  min_loan: 15\nmode: on\n");
    CHECK(errors(bad) == Messages{bad.string() + ":5: lend[0].min_loan: \"15\" has no unit (try 15m)",
                                  bad.string() + ":6: mode: \"on\" is not one of advise, act"});
}

TEST_CASE("names of files in a file are those of its folder, unless they are absolute", "[config]") {
    const Folder folder;
    const auto policy = load(folder.write(R"(sites:
  west:
    gateway: {nodes: w1, partition: west, host: gw1}
    rest: {url: "https://r", ca_file: ./ca.pem, token_file: "west/{user}.jwt"}
    files: {sftp: dtn, key_file: "/keys/{user}", host_key_sha256: )" +
                                          std::string(43, 'k') + R"(, root: /s}
    users: {alice: w-alice}
    price: {gpu_hour: {a100: 1}}
)"));
    REQUIRE(policy);
    const auto& site = policy->connections.at(0);
    CHECK(site.ca_file == folder.path() / "ca.pem");
    CHECK(site.token_file == folder.path() / "west/{user}.jwt");
    CHECK(site.key_file == "/keys/{user}");
}

TEST_CASE("a file that cannot be read is told with its path", "[config]") {
    const Folder folder;
    const std::string missing = (folder.path() / "none.yaml").string();
    CHECK(errors(missing) == Messages{missing + ": cannot be opened: No such file or directory"});
    CHECK(errors(folder.path()) ==
          Messages{folder.path().string() + ": is a directory: name the file in it"});
    CHECK(errors("/dev/null") == Messages{"/dev/null: is not a regular file"});

    const std::string pipe = (folder.path() / "pipe").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(errors(pipe) == Messages{pipe + ": is not a regular file"});

    const auto large = folder.write(std::string(weir::config::kMaxFileBytes + 1, '#'));
    CHECK(errors(large) == Messages{large.string() + ": is larger than 1 MiB"});

    if (::geteuid() == 0) return;  // who may read everything
    const auto closed = folder.write("mode: act\n");
    std::filesystem::permissions(closed, std::filesystem::perms::none);
    CHECK(errors(closed) == Messages{closed.string() + ": cannot be opened: Permission denied"});
}

TEST_CASE("the shipped policies are valid", "[config]") {
    const std::filesystem::path source = WEIR_SOURCE_DIR;
    const auto shipped = load(source / "packaging/etc/weir.yaml");
    REQUIRE(shipped);
    CHECK(*shipped == weir::config::Policy{});

    std::size_t examples = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source / "contrib/policies")) {
        if (entry.path().extension() != ".yaml") continue;
        CAPTURE(entry.path());
        CHECK(errors(entry.path()).empty());
        ++examples;
    }
    CHECK(examples >= 3);
}

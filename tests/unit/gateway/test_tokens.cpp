// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/gateway/command.h"
#include "plugin/gateway/tokens.h"

using namespace weir;
using namespace weir::gateway;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

// A file that only its owner reads; gone with it.
struct Secret {
    explicit Secret(const std::string& text) {
        std::string name = (fs::temp_directory_path() / "weir-token-XXXXXX").string();
        const int file = mkstemp(name.data());
        REQUIRE(file >= 0);
        close(file);
        path = name;
        std::ofstream(path) << text;
    }
    ~Secret() { fs::remove(path); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    std::string path;
};

// {"exp":1} without padding, between two dots: it ran out in 1970.
const std::string kRunOut = "a.eyJleHAiOjF9.c";

}  // namespace

TEST_CASE("a token is one word, with or without its name", "[gateway]") {
    CHECK(token_in("abc.def\n") == "abc.def");
    CHECK(token_in(" SLURM_JWT=abc\n") == "abc");
    for (const char* text : {"", " \n", "two words", "SLURM_JWT=", "bad\x01"}) CHECK_FALSE(token_in(text));
}

TEST_CASE("a token comes from its file, which nobody else may read", "[gateway]") {
    const Secret file("first\n");
    config::SiteConnection site;
    site.token_file = file.path;
    Tokens tokens(site);
    CHECK(tokens.of("w-alice") == "first");
    REQUIRE(chmod(file.path.c_str(), 0644) == 0);
    CHECK_FALSE(Tokens(site).of("w-alice"));
}

TEST_CASE("a token that was refused or has run out is renewed by the command", "[gateway]") {
    const Secret file(kRunOut);
    config::SiteConnection site;
    site.token_file = file.path;
    site.token_command = {"/bin/echo", "fresh-{user}"};
    Tokens tokens(site);
    CHECK(tokens.of("w-alice") == "fresh-w-alice");
    CHECK(tokens.of("w-bob") == "fresh-w-bob");
}

TEST_CASE("where the command fails the token that there was is used on", "[gateway]") {
    const Secret file("old");
    config::SiteConnection site;
    site.token_file = file.path;
    site.token_command = {"/bin/false"};
    Tokens tokens(site);
    CHECK(tokens.of("w-alice") == "old");
    tokens.refused("w-alice");
    CHECK(tokens.of("w-alice") == "old");
    site.token_file.clear();
    CHECK_FALSE(Tokens(site).of("w-alice"));
}

TEST_CASE("where the command fails a token that has run out is not used, and the command is to blame",
          "[gateway]") {
    const Secret file(kRunOut);
    config::SiteConnection site;
    site.token_file = file.path;
    site.token_command = {"/bin/false"};
    Tokens tokens(site);
    for (int again = 0; again < 2; ++again) {  // the second time it is not run: that would be too soon
        const auto token = tokens.of("w-alice");
        REQUIRE_FALSE(token);
        CHECK(token.error().message == "token_command for w-alice: /bin/false ended with 1");
    }
}

TEST_CASE("a command's output is taken only if it ends well, soon, and says no more than it should",
          "[gateway]") {
    CHECK(output_of({"/bin/echo", "x"}, 20s) == "x\n");
    CHECK(output_of({"/bin/cat"}, 20s) == "");  // it is given no input
    CHECK_FALSE(output_of({"/bin/false"}, 20s));
    CHECK_FALSE(output_of({"/no/such/program"}, 20s));
    CHECK_FALSE(output_of({}, 20s));
    CHECK_FALSE(output_of({"/bin/sleep", "600"}, 1s));
    CHECK_FALSE(output_of({"/bin/sh", "-c", "head -c 200000 /dev/zero"}, 20s));
    const auto failed = output_of({"/bin/sh", "-c", "echo secret; exit 1"}, 20s);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("secret") == std::string::npos);
}

TEST_CASE("a token command that takes long keeps nobody waiting", "[gateway]") {
    config::SiteConnection site;
    site.token_command = {"/bin/sh", "-c", "sleep 1.5; echo late"};
    Tokens tokens(site);
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(tokens.of("w-alice"));
    CHECK(std::chrono::steady_clock::now() - began < 1400ms);
    Result<std::string> token = failure("");
    while (!token && std::chrono::steady_clock::now() - began < 20s) {
        std::this_thread::sleep_for(20ms);
        token = tokens.of("w-alice");
    }
    CHECK(token == "late");
}

TEST_CASE("a command that has closed its output and goes on is ended", "[gateway]") {
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(output_of({"/bin/sh", "-c", "echo word; exec >&-; sleep 30"}, 1s));
    CHECK(std::chrono::steady_clock::now() - began < 20s);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "plugin/job_submit/heartbeat_file.h"

using namespace weir;
using namespace weir::job_submit;
namespace fs = std::filesystem;

namespace {

// A state directory of its own with a heartbeat file in it.
class State {
  public:
    State() {
        std::string name = (fs::temp_directory_path() / "weir-heartbeat-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory_ = name;
        fs::create_directory(directory_ / "weir");
    }
    ~State() { fs::remove_all(directory_); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    std::string path() const { return heartbeat_path(directory_.string()); }

    // As weirctld does it: a whole file is renamed into place.
    void replace(const std::string& text, std::int64_t written = 1'700'000'000) const {
        const std::string fresh = path() + ".new";
        std::ofstream(fresh) << text;
        const timespec times[2] = {{written, 0}, {written, 0}};
        REQUIRE(::utimensat(AT_FDCWD, fresh.c_str(), times, 0) == 0);
        fs::rename(fresh, path());
    }

  private:
    fs::path directory_;
};

Heartbeat valid_for(int seconds) {
    return {17, Duration(seconds), {}};
}

}  // namespace

TEST_CASE("the heartbeat is read with the time it was written", "[job_submit][heartbeat_file]") {
    const State state;
    state.replace(to_text(valid_for(30)));
    HeartbeatFile file;
    const auto seen = file.look(state.path());
    REQUIRE(seen.heartbeat);
    CHECK(*seen.heartbeat == valid_for(30));
    CHECK(seen.written == Time(Duration(1'700'000'000)));
}

TEST_CASE("a file that did not change is parsed once", "[job_submit][heartbeat_file]") {
    const State state;
    state.replace(to_text(valid_for(30)));
    HeartbeatFile file;
    CHECK(file.look(state.path()).heartbeat == file.look(state.path()).heartbeat);
}

TEST_CASE("a changed file is seen at once, even within a clock's tick and of equal size",
          "[job_submit][heartbeat_file]") {
    const State state;
    HeartbeatFile file;
    for (int seconds = 10; seconds < 60; ++seconds) {
        state.replace(to_text(valid_for(seconds)));
        const auto seen = file.look(state.path());
        REQUIRE(seen.heartbeat);
        CHECK(*seen.heartbeat == valid_for(seconds));
    }
}

TEST_CASE("a touched file is fresh again", "[job_submit][heartbeat_file]") {
    const State state;
    state.replace(to_text(valid_for(30)));
    HeartbeatFile file;
    file.look(state.path());
    const timespec times[2] = {{1'700'000'100, 0}, {1'700'000'100, 0}};
    REQUIRE(::utimensat(AT_FDCWD, state.path().c_str(), times, 0) == 0);
    const auto seen = file.look(state.path());
    REQUIRE(seen.heartbeat);
    CHECK(seen.written == Time(Duration(1'700'000'100)));
}

TEST_CASE("a missing or removed file is no heartbeat", "[job_submit][heartbeat_file]") {
    const State state;
    HeartbeatFile file;
    CHECK_FALSE(file.look(state.path()).heartbeat);
    state.replace(to_text(valid_for(30)));
    CHECK(file.look(state.path()).heartbeat);
    fs::remove(state.path());
    CHECK_FALSE(file.look(state.path()).heartbeat);
    CHECK_FALSE(file.look("").heartbeat);
}

TEST_CASE("garbage replaces a heartbeat that was known", "[job_submit][heartbeat_file]") {
    const State state;
    HeartbeatFile file;
    state.replace(to_text(valid_for(30)));
    CHECK(file.look(state.path()).heartbeat);
    state.replace(
        "\x7f"
        "ELF");
    CHECK_FALSE(file.look(state.path()).heartbeat);
    state.replace("");
    CHECK_FALSE(file.look(state.path()).heartbeat);
}

TEST_CASE("a file that is too large is not read", "[job_submit][heartbeat_file]") {
    const State state;
    HeartbeatFile file;
    std::string text = to_text(valid_for(30));
    text.insert(text.find('\n') + 1, std::string(kMaxHeartbeatBytes - text.size() - 1, 'x') + "\n");
    state.replace(text);
    CHECK(file.look(state.path()).heartbeat);
    text.insert(text.find('\n') + 1, "x");
    state.replace(text);
    CHECK_FALSE(file.look(state.path()).heartbeat);
}

TEST_CASE("what is no regular file is neither followed nor waited for", "[job_submit][heartbeat_file]") {
    const State state;
    HeartbeatFile file;
    REQUIRE(::mkfifo(state.path().c_str(), 0600) == 0);
    CHECK_FALSE(file.look(state.path()).heartbeat);
    fs::remove(state.path());
    fs::create_directory(state.path());
    CHECK_FALSE(file.look(state.path()).heartbeat);
    fs::remove(state.path());
    const std::string elsewhere = state.path() + ".real";
    std::ofstream(elsewhere) << to_text(valid_for(30));
    fs::create_symlink(elsewhere, state.path());
    CHECK_FALSE(file.look(state.path()).heartbeat);
}

TEST_CASE("another user's file is not believed", "[job_submit][heartbeat_file]") {
    if (::geteuid() != 0) return;  // only root can give files away
    const State state;
    HeartbeatFile file;
    state.replace(to_text(valid_for(30)));
    REQUIRE(::chown(state.path().c_str(), 65'534, 65'534) == 0);
    CHECK_FALSE(file.look(state.path()).heartbeat);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "plugin/actuate/endpoints.h"

using namespace weir;
namespace fs = std::filesystem;

namespace {

ServiceReport with(std::vector<std::string> endpoints) {
    ServiceReport report;
    report.service = "chat";
    report.endpoints = std::move(endpoints);
    return report;
}

std::string content(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("endpoints as Prometheus and nginx read them", "[actuate]") {
    CHECK(actuate::file_sd_text(with({"i1:8001", "[fd00::1]:8002"})) ==
          "[\n {\n  \"targets\": [\n   \"i1:8001\",\n   \"[fd00::1]:8002\"\n  ],\n  \"labels\": {\n"
          "   \"weir_service\": \"chat\"\n  }\n }\n]\n");
    CHECK(actuate::nginx_text(with({"i1:8001", "t2:8002"})) ==
          "server i1:8001 max_fails=0;\nserver t2:8002 max_fails=0;\n");
    CHECK(actuate::file_sd_text(with({})) == "[]\n");
    CHECK(actuate::nginx_text(with({})) == "server 127.0.0.1:9 down;\n");
}

TEST_CASE("endpoint files are for all to read, replaced whole, and left alone where nothing changed",
          "[actuate]") {
    std::string name = (fs::temp_directory_path() / "weir-endpoints-XXXXXX").string();
    const fs::path folder = mkdtemp(name.data());
    policies::ServiceRule rule;
    rule.nginx = folder / "chat.upstream";
    umask(077);
    REQUIRE(actuate::publish(rule, with({"i1:8001"})));
    umask(022);
    struct stat before {};
    REQUIRE(stat(rule.nginx.c_str(), &before) == 0);
    CHECK((before.st_mode & 0777) == 0644);
    REQUIRE(actuate::publish(rule, with({"i1:8001"})));
    struct stat after {};
    REQUIRE(stat(rule.nginx.c_str(), &after) == 0);
    CHECK(after.st_ino == before.st_ino);
    REQUIRE(actuate::publish(rule, with({"t1:8002"})));
    REQUIRE(stat(rule.nginx.c_str(), &after) == 0);
    CHECK(after.st_ino != before.st_ino);
    CHECK(content(rule.nginx) == "server t1:8002 max_fails=0;\n");
    CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);
    rule.nginx = folder / "none" / "chat.upstream";
    CHECK_FALSE(actuate::publish(rule, with({"t1:8002"})));
    fs::remove_all(folder);
}

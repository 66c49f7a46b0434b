// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "topology/xml/attributes.h"
#include "topology/xml/document.h"

using namespace weir;
using namespace weir::topology;

namespace {

std::string error_of(std::string text) {
    const auto document = Document::parse(std::move(text), "m.xml");
    return document ? "none" : document.error().message;
}

std::string nested(int levels) {
    std::string text;
    for (int i = 0; i < levels; ++i) text += "<a>\n";
    for (int i = 0; i < levels; ++i) text += "</a>";
    return text;
}

}  // namespace

TEST_CASE("XML that is none is an error with its line", "[xml]") {
    CHECK(error_of("<a>\n<b>\n</c></a>").starts_with("m.xml:3: no XML: "));
    CHECK(error_of("<a>\n<b>").starts_with("m.xml:2: no XML: "));
    CHECK(error_of("<a b=\"").starts_with("m.xml:1: no XML: "));
    CHECK(error_of("").starts_with("m.xml:1: no XML: "));
    CHECK(error_of("just words") == "m.xml:1: no XML: No document element found");
}

TEST_CASE("XML that is too deep, too long or too large is refused", "[xml]") {
    CHECK(error_of(nested(64)) == "none");
    CHECK(error_of(nested(65)) == "m.xml:65: elements more than 64 levels deep");
    CHECK(error_of(nested(1'000'000)) == "m.xml:65: elements more than 64 levels deep");
    std::string many = "<a>";
    for (int i = 0; i < 200'000; ++i) many += "<b/>";
    CHECK(error_of(many + "</a>") == "m.xml:1: more than 200000 elements");
    CHECK(error_of("<a>" + std::string(std::size_t{17} << 20, ' ') + "</a>") ==
          "m.xml: larger than 16 MiB, so no description of one machine");
}

TEST_CASE("entities of a file's own are not expanded, and no file is opened for it", "[xml]") {
    const auto document = Document::parse(
        "<!DOCTYPE a [<!ENTITY x \"xxxx\"><!ENTITY y SYSTEM \"/etc/passwd\">]><a b=\"&x;&y;\"/>", "m.xml");
    REQUIRE(document);
    CHECK(std::string(document->root().attribute("b").value()) == "&x;&y;");
}

TEST_CASE("a file that cannot be read is an error with its reason", "[xml]") {
    const auto missing = Document::read("/nonexistent/m.xml");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message == "/nonexistent/m.xml: No such file or directory");
    const auto folder = Document::read("/");
    REQUIRE_FALSE(folder);
    CHECK(folder.error().message.starts_with("/: "));
}

TEST_CASE("sets of bits are read as hwloc and as NCCL write them", "[xml]") {
    CHECK(bits("0x00000003") == std::vector{0, 1});
    CHECK(bits("00000001,,80000000") == std::vector{31, 64});
    CHECK(bits("0x1,0x0") == std::vector{32});
    CHECK(bits("") == std::vector<int>{});
    for (const char* text : {"0xf...f", "0x1ffffffff", "x", "1 2", "-1"}) {
        CAPTURE(text);
        CHECK_FALSE(bits(text));
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "plugin/spank/values.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::spank;

namespace {

OverflowRequest request(OverflowWish wish, std::vector<std::string> sites = {}) {
    OverflowRequest request;
    request.wish = wish;
    request.sites = std::move(sites);
    return request;
}

std::string wrong(const auto& result) {
    REQUIRE_FALSE(result);
    return result.error();
}

}  // namespace

TEST_CASE("a wish to run elsewhere names sites or leaves them open", "[spank]") {
    CHECK(read_overflow("never") == request(OverflowWish::kNever));
    CHECK(read_overflow("allow") == request(OverflowWish::kAllow));
    CHECK(read_overflow("prefer:west") == request(OverflowWish::kPrefer, {"west"}));
    CHECK(read_overflow("allow:west,east_2") == request(OverflowWish::kAllow, {"west", "east_2"}));
}

TEST_CASE("a wrong wish is told with what would do", "[spank]") {
    CHECK(wrong(read_overflow("")) == "\"\" is not never, allow or prefer");
    CHECK(wrong(read_overflow("alow")) == "\"alow\" is not never, allow or prefer (did you mean allow?)");
    CHECK(wrong(read_overflow("west")) == "\"west\" is not never, allow or prefer");
    CHECK(wrong(read_overflow("never:west")) == "\"never:west\" names sites to which the job never goes");
    CHECK(wrong(read_overflow("allow:")) == "\"\" is not the name of a site (as in allow:west,east)");
    CHECK(wrong(read_overflow("allow:west,")) == "\"\" is not the name of a site (as in allow:west,east)");
    CHECK(wrong(read_overflow("allow:west;x=1")) ==
          "\"west;x=1\" is not the name of a site (as in allow:west,east)");
    CHECK(wrong(read_overflow("allow:west,west")) == "\"west\" is named twice");
}

TEST_CASE("a latency has a unit and an end", "[spank]") {
    CHECK(read_latency("45ms") == 45ms);
    CHECK(read_latency("1s500ms") == 1500ms);
    CHECK(wrong(read_latency("45")) == "\"45\" has no unit (try 45ms)");
    CHECK(wrong(read_latency("0ms")) == "\"0ms\" is too short (at least 1ms)");
    CHECK(wrong(read_latency("2m")) == "\"2m\" is too long (at most 1m)");
}

TEST_CASE("paths are a list without ways upwards", "[spank]") {
    using Paths = std::vector<std::string>;
    CHECK(read_stage_in("data,/srv/models/base,a b/") == Paths{"data", "/srv/models/base", "a b/"});
    CHECK(read_stage_in("..data") == Paths{"..data"});
    CHECK(read_stage_out("out,log..txt") == Paths{"out", "log..txt"});
    CHECK(wrong(read_stage_in("")) == "\"\" names no file (as in data,models/base)");
    CHECK(wrong(read_stage_in("a,,b")) == "\"\" names no file (as in data,models/base)");
    CHECK(wrong(read_stage_in("a,../b")) == "\"../b\" leads upwards: write it without ..");
    CHECK(wrong(read_stage_in("/a/..")) == "\"/a/..\" leads upwards: write it without ..");
    CHECK(wrong(read_stage_in("a\nb")) == "\"a\\x0ab\" holds a control character");
    CHECK(wrong(read_stage_out("/data")) ==
          "\"/data\" is absolute: what comes back stays below the job's working directory");
}

TEST_CASE("what is kept of running elsewhere is read back as it was", "[spank]") {
    for (const OverflowRequest& one :
         {request(OverflowWish::kNever), request(OverflowWish::kAllow), request(OverflowWish::kPrefer, {"a"}),
          request(OverflowWish::kAllow, {"west", "east"})})
        CHECK(read_overflow(overflow_text(one)) == one);
    CHECK(read_latency(latency_text(45ms)) == 45ms);
    CHECK(read_latency(latency_text(1min)) == 1min);
    CHECK(read_bytes("0") == Bytes{0});
    CHECK(read_bytes("1152921504606846976") == Bytes{std::int64_t{1} << 60});
    for (const char* bad : {"", "-1", "+1", "1 ", "0x1", "1152921504606846977", "99999999999999999999"})
        CHECK_FALSE(read_bytes(bad));
}

TEST_CASE("no text of running elsewhere, however strange, is more than refused in one line", "[spank]") {
    std::mt19937 random(5);
    const std::string_view letters = "neveralowpf:,west;=./ \n\x1b\xff";
    for (int i = 0; i < 20000; ++i) {
        std::string text(std::uniform_int_distribution<std::size_t>(0, 30)(random), ' ');
        for (char& c : text)
            c = letters[std::uniform_int_distribution<std::size_t>(0, letters.size() - 1)(random)];
        const auto check = [](const auto& read) {
            if (read) return;
            CHECK(read.error().find_first_of("\n\x1b") == std::string::npos);
            CHECK(read.error().size() < 200);
        };
        check(read_overflow(text));
        check(read_stage_in(text));
        check(read_stage_out(text));
        if (const auto wish = read_overflow(text))
            CHECK(overflow_text(*wish).find_first_of(" ;\n") == std::string::npos);
    }
}

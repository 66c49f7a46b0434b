// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "plugin/config/parse.h"
#include "plugin/config/words.h"

using weir::config::parse;

namespace {

using Messages = std::vector<std::string>;

Messages errors(std::string_view text) {
    Messages messages;
    const auto policy = parse(text);
    if (policy) return messages;
    for (const auto& problem : policy.error()) messages.push_back(to_text(problem, "f"));
    return messages;
}

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

std::string alias(int i) {
    return "*a" + std::to_string(i);
}

// "a7: &a7 [entries]".
std::string anchored(int i, const std::string& entries) {
    const std::string name = "a" + std::to_string(i);
    std::string line = name;
    return line.append(": &").append(name).append(" [").append(entries).append("]\n");
}

constexpr std::string_view kValid = R"(mode: act
cycle: 500ms
control: {socket: /run/weir/weirctld.sock}
metrics: {listen: "127.0.0.1:9811"}
lend:
  - &first
    name: inference
    from: [train, &r research]
    to: inference
    keep_idle: 2
    spare_gpus: {h100: 8}
    reclaim: {after: 5m, notice: 2m, then: requeue}
    backoff: {first: 5m, max: 1h}
    users: [alice, "bob"]
  - name: batch
    from: *r
    to: 'batch'
    min_loan: 1h30m
)";

}  // namespace

TEST_CASE("text that is not YAML is one error with its line", "[config]") {
    const std::vector<std::pair<std::string, std::string>> table = {
        {"mode: act\n b: 1\n",
         "f:2: not valid YAML: illegal map value (check the indentation, or quote a value that holds \": "
         "\")"},
        {"mode: [act\n", "f:2: not valid YAML: end of sequence flow not found (a \"]\" or \",\" is missing)"},
        {"control: {socket: x\n",
         "f:2: not valid YAML: end of map flow not found (a \"}\" or \",\" is missing)"},
        {"a: 1\n- b\n",
         "f:2: not valid YAML: end of map not found (check the indentation and the \":\" of this line and of "
         "the one "
         "before)"},
        {"lend:\n  - name: a\n   to: b\n",
         "f:3: not valid YAML: end of sequence not found (check the indentation and the \"-\" of this line "
         "and of the "
         "one before)"},
        {"mode: @act\n",
         "f:1: not valid YAML: unknown token (quote a value that begins with a special character)"},
        {"mode: *act\n", "f:1: not valid YAML: the referenced anchor is not defined"},
        {"mode: \"\\ud800\"\n", "f:1: not valid YAML: invalid unicode: 55296"},
        {"mode: act\n---\nmode: act\n", "f:2: a second document begins here: keep one"},
        {"mode: act\n...\nmode: act\n", "f:3: a second document begins here: keep one"},
    };
    for (const auto& [text, message] : table) {
        CAPTURE(text);
        CHECK(errors(text) == Messages{message});
    }
}

TEST_CASE("bytes that are no plain text are told by line before anything else", "[config]") {
    using namespace std::string_literals;
    CHECK(errors("mode: act\nx: \xFF\ny: \0\nz: \x04\n\tw: 1\n%TAG\n"s) ==
          Messages{"f:2: byte 0xff is not UTF-8", "f:3: NUL byte", "f:4: control character 0x04",
                   "f:5: tab in the indentation (use spaces)", "f:6: directives (%) are not supported"});
    CHECK(errors("mode: act\t# a tab elsewhere\n\t\n\t# or before a comment\n").empty());
    CHECK(errors("# \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\n").empty());
    for (const char* bytes :
         {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5"}) {
        CHECK(weir::config::utf8_prefix(bytes) == 0);
    }
    CHECK(errors("m\0o\0d\0e\0"s) == Messages{"f:1: NUL byte"});
}

TEST_CASE("tags and keys that are no words are refused", "[config]") {
    CHECK(errors("mode: !!str act\n") == Messages{"f:1: mode: tags (!) are not supported"});
    CHECK(errors("lend: !x\n- {name: a, from: x, to: y}\n")[0] == "f:1: lend: tags (!) are not supported");
    CHECK(errors("? [mode]\n: act\n") == Messages{"f:1: a key must be a word"});
    CHECK(errors("control:\n  ~: act\n") == Messages{"f:2: control: a key must be a word"});
}

TEST_CASE("an alias inside what it stands for ends the reading", "[config]") {
    CHECK(errors("lend: &a\n  - *a\n") ==
          Messages{"f:2: lend[0]: alias inside the very value it stands for"});
    CHECK(errors("&a {x: [*a]}") == Messages{"f:1: x[0]: alias inside the very value it stands for"});
}

TEST_CASE("deep, large and multiplied files are refused", "[config]") {
    const std::string too_deep = ": more than 32 levels deep";
    CHECK(errors(repeated("[", 10000)) == Messages{"f:1" + too_deep});
    CHECK(errors(repeated("{a: ", 10000)) == Messages{"f:1" + too_deep});
    CHECK(errors(repeated("- ", 10000)) == Messages{"f:1" + too_deep});
    CHECK(errors(repeated("? ", 10000)) == Messages{"f:1" + too_deep});
    std::string stairs;
    for (int i = 0; i < 1000; ++i) stairs += repeated(" ", i) + "a:\n";
    CHECK(errors(stairs) == Messages{"f:33" + too_deep});

    CHECK(errors("x: [" + repeated("a,", 200000) + "]") == Messages{"f:1: more than 100000 values"});
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        laughs += anchored(i, repeated(alias(i - 1) + ", ", 9) + alias(i - 1));
    }
    CHECK(errors(laughs) == Messages{"f:5: more than 100000 values"});
    std::string chain = "a0: &a0 [x]\n";
    for (int i = 1; i < 400; ++i) {
        chain += anchored(i, alias(i - 1));
    }
    CHECK(errors(chain).size() == 400);  // each an unknown key

    CHECK(errors("#" + std::string(weir::config::kMaxFileBytes, 'x')) == Messages{"f: larger than 1 MiB"});
    CHECK(errors("#" + std::string(weir::config::kMaxFileBytes - 1, 'x')).empty());
}

TEST_CASE("a long list is read, and every error of it told", "[config]") {
    std::string text = "lend:\n";
    for (int i = 0; i < 5000; ++i) {
        const std::string n = std::to_string(i);
        text.append("- {name: r").append(n).append(", from: x, to: p").append(n).append(", keep_idle: x}\n");
    }
    const auto messages = errors(text);
    REQUIRE(messages.size() == 5000);
    CHECK(messages.back() == "f:5001: lend[4999].keep_idle: \"x\" is not a whole number");
}

TEST_CASE("a mutated file is a policy or a list of problems in order of line", "[config]") {
    REQUIRE(parse(kValid));
    std::mt19937 random(20260101);
    auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    const std::vector<std::string> pieces = {
        "[", "]", "{",  "}",    ": ",  "- ",    "\n",  "  ",  "&a ", "*first",      "\"",
        "'", "#", "? ", "<<: ", "---", "!!int", "\t",  "|\n", "%",   "\xC3",        "~",
        ",", ">", "@",  "-1",   "...", "*r",    "\\x", "9",   "\r",  "\xEF\xBB\xBF"};
    std::size_t valid = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string text(kValid);
        for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
            const std::size_t at = below(text.size());
            const std::size_t size = below(12);
            switch (below(5)) {
            case 0:
                text.erase(at, size);
                break;
            case 1:
                text.insert(at, pieces[below(pieces.size())]);
                break;
            case 2:
                text.insert(at, text.substr(below(text.size()), size * 4));
                break;
            case 3:
                text[at] = static_cast<char>(below(256));
                break;
            default:
                text.replace(at, std::min(size, text.size() - at), pieces[below(pieces.size())]);
                break;
            }
            if (text.empty()) text = "\n";
        }
        const auto policy = parse(text);
        if (policy) {
            ++valid;
            continue;
        }
        CAPTURE(text);
        REQUIRE_FALSE(policy.error().empty());
        CHECK(std::is_sorted(policy.error().begin(), policy.error().end(),
                             [](const auto& a, const auto& b) { return a.line < b.line; }));
        for (const auto& problem : policy.error()) {
            const std::string message = to_text(problem, "f");
            CHECK(weir::config::utf8_prefix(message) == message.size());
            CHECK(message.find('\n') == std::string::npos);
            CHECK(message.size() < 400);
        }
    }
    CHECK(valid > 0);
}

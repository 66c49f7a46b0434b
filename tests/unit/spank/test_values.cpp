// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/values.h"

#include <catch2/catch.hpp>
#include <random>

#include "plugin/spank/signals.h"

using namespace weir;
using namespace weir::spank;
using namespace std::chrono_literals;

TEST_CASE("a signal is a name in any case or a number", "[spank]") {
    for (const char* text : {"USR1", "usr1", "SIGUSR1", "SigUsr1", "10"}) CHECK(signal_number(text) == 10);
    for (const char* text : {"", "SIG", "USR", "USR11", "0", "65", "-1", "+10", "1 0", "10 ", "99999999999"})
        CHECK_FALSE(signal_number(text));
    CHECK(signal_name(10) == "USR1");
    CHECK(signal_name(40) == "40");
}

TEST_CASE("a checkpoint says signal, seconds, and what more it likes", "[spank]") {
    CHECK(read_checkpoint("USR1@120").value() == Checkpoint{10, 120s, {}, {}});
    CHECK(read_checkpoint("USR1@2m").value() == Checkpoint{10, 120s, {}, {}});
    CHECK(read_checkpoint("12@5,reload=90s,every=1h30m").value() == Checkpoint{12, 5s, 90min, 90s});
    CHECK(read_notice("TERM@60").value() == NoticeSignal{15, true, 60s});
    CHECK(read_notice("B:TERM@60").value() == NoticeSignal{15, true, 60s});
}

TEST_CASE("what is kept is read back as it was, whatever was said", "[spank]") {
    std::mt19937 random(17);
    const auto number = [&](int most) { return std::uniform_int_distribution(1, most)(random); };
    for (int i = 0; i < 1000; ++i) {
        Checkpoint checkpoint{number(8), Duration(number(86400)), {}, {}};
        if (number(2) == 1) checkpoint.every = Duration(number(31'536'000));
        if (number(2) == 1) checkpoint.reload = Duration(number(31'536'000));
        const std::string text = to_text(checkpoint);
        CHECK(text.find_first_of(" ;") == std::string::npos);
        CHECK(kept_checkpoint(text) == checkpoint);
        CHECK(read_checkpoint(text).value() == checkpoint);
        NoticeSignal notice{number(8), number(2) == 1, {}};
        if (number(2) == 1) notice.within = Duration(number(86400));
        CHECK(kept_notice(to_text(notice)) == notice);
    }
}

TEST_CASE("a later version's keys are passed over where they are kept, and refused where they are said",
          "[spank]") {
    CHECK(kept_checkpoint("USR1@20,colour=red,every=60s") == Checkpoint{10, 20s, 60s, {}});
    CHECK_FALSE(read_checkpoint("USR1@20,colour=red,every=60s"));
    CHECK_FALSE(kept_checkpoint("USR1@20,every=often"));
}

TEST_CASE("no text, however strange, is more than refused in one line", "[spank]") {
    std::mt19937 random(4);
    const std::string_view letters = "USR1TERM@0123456789,=everyloadsmhB:; \n\x1b\xff";
    for (int i = 0; i < 20000; ++i) {
        std::string text(std::uniform_int_distribution<std::size_t>(0, 30)(random), ' ');
        for (char& c : text)
            c = letters[std::uniform_int_distribution<std::size_t>(0, letters.size() - 1)(random)];
        if (const auto checkpoint = read_checkpoint(text); !checkpoint) {
            CHECK(checkpoint.error().find_first_of("\n\x1b") == std::string::npos);
            CHECK(checkpoint.error().size() < 200);
        }
        static_cast<void>(kept_notice(text));
    }
}

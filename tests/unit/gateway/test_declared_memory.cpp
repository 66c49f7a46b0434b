// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

namespace {

long pages_seen_by(const std::string& command) {
    FILE* const reading = ::popen(command.c_str(), "r");
    REQUIRE(reading != nullptr);
    long pages = 0;
    const int read = std::fscanf(reading, "%ld", &pages);
    ::pclose(reading);
    REQUIRE(read == 1);
    return pages;
}

}  // namespace

#ifndef WEIR_SANITIZED  // a sanitizer comes first or not at all
TEST_CASE("a slurmd that starts itself anew says what it said, and what else it starts sees its host",
          "[gateway]") {
    const long said = 256000L * (1L << 20) / ::sysconf(_SC_PAGESIZE);
    const long here = ::sysconf(_SC_PHYS_PAGES);
    const std::string slurmd =
        std::string("env LD_PRELOAD=") + DECLARED_MEMORY + " WEIR_NODE_MEMORY=256000 /usr/bin/python3 -c ";
    const auto starts = [](const std::string& name) {
        return "'import os; os.execve(\"/usr/bin/getconf\", [\"" + name +
               "\", \"_PHYS_PAGES\"], dict(os.environ))'";
    };
    CHECK(pages_seen_by(slurmd + starts("/usr/bin/python3")) == said);  // as itself
    CHECK(pages_seen_by(slurmd + starts("slurmstepd")) == here);
    CHECK(pages_seen_by(slurmd + "'import os; os.system(\"getconf _PHYS_PAGES\")'") == here);
}
#endif

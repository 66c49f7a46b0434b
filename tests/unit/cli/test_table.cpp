// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/table.h"

#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;

namespace {

const std::string kLong(64, 'p');

Table sample(const std::string& name) {
    Table table({{"NAME"}, {"TO"}, {"NODES", Table::Kind::kNumber}});
    table.row({name, "b", "12"}, {"a note of many words that does not fit on one line of the table"});
    table.row({"x", "yy", "1"});
    return table;
}

}  // namespace

TEST_CASE("columns are aligned, numbers to the right, without blanks at the end", "[cli]") {
    CHECK(sample("a").text(look(40)) ==
          "NAME  TO  NODES\n"
          "a     b      12\n"
          "    a note of many words that does not\n"
          "    fit on one line of the table\n"
          "x     yy      1\n");
}

TEST_CASE("names give way where a table is too wide, numbers never", "[cli]") {
    for (const int width : {30, 80, 120}) {
        const std::string text = sample(kLong).text(look(width));
        CHECK(longest_line(text) <= static_cast<std::size_t>(width));
        CHECK(text.find("NODES\n") != std::string::npos);
    }
    CHECK(sample(kLong).text(look(30)).substr(31, 30) == std::string(18, 'p') + "+  b      12");
    CHECK(sample(kLong).text(look(160)).find(kLong + "  b") != std::string::npos);
}

TEST_CASE("a row with too few cells is filled up", "[cli]") {
    Table table({{"A"}, {"B"}});
    table.row({"1"});
    CHECK(table.text(look(80)) == "A  B\n1\n");
}

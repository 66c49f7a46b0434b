// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <cmath>

#include "plugin/observe/services/answers.h"

using weir::observe::read_json_number;
using weir::observe::read_one_value;

namespace {

// What a Prometheus 2.42 answers.
std::string answer(const std::string& type, const std::string& result) {
    return R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" + result + "}}";
}

std::string problem(const weir::Result<double>& read) {
    return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("one value is read of what Prometheus answers", "[observe]") {
    CHECK(read_one_value(answer("vector", R"([{"metric":{},"value":[1700000000.123,"12.5"]}])")) == 12.5);
    CHECK(read_one_value(answer("scalar", R"([1700000000,"3"])")) == 3);
    CHECK(std::isnan(*read_one_value(answer("vector", R"([{"metric":{},"value":[1,"NaN"]}])"))));
    CHECK(std::isinf(*read_one_value(answer("vector", R"([{"metric":{},"value":[1,"+Inf"]}])"))));
}

TEST_CASE("what is not one value is told", "[observe]") {
    const std::string one = R"({"metric":{},"value":[1,"2"]})";
    CHECK(problem(read_one_value(answer("vector", "[]"))) == "gives no data");
    CHECK(problem(read_one_value(answer("vector", "[" + one + "," + one + "]"))) ==
          "gives 2 series: put sum() or max() around it");
    CHECK(problem(read_one_value(answer("matrix", "[]"))) == "gives a matrix: one value is needed");
    CHECK(problem(read_one_value(answer("vector", R"([{"metric":{},"value":[1,"x"]}])"))) ==
          "answers \"x\", which is no number");
    CHECK(problem(read_one_value(R"({"status":"error","error":"parse error"})")) ==
          "Prometheus refuses the query: parse error");
    for (const char* garbage :
         {"", "{", "[]", "null", R"({"status":"success"})",
          R"({"status":"success","data":{"resultType":"vector","result":[{"value":3}]}})"})
        CHECK(problem(read_one_value(garbage)).starts_with("this is not an answer of Prometheus: "));
}

TEST_CASE("a number is read of a JSON document", "[observe]") {
    CHECK(read_json_number(R"({"queue":[{"length":7}]})", "/queue/0/length") == 7);
    CHECK(read_json_number("4.5", "") == 4.5);
    CHECK(problem(read_json_number(R"({"queue":[]})", "/queue/0/length")) ==
          "answers without /queue/0/length");
    CHECK(problem(read_json_number(R"({"a":"7"})", "/a")) == "answers with no number at /a");
    CHECK(problem(read_json_number("<html>", "/a")) == "answers with what is no JSON");
}

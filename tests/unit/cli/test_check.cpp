// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/check.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "plugin/cli/apart.h"
#include "plugin/cli/slurm_check.h"
#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::look;
using weir::config::Finding;
using weir::config::Severity;

namespace {

CheckReport report_of(std::vector<Finding> findings) {
    return {"/etc/slurm/weir.yaml", 2, "act", "home", std::move(findings)};
}

}  // namespace

TEST_CASE("a check tells errors, warnings and a verdict", "[cli]") {
    const CheckReport report = report_of({{Severity::kError, "inference", "there is no partition inferense"},
                                          {Severity::kWarning, "", "weirctld has not worked here yet"}});
    CHECK(report.has_errors());
    CHECK(print_check(report, look(80)) ==
          "error: rule inference: there is no partition inferense\n"
          "warning: weirctld has not worked here yet\n"
          "/etc/slurm/weir.yaml: 1 error, 1 warning; 2 rules, mode act; names compared with\n"
          "    cluster home\n");
    CHECK(to_json(report).dump() ==
          R"({"file":"/etc/slurm/weir.yaml","ok":false,"rules":2,"mode":"act","cluster":"home","findings":[)"
          R"({"severity":"error","rule":"inference","message":"there is no partition inferense"},)"
          R"({"severity":"warning","rule":"","message":"weirctld has not worked here yet"}]})");
}

TEST_CASE("warnings alone are no failure", "[cli]") {
    const CheckReport report = report_of({{Severity::kWarning, "", "x"}});
    CHECK_FALSE(report.has_errors());
    CHECK(to_json(report)["ok"] == true);
}

TEST_CASE("errors of the file stand as editors look for them", "[cli]") {
    CheckReport report;
    report.file = "weir.yaml";
    report.findings = {{Severity::kError, "", "weir.yaml:1: mode: \"atc\" is not one of advise, act"}};
    CHECK(print_check(report, look(80)) ==
          "weir.yaml:1: mode: \"atc\" is not one of advise, act\n"
          "weir.yaml: 1 error\n");
}

TEST_CASE("a policy that acts and has no job_submit_weir is warned of what it misses", "[cli]") {
    weir::config::Policy policy;
    policy.overflow.rules.emplace_back().name = "spill";
    CHECK(check_plugins(policy, {}).empty());
    policy.mode = weir::policies::Mode::kAct;
    CHECK(check_plugins(policy, {"lua", "weir"}).empty());
    const auto of_overflow = check_plugins(policy, {"lua"});
    REQUIRE(of_overflow.size() == 1);
    CHECK(of_overflow[0].severity == Severity::kWarning);
    CHECK(of_overflow[0].message.find("--weir-overflow") != std::string::npos);
    policy.lend.emplace_back();
    CHECK(check_plugins(policy, {}).size() == 2);
    policy.overflow.rules[0].mode = weir::policies::Mode::kAdvise;
    const auto of_lending = check_plugins(policy, {});
    REQUIRE(of_lending.size() == 1);
    CHECK(of_lending[0].message.find("lent nodes") != std::string::npos);
}

TEST_CASE("a check counts the rules of every kind", "[cli]") {
    weir::config::Policy policy;
    CHECK(count_rules(policy) == 0);
    policy.lend.resize(1);
    policy.idle.resize(2);
    policy.overflow.rules.resize(1);
    CHECK(count_rules(policy) == 4);
}

TEST_CASE("work apart hands back its text, or why there is none", "[cli]") {
    using namespace std::chrono_literals;
    CHECK(run_apart([] { return std::string(200000, 'x'); }, 10s) == std::string(200000, 'x'));
    const auto ended = run_apart(
        []() -> std::string {
            const std::string words =
                "weir: error: first\nweir: fatal: Unable to process configuration file\n";
            (void)!write(STDERR_FILENO, words.data(), words.size());
            _exit(1);
        },
        10s);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().message == "Unable to process configuration file");
    const auto thrown = run_apart([]() -> std::string { throw std::runtime_error("no such thing"); }, 10s);
    REQUIRE_FALSE(thrown);
    CHECK(thrown.error().message == "no such thing");
    const auto silent = run_apart(
        [] {
            pause();
            return std::string();
        },
        50ms);
    REQUIRE_FALSE(silent);
    CHECK(silent.error().message == "Slurm does not answer");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/parse.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "plugin/config/common_keys.h"
#include "plugin/config/consolidate_keys.h"
#include "plugin/config/idle_keys.h"
#include "plugin/config/lend_keys.h"
#include "plugin/config/overflow_check.h"
#include "plugin/config/overflow_keys.h"
#include "plugin/config/reader.h"
#include "plugin/config/rules_check.h"
#include "plugin/config/services_keys.h"
#include "plugin/config/sites_check.h"
#include "plugin/config/sites_keys.h"
#include "plugin/config/telemetry_keys.h"
#include "plugin/config/text_check.h"
#include "plugin/config/words.h"
#include "plugin/config/yaml_tree.h"

namespace weir::config {
namespace {

constexpr DurationForm kCycle{.usual_unit = "s",
                              .milliseconds = true,
                              .min = std::chrono::milliseconds(100),
                              .max = std::chrono::hours(1)};

void read_text(const Value& value, std::string_view wanted, Read<std::string> (*read)(std::string_view),
               std::string& into) {
    if (auto text = value.as(wanted, read)) into = *std::move(text);
}

// The file, and what checking it needs besides.
struct ReadFile {
    Policy policy;
    std::vector<SiteExtras> extras;  // for each site
    std::string home_currency;       // empty: not said
};

ReadFile read_policy(const Value& file) {
    ReadFile done;
    Policy& policy = done.policy;
    file.keys({
        {"mode", [&](const Value& v) { policy.mode = read_mode(v).value_or(policy.mode); }},
        {"cycle",
         [&](const Value& v) {
             const auto read = [](std::string_view text) { return read_duration(text, kCycle); };
             policy.cycle = v.as("a duration", read).value_or(policy.cycle);
         }},
        {"control",
         [&](const Value& v) {
             v.keys({{"socket", [&](const Value& socket) {
                          read_text(socket, "a path", read_socket_path, policy.control_socket);
                      }}});
         }},
        {"metrics",
         [&](const Value& v) {
             v.keys({{"listen", [&](const Value& listen) {
                          read_text(listen, "host:port or off", read_listen, policy.metrics_listen);
                      }}});
         }},
        {"lend",
         [&](const Value& v) {
             if (v.is_null()) return;  // every rule is commented out
             v.list("a list of rules", [&](const Value& rule) {
                 if (rule.is_null()) rule.problem("has no value: give a rule");
                 policy.lend.push_back(rule.is_null() ? policies::LendRule{} : read_lend_rule(rule));
             });
         }},
        {"telemetry", [&](const Value& v) { policy.telemetry = read_telemetry(v); }},
        {"gpu_types", [&](const Value& v) { policy.gpu_types = read_gpu_types(v); }},
        {"idle",
         [&](const Value& v) {
             if (v.is_null()) return;  // every rule is commented out
             v.list("a list of rules", [&](const Value& rule) {
                 policy.idle.push_back(read_idle_rule(rule));
                 std::string& name = policy.idle.back().name;
                 if (name.empty())
                     name = policy.idle.size() == 1 ? "idle" : "idle-" + std::to_string(policy.idle.size());
             });
         }},
        {"services",
         [&](const Value& v) {
             if (v.is_null()) return;  // every service is commented out
             v.list("a list of services",
                    [&](const Value& rule) { policy.services.push_back(read_service_rule(rule)); });
         }},
        {"consolidate",
         [&](const Value& v) {
             if (!v.is_null()) policy.consolidate = read_consolidate_rule(v);
         }},
        {"home", [&](const Value& v) { done.home_currency = read_home(v, policy.overflow.home); }},
        {"sites", [&](const Value& v) { read_sites(v, policy, done.extras); }},
        {"overflow",
         [&](const Value& v) {
             if (v.is_null()) return;  // every rule is commented out
             v.list("a list of rules",
                    [&](const Value& rule) { policy.overflow.rules.push_back(read_overflow_rule(rule)); });
         }},
    });
    if (!policy.overflow.sites.empty() && !file.has("home")) policy.overflow.home.gpu_hour.other = Money{};
    return done;
}

void check_across(ReadFile& file, Findings& findings) {
    Policy& policy = file.policy;
    check_rules(policy.lend, findings);
    check_idle_rules(policy, findings);
    check_services(policy, findings);
    check_sites(policy, file.extras, findings);
    check_overflow(policy, findings);
    std::vector<NamedCurrency> named{{"home.price.currency", file.home_currency}};
    named.reserve(file.extras.size() + 1);
    for (std::size_t i = 0; i < file.extras.size(); ++i)
        named.push_back(
            {key_path("sites", policy.overflow.sites[i].name) + ".price.currency", file.extras[i].currency});
    policy.overflow.currency = one_currency(named, findings);
}

// By line; what was found twice, as through an alias, is told once.
void in_order(Problems& problems) {
    std::stable_sort(problems.begin(), problems.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
}

tl::expected<Policy, Problems> parse_or_throw(std::string_view text) {
    Findings findings;
    findings.problems = check_text(text);
    Policy policy;
    if (findings.problems.empty()) {
        const auto tree = read_tree(text, findings.problems);
        if (tree && tree->root != nullptr) {
            ReadFile file = read_policy(Value(*tree->root, "", tree->root->line, findings));
            check_across(file, findings);
            policy = std::move(file.policy);
        }
    }
    if (findings.problems.empty()) return policy;
    in_order(findings.problems);
    return tl::unexpected(std::move(findings.problems));
}

}  // namespace

tl::expected<Policy, Problems> parse(std::string_view text) noexcept {
    try {
        return parse_or_throw(text);
    } catch (const std::exception& error) {
        return tl::unexpected(Problems{{0, "", std::string("could not be read: ") + error.what()}});
    }
}

}  // namespace weir::config

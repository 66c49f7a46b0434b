// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

using Kind = Table::Kind;

constexpr double kLatePeriods = 3;   // a cycle is late after so many periods
constexpr double kLateSeconds = 15;  // and so many seconds

// "10s", "2.5s", "100ms"
std::string period_text(double seconds) {
    return seconds < 1 ? fmt::format("{:.0f}ms", seconds * 1000) : fmt::format("{:.3g}s", seconds);
}

std::string print_health(const json& status, const Look& look) {
    const json& cycle = member_of(status, "cycle");
    const auto at = time_of(cycle, "at");
    std::string text;
    if (!text_of(status, "problem").empty()) {
        const auto from = time_of(status, "problem_since");
        std::string why = "Not healthy";
        if (from) why += " since " + clock(*from, look) + " (" + cli::since(*from, look) + ")";
        why += ": " + text_of(status, "problem") + (at ? "; what follows is from before" : "");
        text += painted(Paint::kTrouble, wrapped("", why, 2, look), look);
    }
    for (const json& failure : member_of(status, "failures")) {
        const auto from = time_of(failure, "since");
        text += painted(
            Paint::kTrouble,
            wrapped("",
                    "Failing" +
                        (from ? " since " + clock(*from, look) + " (" + cli::since(*from, look) + ")" : "") +
                        ": " + text_of(failure, "what") + ": " + text_of(failure, "error"),
                    2, look),
            look);
    }
    if (!at) return text + "No cycle yet: nothing is known of the cluster.\n";
    const double period = real_of(cycle, "period_seconds");
    const auto age = static_cast<double>((look.now - *at).count());
    text += wrapped("",
                    fmt::format("Cycle {} was {} ago; one is due every {} (looking {}, deciding {}).",
                                number_of(cycle, "number"), cli::since(*at, look), period_text(period),
                                period_text(real_of(cycle, "observe_seconds")),
                                period_text(real_of(cycle, "decide_seconds"))),
                    2, look);
    if (flag_of(status, "healthy") && age > kLatePeriods * period + kLateSeconds)
        text += painted(
            Paint::kTrouble,
            wrapped("", "Late: weirctld has been waiting for slurmctld since, or is stopped", 2, look), look);
    return text;
}

std::string print_partitions(const json& partitions, const Look& look) {
    Table table({{"PARTITION"},
                 {"NODES", Kind::kNumber},
                 {"IDLE", Kind::kNumber},
                 {"LENT", Kind::kNumber},
                 {"GPUS IN USE", Kind::kNumber},
                 {"GPUS LENT", Kind::kNumber}});
    for (const json& partition : partitions)
        table.row({text_of(partition, "name"), digits_of(partition, "nodes"),
                   digits_of(partition, "idle_nodes"), digits_of(partition, "lent_nodes"),
                   digits_of(partition, "gpus_used") + "/" + digits_of(partition, "gpus"),
                   digits_of(partition, "gpus_lent")});
    return table.text(look);
}

std::string print_rules(const json& rules, const Look& look) {
    Table table({{"RULE"},
                 {"FROM"},
                 {"TO"},
                 {"OWN", Kind::kNumber},
                 {"LENDABLE", Kind::kNumber},
                 {"LENT", Kind::kNumber},
                 {"GO HOME", Kind::kNumber},
                 {"WAITING", Kind::kNumber},
                 {"WANTED", Kind::kNumber}});
    for (const json& rule : rules)
        table.row({text_of(rule, "name"), joined(texts_of(rule, "from"), ","), text_of(rule, "to"),
                   digits_of(rule, "own_nodes"), digits_of(rule, "lendable_nodes"),
                   digits_of(rule, "lent_nodes"), digits_of(rule, "vacating_nodes"),
                   digits_of(rule, "waiting_jobs"), digits_of(rule, "wanted_nodes")});
    return table.text(look);
}

std::string mode_text(const std::string& mode) {
    if (mode == "act") return "mode act";
    if (mode == "advise") return "mode advise: it changes nothing";
    return "mode unknown";
}

}  // namespace

std::string print_rule_notes(const json& rules, const std::string& mode, const Look& look) {
    std::string text;
    auto note = [&](Paint paint, const std::string& sentence) {
        text += painted(paint, wrapped("", sentence, 2, look), look);
    };
    for (const json& rule : rules) {
        const std::string name = text_of(rule, "name");
        const std::string problem = text_of(rule, "problem");
        const std::string held_back = text_of(rule, "held_back");
        if (!problem.empty()) {
            note(Paint::kTrouble, "Rule " + name + " does nothing: " + problem);
            continue;
        }
        if (flag_of(rule, "held_home"))
            note(Paint::kRemark, "Rule " + name + " lends nothing since `weir return`; `weir resume " + name +
                                     "` ends that.");
        else if (const std::string own = text_of(rule, "mode"); !mode.empty() && own != mode)
            text += wrapped("", "Rule " + name + (own == "act" ? " acts." : " only advises."), 2, look);
        if (!held_back.empty() && !flag_of(rule, "held_home"))
            text +=
                wrapped("",
                        "Rule " + name + " wants " + counted(number_of(rule, "wanted_nodes"), "more node") +
                            " and is held back: " + held_back,
                        2, look);
    }
    return text;
}

std::string print_status(const json& status, const Look& look) {
    const std::string mode = text_of(status, "mode");
    const std::string cluster = text_of(status, "cluster");
    std::string text = wrapped("",
                               "Weir " + text_of(status, "version") +
                                   (cluster.empty() ? "" : " on cluster " + cluster) + ", " + mode_text(mode),
                               2, look);
    if (flag_of(status, "paused"))
        text += painted(Paint::kRemark,
                        wrapped("",
                                "Paused by " + text_of(status, "paused_by") +
                                    ": it plans and explains, and changes nothing until `weir resume`.",
                                2, look),
                        look);
    text += print_health(status, look);
    if (!time_of(member_of(status, "cycle"), "at")) return text;
    text += print_telemetry(member_of(status, "telemetry"), look);
    const json& rules = member_of(status, "rules");
    text += "\n" + print_partitions(member_of(status, "partitions"), look);
    if (const json& telemetry = member_of(status, "telemetry"); number_of(telemetry, "gpus_wasted") > 0)
        text += "\n" + wrapped("",
                               std::to_string(number_of(telemetry, "gpus_wasted")) + " of " +
                                   counted(number_of(telemetry, "gpus_watched"), "GPU") +
                                   " that jobs hold are wasted: see `weir idle`.",
                               2, look);
    const std::string services = print_service_notes(member_of(status, "services"), look) +
                                 print_consolidation_note(member_of(status, "consolidation"), look) +
                                 print_site_notes(member_of(status, "overflow"), look);
    if (rules.empty())
        return text + "\nweir.yaml has no lending rule.\n" + (services.empty() ? "" : "\n" + services);
    text += "\n" + print_rules(rules, look);
    if (const std::string notes = print_rule_notes(rules, mode, look); !notes.empty()) text += "\n" + notes;
    return services.empty() ? text : text + "\n" + services;
}

std::string print_age(const json& answer, const Look& look) {
    const auto at = time_of(answer, "at");
    if (!at)
        return painted(Paint::kTrouble,
                       wrapped("", "weirctld has not seen slurmctld yet (see `weir status`)", 2, look), look);
    if (look.now - *at <= std::chrono::minutes(1)) return "";
    return painted(Paint::kTrouble,
                   wrapped("",
                           "As seen at " + clock(*at, look) + ", " + cli::since(*at, look) +
                               " ago: weirctld has not seen slurmctld since (see `weir status`)",
                           2, look),
                   look);
}

}  // namespace weir::cli

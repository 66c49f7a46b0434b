// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

using Kind = Table::Kind;

std::string count_text(const json& service) {
    std::string text = digits_of(service, "wanted");
    if (!member_of(service, "pinned").is_null()) text += " (pinned)";
    return text;
}

std::string print_overview(const json& services, const Look& look) {
    Table table({{"SERVICE"},
                 {"WANTED", Kind::kText},
                 {"READY", Kind::kNumber},
                 {"STARTING", Kind::kNumber},
                 {"WAITING", Kind::kNumber},
                 {"DRAINING", Kind::kNumber},
                 {"MIN", Kind::kNumber},
                 {"MAX", Kind::kNumber}});
    for (const json& service : services)
        table.row({text_of(service, "name"), count_text(service), digits_of(service, "ready"),
                   digits_of(service, "starting"), digits_of(service, "waiting"),
                   digits_of(service, "draining"), digits_of(service, "min"), digits_of(service, "max")});
    return table.text(look);
}

std::string print_signals(const json& signals, const Look& look) {
    Table table({{"  SIGNAL"},
                 {"VALUE", Kind::kNumber},
                 {"TARGET", Kind::kNumber},
                 {"AGE", Kind::kNumber},
                 {"ASKS", Kind::kNumber}});
    for (const json& signal : signals) {
        const auto sampled = time_of(signal, "sampled");
        const std::string problem = text_of(signal, "problem");
        std::vector<std::string> notes;
        if (!problem.empty()) notes.push_back("not heeded: " + problem);
        table.row(
            {"  " + text_of(signal, "name"), sampled ? fmt::format("{:.4g}", real_of(signal, "value")) : "-",
             fmt::format("{:.4g}", real_of(signal, "target")), sampled ? since(*sampled, look) : "-",
             problem.empty() ? "+" + digits_of(signal, "asks_replicas") : "-"},
            std::move(notes));
    }
    return table.text(look);
}

std::string print_replicas(const json& replicas, const Look& look) {
    Table table({{"  REPLICA", Kind::kNumber},
                 {"JOB", Kind::kText},
                 {"STAGE", Kind::kText},
                 {"FOR", Kind::kNumber},
                 {"NODE"},
                 {"ENDPOINT"}});
    for (const json& replica : replicas) {
        const auto from = time_of(replica, "since");
        std::vector<std::string> notes;
        if (const std::string why = text_of(replica, "why"); !why.empty()) notes.push_back(why);
        table.row({digits_of(replica, "number"),
                   member_of(replica, "job").is_null() ? "(hidden)" : digits_of(replica, "job"),
                   text_of(replica, "stage"), from ? since(*from, look) : "-",
                   text_of(replica, "node") + (flag_of(replica, "lent") ? " (lent)" : ""),
                   text_of(replica, "endpoint")},
                  std::move(notes));
    }
    return table.text(look);
}

std::string print_notes(const json& service, const Look& look) {
    std::string text = wrapped("  ", count_text(service) + " wanted: " + text_of(service, "why"), 4, look);
    if (const auto until = time_of(service, "pinned_until"))
        text += wrapped("  ", "pinned until " + clock(*until, look), 4, look);
    if (text_of(service, "mode") != "act")
        text += painted(Paint::kRemark,
                        wrapped("  ", "it only advises: nothing is started or ended", 4, look), look);
    if (!member_of(service, "predicted").is_null())
        text += wrapped("  ", "predicted: " + counted(number_of(service, "predicted"), "replica"), 4, look);
    if (const std::string held = text_of(service, "held"); !held.empty())
        text += painted(Paint::kRemark, wrapped("  ", held, 4, look), look);
    if (const std::string failure = text_of(service, "failure"); !failure.empty())
        text += painted(Paint::kTrouble, wrapped("  ", failure, 4, look), look);
    return text;
}

}  // namespace

std::string print_services(const json& answer, const Look& look) {
    std::string text = print_age(answer, look);
    const json& services = member_of(answer, "services");
    text += print_overview(services, look);
    for (const json& service : services) {
        text += "\n" + painted(Paint::kHeading, wrapped("", text_of(service, "name"), 2, look), look);
        text += print_notes(service, look) + print_signals(member_of(service, "signals"), look);
        if (const json& replicas = member_of(service, "replicas"); !replicas.empty())
            text += print_replicas(replicas, look);
    }
    return text;
}

std::string print_service_notes(const json& services, const Look& look) {
    std::string text;
    for (const json& service : services) {
        text += wrapped("",
                        "Service " + text_of(service, "name") + ": " + digits_of(service, "wanted") +
                            " wanted, " + digits_of(service, "ready") + " ready, " +
                            digits_of(service, "starting") + " starting, " + digits_of(service, "waiting") +
                            " waiting, " + digits_of(service, "draining") + " draining (`weir services`).",
                        2, look);
        for (const std::string& problem : texts_of(service, "problems"))
            text += painted(Paint::kTrouble, wrapped("  ", problem, 4, look), look);
    }
    return text;
}

std::string print_explained_service(const json& answer, const Look& look) {
    std::string text = print_age(answer, look);
    for (const json& service : member_of(answer, "services")) {
        text += painted(
            Paint::kHeading,
            wrapped("", "Service " + text_of(service, "name") + " of " + text_of(service, "user"), 2, look),
            look);
        for (const std::string& sentence : texts_of(service, "explained"))
            text += wrapped("  - ", sentence, 4, look);
        if (const std::string failure = text_of(service, "failure"); !failure.empty())
            text += wrapped("  - ", failure, 4, look);
    }
    return text;
}

std::string print_scaled(const json& done, const Look& look) {
    const std::string service = text_of(done, "service");
    if (member_of(done, "count").is_null())
        return wrapped("", "The signals decide again how many replicas " + service + " has.", 2, look);
    const auto until = time_of(done, "until");
    return wrapped("",
                   "Service " + service + " has " + counted(number_of(done, "count"), "replica") +
                       (until ? " until " + clock(*until, look) : "") + "; `weir scale " + service +
                       " auto` lets the signals decide again.",
                   2, look);
}

}  // namespace weir::cli

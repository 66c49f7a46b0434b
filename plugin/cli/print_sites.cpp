// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

using Kind = Table::Kind;

std::string sum_text(const json& object, const char* name) {
    return member_of(object, name).is_number() ? fmt::format("{:.2f}", real_of(object, name)) : "-";
}

std::string hours_text(const json& object, const char* name) {
    return fmt::format("{:.1f}", real_of(object, name));
}

std::string free_gpus(const json& site) {
    std::vector<std::string> texts;
    for (const json& gpus : member_of(site, "gpus"))
        texts.push_back(digits_of(gpus, "free") + " " + text_of(gpus, "type"));
    return texts.empty() ? "-" : joined(texts, ", ");
}

std::string site_overview(const json& sites, const Look& look) {
    Table table({{"SITE"},
                 {"STATE", Kind::kText},
                 {"FREE GPUS"},
                 {"MAY START", Kind::kNumber},
                 {"SENT", Kind::kNumber},
                 {"WAIT", Kind::kNumber},
                 {"RUN", Kind::kNumber},
                 {"RETURN", Kind::kNumber},
                 {"TODAY", Kind::kNumber}});
    for (const json& site : sites)
        table.row({text_of(site, "name"), text_of(site, "state"), free_gpus(site),
                   digits_of(site, "nominated"), digits_of(site, "sent"), digits_of(site, "waiting"),
                   digits_of(site, "running"), digits_of(site, "returning"), sum_text(site, "spent_today")});
    return table.text(look);
}

std::string price_text(const json& site, const std::string& currency, const Look& look) {
    std::vector<std::string> prices;
    for (const json& gpus : member_of(site, "gpus")) {
        const double power = real_of(gpus, "power");
        const std::string type = text_of(gpus, "type");
        if (!member_of(gpus, "hour").is_number())
            prices.push_back(type + " not for sale");
        else
            prices.push_back(type + " " + sum_text(gpus, "hour") + " " + currency +
                             (power > 0 ? fmt::format(" ({:.2f} of it power)", power) : ""));
    }
    if (prices.empty()) return {};
    std::string text = "an hour of a GPU: " + joined(prices, ", ");
    if (const auto next = time_of(site, "next_tariff"))
        text += "; power has another price from " + clock(*next, look);
    return text;
}

std::string voucher_text(const json& voucher) {
    std::string text = "voucher " + text_of(voucher, "name") + ": " + hours_text(voucher, "left") + " of " +
                       hours_text(voucher, "gpu_hours") + " GPU-hours left";
    if (real_of(voucher, "aside") > 0) text += ", " + hours_text(voucher, "aside") + " set aside";
    if (const auto until = time_of(voucher, "until"))
        text += ", until " + utc(*until).substr(0, sizeof "2026-01-31" - 1);
    return text;
}

std::string site_details(const json& site, const std::string& currency, const Look& look) {
    std::string text = painted(Paint::kHeading, wrapped("", text_of(site, "name"), 2, look), look);
    const auto line = [&](const std::string& sentence) {
        if (!sentence.empty()) text += wrapped("  ", sentence, 4, look);
    };
    if (const std::string problem = text_of(site, "problem"); !problem.empty())
        text += painted(Paint::kTrouble, wrapped("  ", "closed: " + problem, 4, look), look);
    if (const std::string throttle = text_of(site, "throttle"); !throttle.empty())
        text += painted(Paint::kRemark, wrapped("  ", "held back: " + throttle, 4, look), look);
    if (const auto at = time_of(site, "answered"))
        line(fmt::format("answered {} ago, {:.1f} ms away, {}", since(*at, look),
                         1000 * real_of(site, "round_trip_seconds"), text_of(site, "api")));
    line(price_text(site, currency, look));
    line(fmt::format("spent: {} {} today, {} this month, for {} GPU-hours", sum_text(site, "spent_today"),
                     currency, sum_text(site, "spent_this_month"), hours_text(site, "gpu_hours_this_month")));
    for (const json& voucher : member_of(site, "vouchers")) line(voucher_text(voucher));
    const auto wait = number_of(site, "typical_wait_seconds");
    if (wait > 0) line("jobs sent there lately have waited " + to_text(Duration(wait)));
    if (const auto failures = number_of(site, "failures"); failures > 0)
        line(counted(failures, "submission") + " failed there lately");
    return text;
}

std::string print_budgets(const json& budgets, const Look& look) {
    Table table({{"BUDGET"},
                 {"TODAY", Kind::kNumber},
                 {"OF", Kind::kNumber},
                 {"THIS MONTH", Kind::kNumber},
                 {"OF", Kind::kNumber},
                 {"SET ASIDE", Kind::kNumber}});
    for (const json& budget : budgets)
        table.row({text_of(budget, "rule"), sum_text(budget, "today"), sum_text(budget, "per_day"),
                   sum_text(budget, "this_month"), sum_text(budget, "per_month"), sum_text(budget, "aside")});
    return table.text(look);
}

std::string print_jobs(const json& jobs, const Look& look) {
    Table table({{"JOB", Kind::kText},
                 {"USER"},
                 {"SITE"},
                 {"STAGE", Kind::kText},
                 {"THERE", Kind::kText},
                 {"FOR", Kind::kNumber}});
    for (const json& job : jobs) {
        const auto from = time_of(job, "started") ? time_of(job, "started") : time_of(job, "asked");
        const bool there = number_of(job, "remote_id") > 0;
        table.row({text_of(job, "job"), text_of(job, "user"), text_of(job, "site"), text_of(job, "stage"),
                   there ? digits_of(job, "remote_id") + " of " + text_of(job, "remote_user") : "-",
                   from ? since(*from, look) : "-"});
    }
    return table.text(look);
}

void add_place(Table& table, const json& place, const std::string& job, const std::string& last = {}) {
    const std::string excluded = text_of(place, "excluded");
    std::vector<std::string> notes;
    if (!excluded.empty()) notes.push_back("not there: " + excluded);
    if (!member_of(place, "run_seconds").is_number()) {
        if (!last.empty()) notes.push_back(last);
        table.row({job, text_of(place, "place"), "-", "-", "-", "-", "-"}, std::move(notes));
        return;
    }
    if (const double hours = real_of(place, "voucher_gpu_hours"); hours > 0)
        notes.push_back(fmt::format("and {:.1f} GPU-hours of vouchers", hours));
    if (const std::string from = text_of(place, "wait_from");
        text_of(place, "place") == "home" && !from.empty())
        notes.push_back(from);
    if (!last.empty()) notes.push_back(last);
    table.row({job, text_of(place, "place"), text_of(place, "gpu_type"),
               to_text(Duration(number_of(place, "done_in_seconds"))), sum_text(place, "price"),
               sum_text(place, "total"), sum_text(place, "at_most")},
              std::move(notes));
}

Table comparison_table(const std::string& first) {
    return Table({{first, Kind::kText},
                  {"PLACE"},
                  {"GPU"},
                  {"DONE IN", Kind::kNumber},
                  {"PRICE", Kind::kNumber},
                  {"WITH TIME", Kind::kNumber},
                  {"AT MOST", Kind::kNumber}});
}

}  // namespace

std::string print_sites(const json& answer, const Look& look) {
    std::string text = print_age(answer, look);
    const std::string currency = text_of(answer, "currency");
    const json& sites = member_of(answer, "sites");
    text += site_overview(sites, look);
    for (const json& site : sites) text += "\n" + site_details(site, currency, look);
    if (const json& budgets = member_of(answer, "budgets"); !budgets.empty())
        text += "\n" + print_budgets(budgets, look);
    for (const json& rule : member_of(answer, "rules"))
        if (text_of(rule, "mode") != "act")
            text += painted(
                Paint::kRemark,
                wrapped("", "Rule " + text_of(rule, "name") + " only advises: it sends no job.", 2, look),
                look);
    if (const json& jobs = member_of(answer, "jobs"); !jobs.empty()) text += "\n" + print_jobs(jobs, look);
    if (const auto hidden = number_of(answer, "hidden"); hidden > 0)
        text += "(" + counted(hidden, "job") + " of others not shown)\n";
    return text;
}

std::string print_comparisons(const json& comparisons, std::int64_t not_compared, const Look& look) {
    constexpr std::size_t kMost = 20;
    if (comparisons.empty()) return {};
    Table table = comparison_table("JOB");
    std::size_t shown = 0;
    for (const json& one : comparisons) {
        if (shown++ == kMost) break;
        std::string job = text_of(one, "job");
        const json& places = member_of(one, "places");
        const std::string chosen = text_of(one, "chosen");
        const std::string why = text_of(one, "why");
        for (std::size_t i = 0; i < places.size(); ++i)
            add_place(table, places[i], std::exchange(job, ""),
                      i + 1 < places.size() ? ""
                      : chosen.empty()      ? "so: " + why
                                            : "so: it may start at " + chosen + ", too");
    }
    std::string text = table.text(look);
    const auto more =
        not_compared + static_cast<std::int64_t>(comparisons.size() - std::min(kMost, comparisons.size()));
    if (more > 0) text += "(and " + counted(more, "job") + " that may go elsewhere, less urgent)\n";
    return text;
}

std::string print_comparison(const json& comparison, const std::string& currency, const Look& look) {
    if (!comparison.is_object()) return {};
    Table table = comparison_table("  " + currency);
    for (const json& place : member_of(comparison, "places")) add_place(table, place, "");
    return table.text(look);
}

std::string print_site_notes(const json& sites, const Look& look) {
    std::string text;
    for (const json& site : sites) {
        const std::string problem = text_of(site, "problem");
        const std::string line = "Site " + text_of(site, "name") + ": " +
                                 (problem.empty() ? text_of(site, "state") : "closed, " + problem) + "; " +
                                 digits_of(site, "nominated") + " may start there, " +
                                 digits_of(site, "waiting") + " wait, " + digits_of(site, "running") +
                                 " run (`weir sites`).";
        text += problem.empty() ? wrapped("", line, 2, look)
                                : painted(Paint::kTrouble, wrapped("", line, 2, look), look);
    }
    return text;
}

}  // namespace weir::cli

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

std::string state_text(const json& loan, const Look& look) {
    const std::string state = text_of(loan, "state");
    if (const auto since = time_of(loan, "vacating_since"); since && state == "vacating")
        return "going home " + cli::since(*since, look);
    if (const auto since = time_of(loan, "unused_since"); since && state == "unused")
        return "unused " + cli::since(*since, look);
    return state == "used" ? "in use" : state;
}

}  // namespace

std::string print_loans(const json& loans, const Look& look) {
    std::string text = print_age(loans, look);
    if (!time_of(loans, "at")) return text;
    const json& list = member_of(loans, "loans");
    if (list.empty()) return text + "Nothing is lent.\n";
    Table table({{"NODE"},
                 {"RULE"},
                 {"FROM"},
                 {"LENT SINCE", Table::Kind::kText},
                 {"STATE", Table::Kind::kText},
                 {"JOBS"}});
    for (const json& loan : list) {
        const auto since = time_of(loan, "since");
        const std::string home = text_of(loan, "vacating_why");
        std::vector<std::string> notes{"lent: " + text_of(loan, "why")};
        if (!home.empty()) notes.push_back("going home: " + home);
        table.row({text_of(loan, "node"), text_of(loan, "rule"), text_of(loan, "from"),
                   since ? clock(*since, look) + " (" + cli::since(*since, look) + ")" : "",
                   state_text(loan, look), joined(texts_of(loan, "jobs"), " ")},
                  std::move(notes));
    }
    return text + table.text(look);
}

}  // namespace weir::cli

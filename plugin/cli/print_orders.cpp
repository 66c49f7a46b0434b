// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/cli/print.h"

namespace weir::cli {

std::string print_pause(const Look& look) {
    return wrapped("", "Weir is paused: it plans and explains, and changes nothing until `weir resume`.", 2,
                   look);
}

std::string print_resume(const std::vector<std::string>& rules, const Look& look) {
    const std::string who = rules.empty() ? "every rule may lend"
                                          : "rule" + std::string(rules.size() == 1 ? " " : "s ") +
                                                enumerated(rules) + " may lend";
    return wrapped("", "Weir is not paused, and " + who + ".", 2, look);
}

std::string print_return(const std::vector<std::string>& rules, const json& status, const Look& look) {
    std::string resume = "weir resume";
    for (const std::string& rule : rules) resume += " " + rule;
    std::string text = wrapped("",
                               "What " + (rules.empty() ? "every rule" : enumerated(rules)) +
                                   " has lent comes home and stays there until `" + resume +
                                   "`; `weir loans` shows what is on its way.",
                               2, look);
    if (flag_of(status, "paused")) {
        text += painted(Paint::kRemark,
                        wrapped("",
                                "But Weir is paused by " + text_of(status, "paused_by") +
                                    ": nothing comes home while it is.",
                                2, look),
                        look);
    }
    std::vector<std::string> advising;
    for (const json& rule : member_of(status, "rules")) {
        const std::string name = text_of(rule, "name");
        const bool asked = rules.empty() || std::ranges::find(rules, name) != rules.end();
        if (asked && text_of(rule, "mode") != "act" && number_of(rule, "lent_nodes") > 0)
            advising.push_back(name);
    }
    if (!advising.empty())
        text += painted(Paint::kRemark,
                        wrapped("",
                                "But " + enumerated(advising) +
                                    (advising.size() == 1 ? " only advises" : " only advise") +
                                    ": its reservation stays as it is until an administrator deletes it.",
                                2, look),
                        look);
    return text;
}

}  // namespace weir::cli

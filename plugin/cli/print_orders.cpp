// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/cli/print.h"

namespace weir::cli {

std::string print_pause(const Look& look) {
    return wrapped("", "Weir is paused: it plans and explains, and changes nothing until `weir resume`.", 2,
                   look);
}

std::string print_resume(const json& done, const Look& look) {
    const std::vector<std::string> held = texts_of(done, "held_home");
    const bool paused = flag_of(done, "paused");
    std::string text;
    if (paused)
        text = "Weir is still paused; `weir resume` without a name ends that.";
    else
        text = held.empty() ? "Weir is not paused, and every rule may lend." : "Weir is not paused.";
    if (!held.empty())
        text += " Since `weir return`, what " + enumerated(held) + (held.size() == 1 ? " has" : " have") +
                " lent comes home and stays there; `weir resume" +
                (held.size() == 1 ? " " + held.front() : "") + "` " + (paused ? "after that " : "") +
                "lets " + (held.size() == 1 ? "it" : "them") + " lend again.";
    return wrapped("", text, 2, look);
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
                                    ": nothing comes home before `weir resume` ends that.",
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

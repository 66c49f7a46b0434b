// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/cli/print.h"

namespace weir::cli {
namespace {

// Whether the rule that the step belongs to acts. A step that tells none belongs to the rule of its
// reservation, or to all.
bool acts(const json& step, const json& plan, bool by_default) {
    const std::string rule = text_of(step, "rule");
    if (rule == "consolidate") return text_of(plan, "consolidate") == "act";
    if (rule == "overflow") {
        // What is taken back is taken back of rules that act, or once did.
        const std::string its = text_of(step, "overflow_rule");
        for (const json& candidate : member_of(plan, "overflow"))
            if ((its.empty() || text_of(candidate, "name") == its) && text_of(candidate, "mode") == "act")
                return true;
        return false;
    }
    const json& rules = member_of(plan, "rules");
    const std::string what = text_of(step, "do");
    for (const json& candidate : rules) {
        const bool its = rule.empty() ? what.ends_with(" " + text_of(candidate, "reservation"))
                                      : text_of(candidate, "name") == rule;
        if (its) return text_of(candidate, "mode") == "act";
    }
    return by_default;
}

std::string print_steps(const std::vector<const json*>& steps, const Look& look) {
    std::string text;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        std::string number = std::to_string(i + 1);
        number.insert(0, number.size() < 3 ? 3 - number.size() : 0, ' ');
        const std::size_t indent = number.size() + 2;
        text += wrapped(number + ". ", text_of(*steps[i], "do"), indent, look);
        const std::string why = text_of(*steps[i], "why");
        if (!why.empty()) text += wrapped(std::string(indent + 2, ' '), why, indent + 2, look);
    }
    return text;
}

std::string would(bool paused) {
    return paused ? "Weir would take these steps, were it not paused:"
                  : "Weir would take these steps in mode act:";
}

}  // namespace

std::string print_plan(const json& plan, const Look& look) {
    const std::string mode = text_of(plan, "mode");
    const json& rules = member_of(plan, "rules");
    const bool paused = flag_of(plan, "paused");
    std::vector<const json*> taken;
    std::vector<const json*> advised;
    for (const json& step : member_of(plan, "steps"))
        (acts(step, plan, mode == "act") ? taken : advised).push_back(&step);

    std::string text = print_age(plan, look);
    const auto at = time_of(plan, "at");
    if (!at) return text;
    text += wrapped("",
                    "Plan of " + clock(*at, look) + ", " + cli::since(*at, look) + " ago; mode " + mode +
                        (paused ? ", paused: nothing is changed until `weir resume`" : ""),
                    2, look);
    if (!taken.empty())
        text += "\n" +
                painted(Paint::kHeading, (paused ? would(true) : "Weir takes these steps now:"), look) +
                "\n" + print_steps(taken, look);
    if (!advised.empty()) {
        const bool apart = mode == "act" || !taken.empty();
        text +=
            "\n" +
            painted(Paint::kHeading,
                    apart ? "Weir would take these steps for rules that only advise:" : would(false), look) +
            "\n" + print_steps(advised, look);
    }
    if (taken.empty() && advised.empty())
        text += paused || mode != "act" ? "There would be nothing to do.\n" : "There is nothing to do.\n";
    if (const std::string goals = print_goals(member_of(plan, "goals"), look); !goals.empty())
        text += "\n" + painted(Paint::kHeading, "What moving jobs could bring about:", look) + "\n" + goals;
    if (const std::string compared =
            print_comparisons(member_of(plan, "comparisons"), number_of(plan, "not_compared"), look);
        !compared.empty())
        text +=
            "\n" +
            painted(Paint::kHeading,
                    "What jobs would take here and elsewhere, in " + text_of(plan, "currency") + ":", look) +
            "\n" + compared;
    const std::string notes = print_rule_notes(rules, "", look);
    return notes.empty() ? text : text + "\n" + notes;
}

}  // namespace weir::cli

// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cctype>

#include "plugin/cli/print.h"

namespace weir::cli {
namespace {

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

std::string print_explain(const json& explained, const Look& look) {
    std::string text = print_age(explained, look);
    for (const json& job : member_of(explained, "jobs")) {
        const auto partitions = texts_of(job, "partitions");
        std::string heading = "Job " + text_of(job, "job") + " of " + text_of(job, "user") + ", " +
                              lower(text_of(job, "state"));
        if (!partitions.empty()) heading += " in " + enumerated(partitions);
        if (!text.empty()) text += "\n";
        text += painted(Paint::kHeading, wrapped("", heading, 2, look), look);
        for (const std::string& sentence : texts_of(job, "why")) text += wrapped("  - ", sentence, 4, look);
        text += print_comparison(member_of(job, "comparison"), text_of(explained, "currency"), look);
    }
    if (const auto more = number_of(explained, "more"); more > 0)
        text +=
            "\n" + wrapped("", "And " + counted(more, "more job") + "; name one of them alone, as in 17_4.",
                           2, look);
    return text;
}

}  // namespace weir::cli

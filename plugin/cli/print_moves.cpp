// SPDX-License-Identifier: GPL-2.0-or-later
#include <cmath>

#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

constexpr std::size_t kPastShown = 20;

// GPU-seconds, in hours once there are many.
std::string gpu_time(std::int64_t gpu_seconds) {
    if (gpu_seconds < 10'000) return std::to_string(gpu_seconds) + " GPU-s";
    return std::to_string((gpu_seconds + 1800) / 3600) + " GPU-h";
}

std::string names(const json& object, const char* name) {
    return joined(texts_of(object, name), ",");
}

std::vector<std::string> notes_of(const json& move) {
    const std::string failure = text_of(move, "failure");
    const std::string note = failure.empty() ? text_of(move, "why") : "not moved: " + failure;
    return note.empty() ? std::vector<std::string>{} : std::vector{note};
}

std::string moves_under_way(const json& moves, const Look& look) {
    Table table({{"JOB", Table::Kind::kText},
                 {"USER"},
                 {"FROM"},
                 {"TO"},
                 {"GPUS", Table::Kind::kNumber},
                 {"STAGE", Table::Kind::kText},
                 {"SINCE", Table::Kind::kText},
                 {"PRICE", Table::Kind::kNumber}});
    for (const json& move : moves) {
        const auto begun = time_of(move, "begun");
        table.row({text_of(move, "job"), text_of(move, "user"), names(move, "from"), names(move, "to"),
                   digits_of(move, "gpus"), text_of(move, "stage"), begun ? since(*begun, look) : "",
                   gpu_time(number_of(move, "price_gpu_seconds"))},
                  notes_of(move));
    }
    return table.text(look);
}

std::string past_moves(const json& moves, const Look& look) {
    Table table({{"ENDED", Table::Kind::kText},
                 {"JOB"},
                 {"USER"},
                 {"FROM"},
                 {"TO"},
                 {"GPUS", Table::Kind::kNumber},
                 {"OUTCOME", Table::Kind::kText},
                 {"PRICE", Table::Kind::kNumber},
                 {"LOST", Table::Kind::kNumber}});
    const std::size_t skipped = moves.size() > kPastShown ? moves.size() - kPastShown : 0;
    for (std::size_t i = skipped; i < moves.size(); ++i) {
        const json& move = moves[i];
        const auto ended = time_of(move, "ended");
        const bool failed = !text_of(move, "failure").empty();
        table.row(
            {ended ? clock(*ended, look) : "", text_of(move, "job"), text_of(move, "user"),
             names(move, "from"), names(move, "to"), digits_of(move, "gpus"), text_of(move, "stage"),
             gpu_time(number_of(move, "price_gpu_seconds")), gpu_time(number_of(move, "lost_gpu_seconds"))},
            failed ? notes_of(move) : std::vector<std::string>{});
    }
    std::string text = table.text(look);
    if (skipped > 0)
        text += "(" + counted(static_cast<std::int64_t>(skipped), "older move") + " with --json)\n";
    return text;
}

std::string held_nodes(const json& clearings, const Look& look) {
    std::string text;
    for (const json& clearing : clearings)
        text +=
            wrapped("",
                    "Being cleared: " + enumerated(texts_of(clearing, "nodes")) + " (price " +
                        gpu_time(number_of(clearing, "price_gpu_seconds")) + ", gain " +
                        gpu_time(number_of(clearing, "gain_gpu_seconds")) + "): " + text_of(clearing, "why"),
                    2, look);
    return text;
}

}  // namespace

std::string print_moves(const json& answer, const Look& look) {
    std::string text = print_age(answer, look);
    if (!time_of(answer, "at")) return text;
    const json& moves = member_of(answer, "moves");
    const json& past = member_of(answer, "past");
    const bool advises = text_of(answer, "mode") != "act";
    text += wrapped("",
                    (advises ? "Consolidation only advises. " : "") +
                        counted(number_of(answer, "checkpointed_jobs"), "running job") +
                        (number_of(answer, "checkpointed_jobs") == 1 ? " declares" : " declare") +
                        " a checkpoint, " + digits_of(answer, "movable_jobs") + " may be moved now.",
                    2, look);
    text += held_nodes(member_of(answer, "clearings"), look);
    if (moves.empty()) text += "No job is being moved.\n";
    if (!moves.empty())
        text += "\n" + painted(Paint::kHeading, "Under way", look) + "\n" + moves_under_way(moves, look);
    if (!past.empty()) text += "\n" + painted(Paint::kHeading, "Over", look) + "\n" + past_moves(past, look);
    if (const auto hidden = number_of(answer, "hidden"); hidden > 0)
        text += "(" + counted(hidden, "move") + " of others' jobs not shown)\n";
    return text;
}

std::string print_goals(const json& goals, const Look& look) {
    std::string text;
    for (const json& goal : goals) {
        const json& moves = member_of(goal, "moves");
        const std::string held_back = text_of(goal, "held_back");
        const std::string nodes = enumerated(texts_of(goal, "nodes"));
        text += wrapped("", (nodes.empty() ? "" : nodes + ": ") + text_of(goal, "why"), 2, look);
        if (!moves.empty())
            text += wrapped("  ",
                            "price " + gpu_time(number_of(goal, "price_gpu_seconds")) + ", gain " +
                                gpu_time(number_of(goal, "gain_gpu_seconds")),
                            2, look);
        for (const json& move : moves)
            text +=
                wrapped("  ",
                        "job " + text_of(move, "job") + " from " + names(move, "from") + " to " +
                            names(move, "to") + ", price " + gpu_time(number_of(move, "price_gpu_seconds")),
                        4, look);
        if (!held_back.empty()) text += wrapped("  ", "not now: " + held_back, 4, look);
    }
    return text;
}

std::string print_consolidation_note(const json& note, const Look& look) {
    if (!note.is_object()) return {};
    const auto moves = number_of(note, "moves");
    const auto wanted = number_of(note, "wanted");
    const auto fragmented = std::lround(real_of(note, "fragmented_gpus"));
    std::string text = "Consolidation" + std::string(text_of(note, "mode") == "act" ? "" : " (advises)") +
                       ": " + counted(moves, "job") + (moves == 1 ? " is" : " are") + " being moved";
    if (wanted > 0) text += ", " + counted(wanted, "want") + " (see `weir plan`)";
    text += "; " + counted(fragmented, "free GPU") + " too scattered to use.";
    return wrapped("", text, 2, look);
}

}  // namespace weir::cli

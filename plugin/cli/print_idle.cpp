// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plugin/cli/print.h"
#include "plugin/cli/table.h"

namespace weir::cli {
namespace {

using Kind = Table::Kind;

std::string gpu_hours(std::int64_t gpu_seconds) {
    return fmt::format("{:.1f}", static_cast<double>(gpu_seconds) / 3600);
}

// The job's GPUs that are wasted now, the one that is so for longest first.
std::vector<const json*> wasted_gpus(const json& job) {
    std::vector<const json*> found;
    for (const json& gpu : member_of(job, "gpus"))
        if (time_of(gpu, "since")) found.push_back(&gpu);
    std::ranges::stable_sort(found, {}, [](const json* gpu) { return *time_of(*gpu, "since"); });
    return found;
}

std::string verdicts(const std::vector<const json*>& gpus) {
    std::map<std::string, int> counts;
    for (const json* gpu : gpus) ++counts[text_of(*gpu, "verdict")];
    if (counts.empty()) return "works again";
    if (counts.size() == 1) return counts.begin()->first;
    std::string text;
    for (const auto& [verdict, count] : counts)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + verdict;
    return text;
}

std::string by_job(const std::vector<const json*>& jobs, const Look& look) {
    Table table({{"JOB"},
                 {"USER"},
                 {"ACCOUNT"},
                 {"PARTITION"},
                 {"GPUS", Kind::kNumber},
                 {"VERDICT", Kind::kText},
                 {"SINCE", Kind::kText},
                 {"GPU-HOURS", Kind::kNumber}});
    for (const json* job : jobs) {
        const auto gpus = wasted_gpus(*job);
        std::vector<std::string> notes;
        if (!gpus.empty())
            notes.push_back(text_of(*gpus.front(), "node") + " GPU " +
                            std::to_string(number_of(*gpus.front(), "index")) + ": " +
                            text_of(*gpus.front(), "evidence"));
        table.row({text_of(*job, "job"), text_of(*job, "user"), text_of(*job, "account"),
                   text_of(*job, "partition"),
                   std::to_string(gpus.size()) + "/" + std::to_string(member_of(*job, "gpus").size()),
                   verdicts(gpus), gpus.empty() ? "" : clock(*time_of(*gpus.front(), "since"), look),
                   gpu_hours(number_of(*job, "wasted_gpu_seconds"))},
                  std::move(notes));
    }
    return table.text(look);
}

std::string by_group(const std::vector<const json*>& jobs, const std::string& what, const Look& look) {
    struct Sum {
        std::int64_t jobs = 0, gpus = 0, gpu_seconds = 0;
    };
    std::map<std::string, Sum> sums;
    for (const json* job : jobs) {
        Sum& sum = sums[text_of(*job, what.c_str())];
        ++sum.jobs;
        sum.gpus += number_of(*job, "gpus_wasted");
        sum.gpu_seconds += number_of(*job, "wasted_gpu_seconds");
    }
    std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
    std::ranges::stable_sort(order, std::greater{},
                             [](const auto& entry) { return entry.second.gpu_seconds; });
    std::string title = what;
    for (char& c : title) c = static_cast<char>(c - 'a' + 'A');
    Table table(
        {{title}, {"JOBS", Kind::kNumber}, {"GPUS NOW", Kind::kNumber}, {"GPU-HOURS", Kind::kNumber}});
    for (const auto& [name, sum] : order)
        table.row({name, std::to_string(sum.jobs), std::to_string(sum.gpus), gpu_hours(sum.gpu_seconds)});
    return table.text(look);
}

// What keeps GPUs unknown, the most frequent evidence as an example.
std::string unknown_note(const json& jobs, const Look& look) {
    std::map<std::string, int> evidence;
    int unknown = 0;
    for (const json& job : jobs) {
        for (const json& gpu : member_of(job, "gpus")) {
            if (text_of(gpu, "verdict") != "unknown") continue;
            ++unknown;
            ++evidence[text_of(gpu, "evidence")];
        }
    }
    if (unknown == 0) return "";
    const auto most = std::ranges::max_element(evidence, {}, [](const auto& entry) { return entry.second; });
    return painted(Paint::kRemark,
                   wrapped("",
                           "Of " + counted(unknown, "GPU") + " nothing is known, and nothing is done about " +
                               (unknown == 1 ? "it" : "them") + ": " + most->first,
                           2, look),
                   look);
}

}  // namespace

std::string print_telemetry(const json& telemetry, const Look& look) {
    const std::string problem = text_of(telemetry, "problem");
    if (!problem.empty())
        return painted(Paint::kTrouble, wrapped("", "GPU telemetry: " + problem, 2, look), look);
    if (telemetry.is_object() && !time_of(telemetry, "newest_sample"))
        return painted(Paint::kTrouble, wrapped("", "GPU telemetry: no sample of any GPU yet", 2, look),
                       look);
    return "";
}

std::string print_idle(const json& idle, const std::string& by, const Look& look) {
    std::string text = print_age(idle, look);
    if (!time_of(idle, "at")) return text;
    const json& telemetry = member_of(idle, "telemetry");
    const json& jobs = member_of(idle, "jobs");
    text += print_telemetry(telemetry, look);
    std::vector<const json*> wasteful;
    std::int64_t total = 0;
    for (const json& job : jobs) {
        if (number_of(job, "wasted_gpu_seconds") <= 0) continue;
        wasteful.push_back(&job);
        total += number_of(job, "wasted_gpu_seconds");
    }
    std::ranges::stable_sort(wasteful, std::greater{},
                             [](const json* job) { return number_of(*job, "wasted_gpu_seconds"); });
    text += wrapped("",
                    std::to_string(number_of(telemetry, "gpus_wasted")) + " of " +
                        counted(number_of(telemetry, "gpus_watched"), "GPU") + " that jobs hold " +
                        (number_of(telemetry, "gpus_wasted") == 1 ? "is" : "are") + " wasted now; " +
                        gpu_hours(total) + " GPU-hours so far by the jobs that run.",
                    2, look);
    text += unknown_note(jobs, look);
    if (const auto hidden = number_of(idle, "hidden"); hidden > 0)
        text += wrapped("", counted(hidden, "job") + " of others are not shown (PrivateData in slurm.conf).",
                        2, look);
    if (wasteful.empty()) return text;
    return text + "\n" + (by == "job" ? by_job(wasteful, look) : by_group(wasteful, by, look));
}

}  // namespace weir::cli

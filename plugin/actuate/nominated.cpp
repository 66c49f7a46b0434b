// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/actuate/nominated.h"

#include <algorithm>

#include "plugin/job_submit/token.h"
#include "plugin/slurm/submit.h"

namespace weir::actuate {
namespace {

namespace token = job_submit::token;

std::vector<std::string> names_in(const std::string& list) {
    std::vector<std::string> names;
    for (std::size_t from = 0; from < list.size();) {
        const std::size_t end = std::min(list.find(',', from), list.size());
        if (end > from) names.push_back(list.substr(from, end - from));
        from = end + 1;
    }
    return names;
}

// A user may have changed the list since it was nominated: only the site's partition is Weir's to take out.
std::vector<std::string> without_site(const TakeBack& step, const slurm::JobWhereabouts& job) {
    const std::vector<std::string> now = names_in(job.partition);
    std::vector<std::string> left = now;
    std::erase(left, step.partition);
    if (left == now) return {};
    return left.empty() ? step.partitions : left;
}

}  // namespace

bool as_expected(const std::string& partitions, const Nominate& step) {
    std::vector<std::string> now = names_in(partitions);
    std::vector<std::string> wanted = step.partitions;
    for (auto* list : {&now, &wanted}) {
        std::erase(*list, step.partition);
        std::ranges::sort(*list);
    }
    return now == wanted;
}

Result<std::optional<slurm::JobChange>> taken_back(const TakeBack& step, const slurm::JobWhereabouts& job,
                                                   Time at) {
    if (!job.pending && !step.partition.empty() && job.partition == step.partition)
        return failure("job " + step.label + " has just started at site " + step.site + " and stays there",
                       slurm::kUnsure);
    if (!job.pending && !job.running) return std::nullopt;
    slurm::JobChange change;
    if (job.pending) {
        change.partitions = without_site(step, job);
        if (step.limit) change.time_limit = std::chrono::ceil<std::chrono::minutes>(*step.limit);
    }
    std::string comment = token::remove(job.admin_comment, token::kSite);
    if (!step.told.empty()) comment = token::tell(comment, at, step.told);
    if (comment != job.admin_comment) change.admin_comment = std::move(comment);
    return change;
}

}  // namespace weir::actuate

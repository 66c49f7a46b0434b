// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <tuple>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr std::size_t kLookedAt = 1000;

// Whether some site takes it, leaving room and money aside.
bool may_go_somewhere(const Work& work, const OverflowRule& rule, const Job& job) {
    return std::ranges::any_of(
        work.sites, [&](const SiteWork& there) { return why_not_there(there, rule, job).empty(); });
}

// Whom a site takes first, the most urgent first.
auto turn(const Candidate& one) {
    return std::tuple(!one.may_go, -std::int64_t{one.job->priority}, one.job->id);
}

}  // namespace

std::vector<Candidate> candidates(Work& work) {
    std::vector<Candidate> found;
    std::size_t may_go = 0;
    for (const Job& job : work.snapshot.jobs) {
        if (job.state != JobState::kPending) continue;
        const OverflowRule* rule = work.rule_of(job);
        if (rule == nullptr || wish_of(*rule, job) == OverflowWish::kNever || !why_not(job).empty()) continue;
        if (find_nomination(work.memory(), job.id, job.label) != nullptr) continue;
        found.push_back({&job, rule, may_go_somewhere(work, *rule, job)});
        if (found.back().may_go) ++may_go;
    }
    const std::size_t most = std::min(kLookedAt, found.size());
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(most), {}, turn);
    found.resize(most);
    work.report().not_looked_at = static_cast<int>(std::max(may_go, kLookedAt) - kLookedAt);
    return found;
}

}  // namespace weir::policies::spill

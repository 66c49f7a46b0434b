// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "policies/overflow/overflow.h"
#include "policies/overflow/work.h"

namespace weir::policies {
namespace spill {
namespace {

std::string stage_there(const RemoteRun& run) {
    switch (run.stage) {
    case RunStage::kStaging:
        return "its files are on the way there";
    case RunStage::kSubmitting:
        return "the site is being asked to take it";
    case RunStage::kWaiting:
        return "it waits there";
    case RunStage::kRunning:
        return "it runs there";
    case RunStage::kFetching:
        return "it has ended there; its output and files are on the way back";
    case RunStage::kWithdrawing:
        return "it is being taken back from there";
    case RunStage::kUnknown:
        return "how far it is there is not known: its gateway is of another version";
    case RunStage::kFinished:
        break;
    }
    return "it has ended there";
}

// Of a job that occupies a site's gateway.
std::vector<std::string> say_of_run(const Snapshot& snapshot, const Job& job, const std::string& site) {
    std::vector<std::string> all;
    const Nomination* known = find_nomination(snapshot.ledger.overflow, job.id, job.label);
    if (known != nullptr && known->site == site)
        all.push_back("Weir let it start at site " + site + ": " + known->why);
    const SiteLook* look = snapshot.site(site);
    if (look == nullptr) {
        all.push_back("it runs by site " + site + ", whose gateway has not been heard of yet");
        return all;
    }
    const auto run = std::ranges::find(look->runs, job.id, &RemoteRun::job);
    if (run == look->runs.end()) {
        all.push_back("it has been sent to site " + site + ", whose gateway does not tell of it yet");
        return all;
    }
    std::string said = "it has been sent to site " + site;
    if (run->remote_id != 0)
        said += ", where it is job " + std::to_string(run->remote_id) + " of " + run->remote_user;
    said += "; " + stage_there(*run);
    all.push_back(std::move(said));
    if (!run->said.empty()) all.push_back("the site's gateway says: " + run->said);
    if (!look->gateway_answers) all.push_back("that gateway does not answer now, so this may be old");
    return all;
}

std::string partitions_of(const Snapshot& snapshot, const Job& job) {
    std::string names;
    for (const PartitionIndex index : job.partitions)
        names += (names.empty() ? "" : ",") + snapshot.partitions[index].name;
    return names;
}

// Of one that no comparison is reported of.
std::string say_why_none(const Snapshot& snapshot, const OverflowPolicy& policy, const Work& work,
                         const Job& job) {
    const OverflowRule* rule = work.rule_of(job);
    const bool asked = job.overflow.wish && *job.overflow.wish != OverflowWish::kNever;
    if (rule == nullptr)
        return asked ? "it may run elsewhere, says its user, but no overflow rule of weir.yaml covers "
                       "partition " +
                           partitions_of(snapshot, job)
                     : "";
    if (rule->forbidden) return asked ? "rule " + rule->name + " forbids it to run elsewhere" : "";
    if (wish_of(*rule, job) == OverflowWish::kNever)
        return policy.sites.empty()
                   ? ""
                   : "it is not sent elsewhere: its user has not asked for it (sbatch --weir-overflow)";
    const std::string why = why_not(job);
    return why.empty() ? "" : "it is not sent elsewhere: " + why;
}

// By what is left after everything that the plan does; what stands of it takes its room.
Comparison compared_now(const Snapshot& snapshot, const OverflowPolicy& policy, const GpuTypeTable& types,
                        const Plan& plan, const Job& job) {
    Plan scratch;
    scratch.ledger = plan.ledger;
    Work work(snapshot, policy, types, true, scratch);
    work.accounts = Accounts(policy, work.memory(), snapshot.at, snapshot.utc_offset);
    open_sites(work);
    review(work);
    return compare(work, {&job, work.rule_of(job), true});
}

}  // namespace
}  // namespace spill

std::optional<Comparison> compared(const Snapshot& snapshot, const OverflowPolicy& policy,
                                   const GpuTypeTable& types, const Plan& plan, const Job& job) {
    using namespace spill;
    const auto told = std::ranges::find_if(plan.overflow.comparisons, [&](const Comparison& one) {
        return one.job == job.id && one.label == job.label;
    });
    if (told != plan.overflow.comparisons.end()) return *told;
    if (job.state != JobState::kPending || policy.sites.empty()) return std::nullopt;
    Plan nothing;
    const Work work(snapshot, policy, types, true, nothing);
    const OverflowRule* rule = work.rule_of(job);
    if (rule == nullptr || wish_of(*rule, job) == OverflowWish::kNever || !why_not(job).empty() ||
        find_nomination(plan.ledger.overflow, job.id, job.label) != nullptr)
        return std::nullopt;
    return compared_now(snapshot, policy, types, plan, job);
}

std::vector<std::string> explain_overflow(const Snapshot& snapshot, const OverflowPolicy& policy,
                                          const GpuTypeTable& types, const Plan& plan, const Job& job) {
    using namespace spill;
    if (const std::string& site = site_of(snapshot, job); !site.empty())
        return say_of_run(snapshot, job, site);
    if (job.state != JobState::kPending || policy.rules.empty()) return {};
    std::vector<std::string> said;
    for (const Nomination& one : snapshot.ledger.overflow.nominations)
        if (one.job == job.id && one.label == job.label && waits(one, job))
            said.push_back("Weir lets it start at site " + one.site + ", too: " + one.why);
    if (!said.empty()) return said;
    if (const auto told = compared(snapshot, policy, types, plan, job)) {
        said.push_back((told->chosen.empty() ? "it is not sent elsewhere now: "
                                             : "Weir would let it start at site " + told->chosen + ": ") +
                       told->why);
        if (plan.overflow.not_looked_at > 0)
            said.emplace_back("so many jobs may go elsewhere that only the most urgent ones are looked at");
        return said;
    }
    // Nominated by this very plan, which reports no more of it.
    const Nomination* fresh = find_nomination(plan.ledger.overflow, job.id, job.label);
    if (fresh != nullptr && waits(*fresh, job))
        return {"Weir would let it start at site " + fresh->site + ": " + fresh->why};
    Plan nothing;
    const Work work(snapshot, policy, types, true, nothing);
    if (std::string why = say_why_none(snapshot, policy, work, job); !why.empty())
        said.push_back(std::move(why));
    return said;
}

}  // namespace weir::policies

// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>
#include <span>

#include "plugin/controller/view_parts.h"
#include "policies/consolidate/consolidate.h"
#include "policies/lend/lend.h"
#include "policies/overflow/overflow.h"
#include "policies/services/services.h"

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

// One for each kind of verdict on the job's GPUs: how many, and one's evidence.
std::vector<std::string> gpu_sentences(const JobUse& use) {
    std::map<Verdict, std::vector<const GpuVerdict*>> kinds;
    for (const GpuVerdict& gpu : use.gpus) kinds[gpu.verdict].push_back(&gpu);
    std::vector<std::string> sentences;
    sentences.reserve(kinds.size());
    for (const auto& [verdict, gpus] : kinds)
        sentences.push_back(std::to_string(gpus.size()) + " of its " + std::to_string(use.gpus.size()) +
                            (use.gpus.size() == 1 ? " GPU: " : " GPUs: ") + to_text(verdict) + ", as " +
                            gpus.front()->node + " GPU " + std::to_string(gpus.front()->index) + " (" +
                            gpus.front()->evidence + ")");
    return sentences;
}

// What a replica is to its service.
std::vector<std::string> replica_sentences(const View& view, const Job& job) {
    const auto report = std::ranges::find(view.plan.services, job.replica->service, &ServiceReport::service);
    if (report == view.plan.services.end()) return {};
    const auto replica = std::ranges::find(report->replicas, job.id, &ReplicaReport::job);
    if (replica == report->replicas.end()) return {};
    std::vector<std::string> sentences{"it is replica " + std::to_string(replica->number) + " of service " +
                                       report->service + ", " + to_text(replica->stage) +
                                       (replica->why.empty() ? "" : ": " + replica->why)};
    sentences.push_back("the service wants " + std::to_string(report->wanted) + ": " + report->why +
                        " (`weir explain " + report->service + "`)");
    return sentences;
}

}  // namespace

json explain_to_json(const View& view, const Reader& reader, const std::string& name) {
    std::vector<const Job*> found;
    for (const Job& job : view.snapshot.jobs) {
        // "17" also names the tasks of array 17 that have no record of their own yet, and its running tasks.
        if (job.label == name || std::to_string(job.id.value) == name || job.label.starts_with(name + "_"))
            found.push_back(&job);
    }
    std::erase_if(found, [&](const Job* job) { return !may_see(view, reader, {job->id}); });
    if (found.empty())
        return refusal("no_job", "no pending or running job " + name +
                                     (reader.privileged ? "" : " that you may see") +
                                     "; one that has ended is in `sacct -j " + name + "`");
    const bool acts = view.policy.consolidate && view.policy.acts(*view.policy.consolidate);
    const auto sentences = [&](const Job& job) {
        auto why = policies::explain(view.snapshot, view.policy.lend, view.plan, job);
        if (job.replica) {
            auto of_service = replica_sentences(view, job);
            why.insert(why.begin(), of_service.begin(), of_service.end());
        }
        const auto use = std::ranges::lower_bound(view.plan.uses, job.id, {}, &JobUse::job);
        if (use != view.plan.uses.end() && use->job == job.id)
            for (std::string& sentence : gpu_sentences(*use)) why.push_back(std::move(sentence));
        for (std::string& sentence :
             policies::explain_moves(view.snapshot, view.policy.consolidate, acts, view.plan, job))
            why.push_back(std::move(sentence));
        for (std::string& sentence : policies::explain_overflow(view.snapshot, view.policy.overflow,
                                                                view.policy.gpu_types, view.plan, job))
            why.push_back(std::move(sentence));
        if (why.empty()) why.emplace_back("Weir has nothing to do with this job");
        return why;
    };
    constexpr std::size_t kMost = 20;
    json jobs = json::array();
    for (const Job* job : std::span(found).first(std::min(kMost, found.size()))) {
        json partitions = json::array();
        for (const PartitionIndex index : job->partitions)
            partitions.push_back(view.snapshot.partitions[index].name);
        jobs.push_back({{"job", job->label},
                        {"user", job->user},
                        {"partitions", partitions},
                        {"state", job->state == JobState::kPending   ? "PENDING"
                                  : job->state == JobState::kRunning ? "RUNNING"
                                                                     : "COMPLETING"},
                        {"reason", job->reason},
                        {"why", sentences(*job)},
                        {"comparison", comparison_of(view, *job)}});
    }
    return {{"at", seconds(view.snapshot.at)},
            {"jobs", jobs},
            {"currency", view.plan.overflow.currency},
            {"more", found.size() > kMost ? found.size() - kMost : 0}};
}

}  // namespace weir::controller

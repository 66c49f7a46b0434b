// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/idle/idle.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "policies/idle/judge.h"

namespace weir::policies {
namespace {

bool names(const std::vector<std::string>& list, const std::string& word) {
    return std::ranges::find(list, word) != list.end();
}

bool is_exempt(const Exempt& exempt, const Job& job, const std::string& partition) {
    return names(exempt.users, job.user) || names(exempt.accounts, job.account) ||
           names(exempt.qos, job.qos) || names(exempt.partitions, partition) ||
           (exempt.interactive && !job.batch);
}

// "2 of 8 GPUs: 1 hung, 1 idle"; the part after the colon alone if they are all of one kind.
std::string summary(const JobUse& use) {
    std::array<int, static_cast<std::size_t>(Verdict::kHung) + 1> counts{};
    for (const GpuVerdict& gpu : use.gpus) ++counts[static_cast<std::size_t>(gpu.verdict)];
    std::string kinds;
    for (const Verdict verdict : {Verdict::kIdle, Verdict::kEmpty, Verdict::kHung}) {
        const int count = counts[static_cast<std::size_t>(verdict)];
        if (count == 0) continue;
        kinds += (kinds.empty() ? "" : ", ") + std::to_string(count) + " " + to_text(verdict);
    }
    return kinds + " of " + std::to_string(use.gpus.size()) + (use.gpus.size() == 1 ? " GPU" : " GPUs");
}

Time earliest(const JobUse& use, Time at) {
    for (const GpuVerdict& gpu : use.gpus)
        if (is_waste(gpu.verdict)) at = std::min(at, gpu.since);
    return at;
}

const GpuVerdict* worst(const JobUse& use) {
    const GpuVerdict* found = nullptr;
    for (const GpuVerdict& gpu : use.gpus)
        if (is_waste(gpu.verdict) && (found == nullptr || gpu.since < found->since)) found = &gpu;
    return found;
}

const char* ended(Rung::Do what) {
    return what == Rung::Do::kRequeue ? "requeued" : "cancelled";
}

// One job that a rule watches, while it is decided about.
class Watched {
  public:
    Watched(const Snapshot& snapshot, const Job& job, const IdleRule& rule)
        : snapshot_(snapshot), job_(job), rule_(rule) {
        use.job = job.id;
        use.rule = rule.name;
        const IdleJob* known = idle_job(snapshot.ledger, job.id);
        if (known != nullptr && known->started == job.started) {
            memory = *known;
        } else {
            memory.job = job.id;
            memory.started = job.started.value_or(snapshot.at);
        }
    }

    void judge(std::span<const GpuUse> gpus, const GpuTypeTable& types) {
        for (const GpuUse& gpu : gpus)
            use.gpus.push_back(policies::judge(snapshot_, job_, gpu, rule_, types));
        carry_on(gpus);
        const bool all = use.wasting() == static_cast<int>(use.gpus.size());
        if (!all) {
            memory.all_since.reset();
            memory.notified.reset();
        } else if (!memory.all_since) {
            memory.all_since = snapshot_.at;
        }
    }

    std::optional<Step> next() const {
        if (auto step = tell()) return step;
        if (!memory.all_since) return std::nullopt;
        for (const Rung& rung : rule_.then) {
            if (snapshot_.at - *memory.all_since < rung.after) break;
            if (rung.what == Rung::Do::kNotify && !memory.notified) return write();
            if (rung.what == Rung::Do::kRequeue && job_.requeueable) return end(rung);
            if (rung.what == Rung::Do::kCancel) return end(rung);
        }
        return std::nullopt;
    }

    bool worth_remembering() const {
        return !memory.spells.empty() || memory.before.value > 0 || !memory.told.empty();
    }

    JobUse use;
    IdleJob memory;

  private:
    // A GPU that was wasted before is so since then; one that no longer is has wasted until it was last seen.
    void carry_on(std::span<const GpuUse> gpus) {
        std::vector<GpuVerdict> before = std::exchange(memory.spells, {});
        for (std::size_t i = 0; i < use.gpus.size(); ++i) {
            GpuVerdict& gpu = use.gpus[i];
            const auto spell = std::ranges::find_if(
                before, [&](const GpuVerdict& s) { return s.node == gpu.node && s.index == gpu.index; });
            if (is_waste(gpu.verdict)) {
                if (spell != before.end()) gpu.since = std::min(gpu.since, spell->since);
                memory.spells.push_back({gpu.node, gpu.index, gpu.verdict, gpu.since, {}});
                use.wasted += Gpus{1} * (snapshot_.at - gpu.since);
            } else if (spell != before.end()) {
                const Time seen = std::min(gpus[i].sampled.value_or(snapshot_.at), snapshot_.at);
                memory.before += Gpus{1} * std::max(seen - spell->since, Duration{});
            }
        }
        use.wasted += memory.before;
    }

    std::string found() const { return summary(use) + " since " + utc(earliest(use, snapshot_.at)); }

    // Why a step is taken, for the journal.
    std::string evidence() const {
        const GpuVerdict* gpu = worst(use);
        return found() + " (" + gpu->node + " GPU " + std::to_string(gpu->index) + ": " + gpu->evidence + ")";
    }

    std::optional<Step> tell() const {
        if (std::ranges::find(rule_.then, Rung::Do::kAnnotate, &Rung::what) == rule_.then.end())
            return std::nullopt;
        // Not for every change of a job that changes all the time.
        if (memory.told_at && snapshot_.at - *memory.told_at < rule_.grace) return std::nullopt;
        // Nor because a GPU is no longer seen.
        if (!memory.told.empty() &&
            std::ranges::find(use.gpus, Verdict::kUnknown, &GpuVerdict::verdict) != use.gpus.end())
            return std::nullopt;
        const bool wastes = use.wasting() > 0;
        const bool works = std::ranges::all_of(
            use.gpus, [](const GpuVerdict& gpu) { return gpu.verdict == Verdict::kBusy; });
        if (!wastes && (!works || memory.told.empty())) return std::nullopt;
        const std::string sentence = wastes ? found() : "all its GPUs work";
        if (sentence == memory.told) return std::nullopt;
        return Step{
            TellJob{job_.id, job_.label, rule_.name, sentence}, wastes ? evidence() : sentence, {job_.id}};
    }

    Step write() const {
        std::string message = "weir: " + found() + " do no work for this job";
        const auto ending = std::ranges::find_if(rule_.then, [&](const Rung& rung) {
            return rung.what == Rung::Do::kCancel || (rung.what == Rung::Do::kRequeue && job_.requeueable);
        });
        if (ending != rule_.then.end())
            message += std::string("; unless that changes, it is ") + ended(ending->what) + " at " +
                       utc(std::max(*memory.all_since + ending->after, snapshot_.at));
        return {TellUser{job_.id, job_.label, rule_.name, message}, evidence(), {job_.id}};
    }

    Step end(const Rung& rung) const {
        const Ending how = rung.what == Rung::Do::kCancel ? Ending::kCancel : Ending::kRequeue;
        return {EndJob{job_.id, job_.label, rule_.name, use.gpus.front().node, how,
                       std::string(ended(rung.what)) + ": " + found()},
                evidence(),
                {job_.id}};
    }

    const Snapshot& snapshot_;
    const Job& job_;
    const IdleRule& rule_;
};

// The rule that watches a job; nullptr if none does.
const IdleRule* rule_of(const Snapshot& snapshot, const Job& job, const std::vector<IdleRule>& rules,
                        const std::vector<std::string>& serving) {
    // What its GPUs do, a site knows.
    if (job.partitions.empty() || !site_of(snapshot, job).empty()) return nullptr;
    const std::string& partition = snapshot.partitions[job.partitions.front()].name;
    for (const IdleRule& rule : rules) {
        const bool named =
            rule.partitions.empty() ? !names(serving, partition) : names(rule.partitions, partition);
        if (named) return is_exempt(rule.exempt, job, partition) ? nullptr : &rule;
    }
    return nullptr;
}

}  // namespace

std::vector<Duration> gpu_windows(const std::vector<IdleRule>& rules) {
    std::vector<Duration> windows;
    for (const IdleRule& rule : rules) windows.insert(windows.end(), {rule.window, rule.empty, rule.hung});
    std::ranges::sort(windows);
    windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
    return windows;
}

void idle(const Snapshot& snapshot, const std::vector<IdleRule>& rules, const GpuTypeTable& types,
          const std::vector<std::string>& serving, Plan& plan) {
    plan.ledger.idle.clear();
    int steps = 0;
    for (auto first = snapshot.gpu_uses.begin(); first != snapshot.gpu_uses.end();) {
        const auto last = std::find_if(first, snapshot.gpu_uses.end(),
                                       [&](const GpuUse& use) { return use.job != first->job; });
        const std::span<const GpuUse> gpus(first, last);
        first = last;
        const Job* job = snapshot.job(gpus.front().job);
        if (job == nullptr || job->state != JobState::kRunning) continue;
        const IdleRule* rule = rule_of(snapshot, *job, rules, serving);
        if (rule == nullptr) continue;
        Watched watched(snapshot, *job, *rule);
        watched.judge(gpus, types);
        if (watched.worth_remembering()) plan.ledger.idle.push_back(watched.memory);
        if (steps < kMostIdleSteps) {
            if (auto step = watched.next()) {
                plan.steps.push_back(std::move(*step));
                ++steps;
            }
        }
        plan.uses.push_back(std::move(watched.use));
    }
}

}  // namespace weir::policies

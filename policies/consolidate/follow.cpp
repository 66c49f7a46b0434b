// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/consolidate/work.h"
#include "policies/lend/words.h"

namespace weir::policies::consolidation {
namespace {

constexpr Duration kHoldPatience{60};    // for Slurm to make the reservation
constexpr Duration kSaveSlack{15};       // beyond what the user declared
constexpr Duration kPinPatience{120};    // for Slurm to take the pin
constexpr Duration kWatchPatience{600};  // for a job whose move failed to run again, to learn what it lost
constexpr std::size_t kPast = 200;       // moves remembered

// One move, taken one stage on.
class Follower {
  public:
    Follower(Work& work, Move& move)
        : w_(work),
          move_(move),
          job_(work.snapshot.job(move.job)),
          held_(work.snapshot.reservation(move.reservation())) {}

    void run() {
        look();
        if (move_.failure.empty()) advance();
        if (!move_.failure.empty()) undo();
    }

  private:
    Time at() const { return w_.snapshot.at; }
    bool names_ours() const { return job_ != nullptr && job_->reservation == move_.reservation(); }
    bool runs() const { return job_ != nullptr && job_->state == JobState::kRunning; }
    bool as_before() const { return runs() && job_->restarts == move_.restarts; }

    std::vector<std::string> nodes_of_job() const {
        std::vector<std::string> names;
        for (const NodeIndex node : job_->nodes) names.push_back(w_.snapshot.nodes[node].name);
        std::ranges::sort(names);
        return names;
    }

    void look() {
        if (job_ == nullptr || job_->restarts == move_.restarts) return;
        if (!move_.requeued) move_.requeued = at();
        if (runs() && !move_.started) move_.started = job_->started;
    }

    void fail(std::string why, bool blameless) {
        move_.failure = std::move(why);
        move_.blameless = blameless;
    }

    // The destination can no longer be what it was chosen for.
    std::string destination_trouble() const {
        for (const std::string& name : move_.to) {
            const auto index = w_.snapshot.node(name);
            const Node* node = index ? &w_.snapshot.nodes[*index] : nullptr;
            if (node == nullptr || node->state != NodeState::kUp || !node->reservation.empty())
                return name + " does not take jobs any more";
        }
        return {};
    }

    void advance() {
        if (job_ == nullptr) return ended();
        if (job_->state == JobState::kCompleting) return;
        if (as_before()) return before_requeue();
        if (job_->state == JobState::kPending) return after_requeue();
        arrived();
    }

    void ended() {
        if (move_.pinned) return arrived_and_ended();
        const bool instead = move_.asked && !move_.requeued;
        fail(instead ? "it ended instead of being requeued" : "it ended by itself", !instead);
    }

    // Between two looks: a short rest of work, or its user cancelled it.
    void arrived_and_ended() {
        move_.stage = MoveStage::kFree;
        take_back();
    }

    void before_requeue() {
        if (auto trouble = destination_trouble(); !trouble.empty()) return fail(std::move(trouble), true);
        if (held_ == nullptr || held_->nodes != move_.to) {
            if (!move_.asked && at() - move_.begun > kHoldPatience)
                return fail(listed(move_.to) + " could not be held for it", true);
            hold();
        }
        if (!move_.asked && held_ == nullptr) return;
        if (!move_.asked && (!wanted() || !job_->checkpoint || job_->suspended))
            return fail(!wanted() ? "it is no longer needed" : "it can no longer be asked to save", true);
        move_.stage = MoveStage::kSave;
        if (!move_.asked)
            return step(AskToSave{move_.job, move_.label, move_.restarts, job_->checkpoint->signal,
                                  "asked to save and requeue itself, to be " + way()});
        const Duration within = job_->checkpoint ? job_->checkpoint->within : Duration{};
        if (at() > *move_.asked + within + kSaveSlack)
            fail("it did not save and requeue itself within " + to_text(within), false);
    }

    void hold() { step(HoldNodes{move_.reservation(), move_.to, move_.user, expiry_of(*job_)}); }

    bool wanted() const {
        const auto& clearings = w_.memory().clearings;
        return std::ranges::find(clearings, move_.goal, &Clearing::goal) != clearings.end();
    }

    void after_requeue() {
        if (job_->restarts == move_.restarts) return fail("Slurm no longer has it running", true);
        if (job_->held) return fail("it is held", true);
        if (!job_->reservation.empty() && !names_ours())
            return fail("it was made to use reservation " + job_->reservation, true);
        if (auto trouble = destination_trouble(); !trouble.empty()) return fail(std::move(trouble), true);
        if (held_ == nullptr) {
            if (at() - *move_.requeued > kPinPatience) return fail("its reservation is gone", true);
            return hold();
        }
        if (!names_ours()) {
            move_.stage = MoveStage::kPin;
            if (at() - *move_.requeued > kPinPatience)
                return fail("Slurm did not let it use " + listed(move_.to), true);
            return step(PinJob{move_.job, move_.label, move_.reservation(), move_.to, way()});
        }
        move_.stage = MoveStage::kStart;
        if (!move_.pinned) move_.pinned = at();
        if (at() > *move_.pinned + w_.start_patience())
            fail("it did not start on " + listed(move_.to) + " within " + to_text(w_.start_patience()), true);
    }

    void arrived() {
        if (nodes_of_job() != move_.to)
            return fail("Slurm started it on " + listed(nodes_of_job()) + " before it could be told where",
                        true);
        move_.stage = MoveStage::kFree;
        take_back();
    }

    // Whatever was done for the move; over once nothing of it is left.
    void undo() {
        move_.stage = MoveStage::kUndo;
        take_back();
        const bool waits =
            job_ != nullptr && move_.requeued && !move_.started && at() - *move_.requeued < kWatchPatience;
        if (waits) move_.ended.reset();
    }

    void take_back() {
        if (names_ours() && job_->state != JobState::kCompleting)
            step(UnpinJob{move_.job, move_.label, move_.reservation(),
                          move_.failure.empty() ? std::string() : "not moved after all: " + move_.failure});
        if (held_ != nullptr && !(names_ours() && job_->state == JobState::kCompleting))
            step(ReleaseNodes{move_.reservation()});
        if (!names_ours() && held_ == nullptr) move_.ended = at();
    }

    // What its user reads: of no other job.
    std::string way() const {
        return "moved from " + listed(move_.from) + " to " + listed(move_.to) +
               " to bring free GPUs together";
    }

    void step(Action action) {
        const std::string why = move_.failure.empty() ? move_.why : "the move is off: " + move_.failure;
        std::vector<JobId> jobs{move_.job};
        if (move_.failure.empty() && move_.for_job) jobs.push_back(*move_.for_job);
        const bool release = std::holds_alternative<ReleaseNodes>(action);
        const bool unpinned_first = release && names_ours();
        (release && !unpinned_first ? w_.releases : w_.steps)
            .push_back({std::move(action), why, std::move(jobs)});
    }

    Work& w_;
    Move& move_;
    const Job* job_;
    const Reservation* held_;
};

void count(Consolidation& memory, const Move& move) {
    if (move.blameless) return;
    auto place = std::ranges::lower_bound(memory.records, move.user, {}, &MoveRecord::user);
    if (place == memory.records.end() || place->user != move.user)
        place = memory.records.insert(place, {move.user, 0, 0});
    ++place->moves;
    if (!move.failure.empty()) ++place->failed;
}

}  // namespace

void follow(Work& work) {
    Consolidation& memory = work.memory();
    for (Move& move : memory.moves) Follower(work, move).run();
    for (const Move& move : memory.moves) {
        if (!move.ended) continue;
        count(memory, move);
        memory.past.push_back(move);
    }
    std::erase_if(memory.moves, [](const Move& move) { return move.ended.has_value(); });
    if (memory.past.size() > kPast)
        memory.past.erase(memory.past.begin(), memory.past.end() - static_cast<std::ptrdiff_t>(kPast));
}

}  // namespace weir::policies::consolidation

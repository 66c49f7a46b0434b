// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/decide.h"

#include <algorithm>

namespace weir::job_submit {
namespace {

enum class Access { kNo, kUnknown, kYes };

// Accounts are compared by name, while Slurm lets sub-accounts of a listed one in, too: another name says
// nothing.
Access access(const Rule& rule, const Submission& submission) {
    if (!rule.restricted) return Access::kYes;
    if (rule.uids.empty() && rule.accounts.empty()) return Access::kUnknown;
    if (!rule.uids.empty() && std::ranges::find(rule.uids, submission.uid) == rule.uids.end())
        return Access::kNo;
    if (rule.accounts.empty()) return Access::kYes;
    const bool listed = std::ranges::find(rule.accounts, submission.account) != rule.accounts.end();
    return listed && !submission.account.empty() ? Access::kYes : Access::kUnknown;
}

}  // namespace

// A modification time in the future by more than clocks of a shared file system differ is no sign of life.
bool fresh(const Knowledge& knowledge, Time now) {
    const Duration age = now - knowledge.written;
    const Duration valid_for = knowledge.heartbeat->valid_for;
    return age <= valid_for && age >= -valid_for;
}

Decision decide(const Submission& submission, const Knowledge& knowledge, Time now,
                const std::function<Existence(const std::string&)>& reservation_exists) {
    if (knowledge.heartbeat == nullptr || submission.partitions.empty() || !submission.reservation.empty()) {
        return LeaveAlone{};
    }
    const bool alive = fresh(knowledge, now);
    bool controller_may_name = false;
    for (const Rule& rule : knowledge.heartbeat->rules) {
        if (rule.partition != submission.partitions) continue;
        const Access may = access(rule, submission);
        if (may == Access::kNo) continue;
        const Existence exists = reservation_exists(rule.reservation);
        // Capacity that is frozen where it stood stays usable; what may have gone home since is not promised.
        if (exists == Existence::kNo || (!alive && exists != Existence::kYes)) continue;
        if (may == Access::kYes && fits(rule, submission.request, submission.cpus_per_task)) {
            return NameReservation{rule.reservation};
        }
        controller_may_name = alive;
    }
    const Time begin = now + kBeginAhead;
    const bool begins_later_anyway = submission.begin && *submission.begin > begin;
    if (!controller_may_name || begins_later_anyway || submission.immediate) return LeaveAlone{};
    return BeginLater{begin};
}

}  // namespace weir::job_submit

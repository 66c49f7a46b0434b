// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/result.h"

namespace weir::slurm {

// Who may use a reservation. All empty: everybody. `users` and `groups` exclude each other.
struct Access {
    std::vector<std::string> users;
    std::vector<std::string> accounts;
    std::vector<std::string> groups;
};

// A standing reservation as Weir makes it: from now on without end, around running jobs (IGNORE_JOBS), and
// one whose end holds no job (NO_HOLD_JOBS_AFTER_END). `nodes` must not be empty.
Result<void> create_reservation(const std::string& name, const std::vector<std::string>& nodes,
                                const Access& access);

// Replaces the node list; running and waiting jobs are left as they are. A wrong name is refused as a whole.
Result<void> set_reservation_nodes(const std::string& name, const std::vector<std::string>& nodes);

// Already gone counts as done.
Result<void> delete_reservation(const std::string& name);

// A reservation around running jobs that runs out once no job has named it for `expires`; what is there by
// that name is made so.
Result<void> hold_nodes(const std::string& name, const std::vector<std::string>& nodes,
                        const std::string& user, std::chrono::seconds expires);

// What to change of a pending or running job; absent fields stay.
struct JobChange {
    std::optional<std::string> reservation;  // empty: none
    std::optional<std::string> admin_comment;
    std::vector<std::string> partitions;  // of a pending job, its whole list; empty: as it is
    std::optional<std::chrono::minutes> time_limit;
    bool start_now = false;                           // takes away the begin time
    std::optional<std::chrono::seconds> start_after;  // of a pending job: from now on
    // Slurm's own rest after a requeue is cut short; slurmd ends a job that is back on its node in the very
    // second in which it was ended there.
    bool start_soon = false;
};

// Whether slurmctld answered and said no, rather than not at all.
bool refused(const Error& error);

// Jobs are named as Slurm's commands name them: "17", "17_4", "17_[5-9]".
Result<void> update_job(const std::string& job, const JobChange& change);
// To the batch script alone, or to all steps and not to the script: as sbatch --signal does with and without
// "B:".
Result<void> signal_job(const std::string& job, int signal, bool batch_only);
// A line on standard error of the job, or of its srun or salloc: scontrol notify.
Result<void> write_to_user(std::uint32_t job_id, const std::string& message);
// `held`: until it is released.
Result<void> requeue_job(const std::string& job, bool held = false);
// Lets a suspended job run on.
Result<void> resume_job(const std::string& job);
Result<void> cancel_job(const std::string& job);

}  // namespace weir::slurm

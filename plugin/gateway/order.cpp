// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/order.h"

#include <algorithm>

#include "plugin/config/words.h"
#include "plugin/job_submit/token.h"

namespace weir::gateway {
namespace {

// Whether a block of NAME=VALUE, each ended by a zero byte, has that one.
bool holds(const std::string& environment, const std::string& entry) {
    return ('\0' + environment).find('\0' + entry + '\0') != std::string::npos;
}

// What sbatch --signal says for the steps. What it says for the script reaches the relay, which passes it on.
std::string warning_to_steps(const LocalJob& job) {
    const auto said = job_submit::token::get(job.admin_comment, job_submit::token::kSignal);
    return said && !said->starts_with("B:") ? *said : "";
}

}  // namespace

std::string unsendable(const LocalJob& job, const Luggage& luggage) {
    if (!job.batch) return "it is no batch job";
    if (!job.container.empty()) return "it runs in a container (--container)";
    if (holds(luggage.environment, "SLURM_GET_USER_ENV=1"))
        return "its user's login shell is to run where it starts (--get-user-env, or an --export without "
               "ALL)";
    if (job.heterogeneous) return "it is a component of a heterogeneous job";
    if (job.time_limit.count() == 0) return "it has no time limit";
    if (job.node_count < 1) return "it has no node";
    if (!job.gpus.empty() &&
        (std::ranges::adjacent_find(job.gpus, std::ranges::not_equal_to{}) != job.gpus.end() ||
         job.gpus.size() != static_cast<std::size_t>(job.node_count)))
        return "its GPUs are spread unevenly over its nodes";
    // Sites are asked in JSON, which has no other text.
    if (const auto valid = config::utf8_prefix(luggage.script); valid < luggage.script.size())
        return "line " + std::to_string(1 + std::ranges::count(luggage.script.substr(0, valid), '\n')) +
               " of its script is no UTF-8";
    if (luggage.script.find('\0') != std::string::npos) return "its script holds a zero byte";
    return {};
}

rest::Submission make_order(const Record& record, const LocalJob& job, const Luggage& luggage,
                            const config::SiteConnection& site) {
    RemoteScript script;
    script.directory = record.directory;
    script.script = luggage.script;
    script.arguments = record.arguments;
    script.nonce = record.name.substr(record.name.rfind('.') + 1);
    script.again = record.doubted;
    script.exported["WEIR_SITE"] = record.site;
    script.exported["WEIR_HOME_JOB_ID"] = std::to_string(job.id);
    if (job.array_job) {
        // The site knows one job where there is one task of an array here.
        script.exported["SLURM_ARRAY_JOB_ID"] = std::to_string(*job.array_job);
        script.exported["SLURM_ARRAY_TASK_ID"] = std::to_string(job.array_task);
    }
    if (!job.name.empty()) script.exported["SLURM_JOB_NAME"] = job.name;
    script.exported["SLURM_RESTART_COUNT"] = std::to_string(job.restarts);

    rest::Submission order;
    order.name = record.name;
    order.script = to_text(script);
    order.working_directory = config::for_account(site.root, record.run.remote_user);
    order.standard_output = record.output;
    order.standard_error = record.errors;
    order.environment = for_remote(luggage.environment);
    // The interface wants one variable at least.
    order.environment.emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
    order.partition = site.partition;
    order.account = site.account;
    order.qos = site.qos;
    // Of two submissions by one name, where the answer to the first was lost, Slurm starts the second only
    // after the first has ended; by then it is known and withdrawn.
    order.dependency = "singleton";
    order.nodes = job.node_count;
    order.tasks = std::max(1, job.tasks);
    order.tasks_per_node = job.tasks_per_node;
    order.cpus_per_task = job.cpus_per_task;
    order.memory_per_node = job.memory_per_node;
    order.memory_per_cpu = job.memory_per_cpu;
    order.gpu_type = job.gpu_type;
    order.gpus_per_node = job.gpus.empty() ? 0 : job.gpus.front();
    order.exclusive = job.exclusive;
    order.time_limit = job.time_limit;
    order.signal = warning_to_steps(job);
    return order;
}

}  // namespace weir::gateway

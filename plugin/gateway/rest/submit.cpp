// SPDX-License-Identifier: GPL-2.0-or-later
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "plugin/gateway/rest/messages.h"

namespace weir::rest {
namespace {

using Object = nlohmann::json;

constexpr Version kLastOfOptions{
    38};  // up to here members are sbatch's options, later those of Slurm's structures

std::int64_t minutes(Duration duration) {
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::ratio<60>>>(duration).count();
}

Object wrapped(std::int64_t number) {
    return {{"set", true}, {"infinite", false}, {"number", number}};
}

void set_text(Object& job, const char* key, const std::string& value) {
    if (!value.empty()) job[key] = value;
}

std::string gpus_text(const Submission& submission) {
    return "gpu:" + (submission.gpu_type.empty() ? "" : submission.gpu_type + ":") +
           std::to_string(submission.gpus_per_node);
}

// What all versions spell alike.
Object common(const Submission& submission) {
    Object job;
    set_text(job, "name", submission.name);
    set_text(job, "current_working_directory", submission.working_directory);
    set_text(job, "standard_output", submission.standard_output);
    set_text(job, "standard_error", submission.standard_error);
    set_text(job, "partition", submission.partition);
    set_text(job, "account", submission.account);
    set_text(job, "qos", submission.qos);
    set_text(job, "comment", submission.comment);
    set_text(job, "dependency", submission.dependency);
    job["tasks"] = submission.tasks;
    job["cpus_per_task"] = submission.cpus_per_task;
    if (submission.tasks_per_node > 0) job["tasks_per_node"] = submission.tasks_per_node;
    return job;
}

void add_options(Object& job, const Submission& submission) {
    job["nodes"] = std::to_string(submission.nodes);
    // Memory is in MiB where it has no unit.
    if (submission.memory_per_node > 0) job["memory_per_node"] = std::to_string(submission.memory_per_node);
    if (submission.memory_per_cpu > 0) job["memory_per_cpu"] = std::to_string(submission.memory_per_cpu);
    if (submission.gpus_per_node > 0) job["gres"] = gpus_text(submission);
    if (submission.time_limit > Duration(0)) job["time_limit"] = minutes(submission.time_limit);
    if (const Warning warning = warning_of(submission.signal); !warning.batch)
        set_text(job, "signal", submission.signal);
    // Naming either is saying yes to it, whatever the value.
    job[submission.requeue ? "requeue" : "no_requeue"] = true;
    if (submission.exclusive) job["exclusive"] = "exclusive";
    job["environment"] = submission.environment;
}

void add_structure(Object& job, const Submission& submission) {
    job["nodes"] = std::to_string(submission.nodes);
    if (submission.memory_per_node > 0) job["memory_per_node"] = wrapped(submission.memory_per_node);
    if (submission.memory_per_cpu > 0) job["memory_per_cpu"] = wrapped(submission.memory_per_cpu);
    if (submission.gpus_per_node > 0) job["tres_per_node"] = "gres:" + gpus_text(submission);
    if (submission.time_limit > Duration(0)) job["time_limit"] = wrapped(minutes(submission.time_limit));
    if (!submission.signal.empty()) {
        const Warning warning = warning_of(submission.signal);
        job["kill_warning_signal"] = warning.signal;
        job["kill_warning_delay"] = wrapped(warning.delay.count());
        if (warning.batch) job["kill_warning_flags"] = Object::array({"BATCH_JOB"});
    }
    job["requeue"] = submission.requeue;
    if (submission.exclusive) job["shared"] = Object::array({"none"});
    Object& environment = job["environment"] = Object::array();
    for (const auto& [name, value] : submission.environment) environment.push_back(name + "=" + value);
}

// Text that is no UTF-8 goes out with replacement characters.
std::string written(const Object& object) {
    return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

}  // namespace

Warning warning_of(const std::string& option) {
    Warning warning;
    std::string_view text = option;
    if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        warning.batch = text.substr(0, colon).find('B') != std::string_view::npos;
        text.remove_prefix(colon + 1);
    }
    const auto at = text.find('@');
    warning.signal = text.substr(0, at);
    if (at == std::string_view::npos) return warning;
    int seconds = 0;
    const auto read = std::from_chars(text.data() + at + 1, text.data() + text.size(), seconds);
    if (read.ec == std::errc()) warning.delay = Duration(seconds);
    return warning;
}

std::string submit_body(Version version, const Submission& submission) {
    Object job = common(submission);
    if (version <= kLastOfOptions)
        add_options(job, submission);
    else
        add_structure(job, submission);
    return written({{"script", submission.script}, {"job", std::move(job)}});
}

}  // namespace weir::rest

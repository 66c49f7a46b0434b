// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/slurm_check.h"

#include <slurm/slurm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>

#include "plugin/cli/apart.h"
#include "plugin/cli/read.h"
#include "plugin/job_submit/heartbeat.h"
#include "plugin/observe/observe.h"
#include "plugin/slurm/query.h"
#include "plugin/slurm/session.h"

namespace weir::cli {
namespace {

using config::Finding;
using config::Severity;

constexpr std::chrono::seconds kPatience{60};

// The parts of slurm.conf, as slurmctld holds it, that an installation of Weir touches.
struct Controller {
    std::vector<std::string> job_submit_plugins;
    bool hides_nodes = false;  // from those who are not operators
};

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> words;
    std::size_t begin = 0;
    while (begin <= list.size()) {
        const std::size_t end = std::min(list.find(',', begin), list.size());
        if (end > begin) words.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

Result<Controller> load_controller() {
    slurm_conf_t* conf = nullptr;
    if (slurm_load_ctl_conf(0, &conf) != SLURM_SUCCESS)
        return failure("asking slurmctld for its configuration: " + slurm::last_error());
    Controller controller;
    if (conf->job_submit_plugins != nullptr) controller.job_submit_plugins = split(conf->job_submit_plugins);
    controller.hides_nodes = (conf->private_data & (PRIVATE_DATA_NODES | PRIVATE_DATA_PARTITIONS)) != 0;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_free_conf(conf);
#else
    slurm_free_ctl_conf(conf);
#endif
    return controller;
}

// Whether weirctld works on this cluster, as far as this user may see it: it renews a file every cycle.
void check_heartbeat(const std::string& state_directory, std::vector<Finding>& findings) {
    const std::string path = job_submit::heartbeat_path(state_directory);
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT)
            findings.push_back(
                {Severity::kWarning, "",
                 "weirctld has not worked here yet: there is no " + path +
                     " (is this the host of slurmctld, and sched_weir or weirctld.service set up?)"});
        return;
    }
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto heartbeat = job_submit::parse(text);
    if (!heartbeat) return;
    const Duration age(std::time(nullptr) - status.st_mtime);
    if (age > heartbeat->valid_for)
        findings.push_back({Severity::kWarning, "",
                            "weirctld last renewed " + path + " " + to_text(age) +
                                " ago: it is stopped or paused (`weir status` tells)"});
}

void check_installation(const config::Policy& policy, const Controller& controller,
                        const slurm::Session& session, std::vector<Finding>& findings) {
    const auto acts = [&](const auto& rule) { return policy.acts(rule); };
    if (!std::ranges::any_of(policy.lend, acts) && !std::ranges::any_of(policy.overflow.rules, acts)) return;
    std::ranges::move(check_plugins(policy, controller.job_submit_plugins), std::back_inserter(findings));
    check_heartbeat(session.state_directory(), findings);
}

// Runs in the process apart.
SlurmCheck ask_slurm(const config::Policy& policy) {
    const slurm::Session session;
    SlurmCheck check;
    auto give_up = [&](const std::string& why) {
        check.findings.push_back({Severity::kWarning, "", "names were not compared with Slurm's: " + why});
        return check;
    };
    const auto controller = load_controller();
    if (!controller) return give_up(controller.error().message);
    if (controller->hides_nodes && geteuid() != 0 && geteuid() != session.slurm_user())
        return give_up("PrivateData of slurm.conf hides nodes or partitions; ask root or SlurmUser to check");
    slurm::Tables tables;
    if (auto loaded = tables.refresh(); !loaded) return give_up(loaded.error().message);
    std::vector<std::string> reservations;
    for (std::uint32_t i = 0; i < tables.reservations().record_count; ++i) {
        const char* name = tables.reservations().reservation_array[i].name;
        if (name != nullptr && std::string_view(name).starts_with("weir_")) reservations.emplace_back(name);
    }
    std::ranges::sort(reservations);
    observe::Names users;
    const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    check.findings =
        config::check_names(policy, observe::to_snapshot(tables, reservations, now, users, false));
    check.cluster = session.cluster();
    check_installation(policy, *controller, session, check.findings);
    return check;
}

std::string to_line(const SlurmCheck& check) {
    json findings = json::array();
    for (const Finding& finding : check.findings)
        findings.push_back({finding.severity == Severity::kError, finding.rule, finding.message});
    return json{{"cluster", check.cluster}, {"findings", findings}}.dump(-1, ' ', false,
                                                                         json::error_handler_t::replace);
}

SlurmCheck from_line(const std::string& line) {
    SlurmCheck check;
    const json object = json::parse(line);
    check.cluster = object.at("cluster");
    for (const json& finding : object.at("findings"))
        check.findings.push_back(
            {finding.at(0) ? Severity::kError : Severity::kWarning, finding.at(1), finding.at(2)});
    return check;
}

}  // namespace

std::vector<Finding> check_plugins(const config::Policy& policy,
                                   const std::vector<std::string>& job_submit_plugins) {
    if (std::ranges::find(job_submit_plugins, "weir") != job_submit_plugins.end()) return {};
    const auto acts = [&](const auto& rule) { return policy.acts(rule); };
    const std::string missing = "JobSubmitPlugins of slurm.conf does not name weir: ";
    std::vector<Finding> findings;
    if (std::ranges::any_of(policy.lend, acts))
        findings.push_back({Severity::kWarning, "",
                            missing +
                                "a borrower's job uses lent nodes only from weirctld's next cycle on, not "
                                "from its submission"});
    if (std::ranges::any_of(policy.overflow.rules, acts))
        findings.push_back({Severity::kWarning, "",
                            missing +
                                "nothing heeds --weir-overflow and what else users say of running elsewhere, "
                                "and who names a gateway's partition is told so only when his job has "
                                "failed there"});
    return findings;
}

SlurmCheck check_against_slurm(const config::Policy& policy) {
    const auto answer = run_apart([&] { return to_line(ask_slurm(policy)); }, kPatience);
    if (answer) return from_line(*answer);
    return {"",
            {{Severity::kWarning, "", "names were not compared with Slurm's: " + answer.error().message}}};
}

}  // namespace weir::cli

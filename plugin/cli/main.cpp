// SPDX-License-Identifier: GPL-2.0-or-later
// weir: what Weir does, plans and knows, and the few things that an administrator tells it to do.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "plugin/cli/check.h"
#include "plugin/cli/client.h"
#include "plugin/cli/places.h"
#include "plugin/cli/print.h"
#include "plugin/cli/topology.h"
#include "plugin/config/values.h"
#include "topology/show/show.h"

namespace {

using namespace weir;
using cli::json;
using cli::Look;

// Exit statuses, as weir(1) documents them.
constexpr int kFine = 0;
constexpr int kRefused = 1;      // weirctld refused; check found errors
constexpr int kBadUse = 2;       // command line
constexpr int kUnreachable = 3;  // no weirctld answers
constexpr int kNoJob = 4;

constexpr int kSchema = 1;  // of --json
constexpr std::chrono::seconds kQuestionPatience{10};
constexpr std::chrono::seconds kOrderPatience{35};  // weirctld itself gives up after 30

struct Options {
    bool as_json = false;
    std::string socket;
    std::string config;
    std::string job;
    std::string by = "job";
    std::string file;
    std::vector<std::string> rules;
    bool all = false;
    std::string from;
    std::string node;
    std::string service;
    std::string count;
    std::string time;
    bool as_gres_conf = false;
    bool as_dot = false;
};

bool is_terminal_wanting_colour(int descriptor) {
    const char* terminal = std::getenv("TERM");
    const char* refused = std::getenv("NO_COLOR");
    return isatty(descriptor) != 0 && (refused == nullptr || *refused == '\0') && terminal != nullptr &&
           std::string_view(terminal) != "dumb";
}

Look look_at(int descriptor) {
    Look look;
    look.now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    look.colour = is_terminal_wanting_colour(descriptor);
    winsize size{};
    if (isatty(descriptor) != 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0)
        look.width = std::clamp<int>(size.ws_col, 80, 160);
    return look;
}

int complain(int status, const std::string& message) {
    std::cerr << cli::wrapped("weir: ", message, 2, look_at(STDERR_FILENO));
    return status;
}

int say(const std::string& text) {
    std::cout << text << std::flush;
    return std::cout ? kFine : complain(kRefused, "standard output cannot be written");
}

int say_json(const json& result) {
    json object{{"schema", kSchema}};
    object.update(result);
    return say(object.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

int complain_of_silence(const cli::SocketPlace& place, const std::string& why) {
    complain(kUnreachable, "weirctld cannot be reached: " + place.path + ": " + why);
    const Look look = look_at(STDERR_FILENO);
    std::cerr << cli::wrapped(
                     "  ",
                     "It runs on the host of slurmctld, started by sched_weir or as weirctld.service: see "
                     "whether one of them runs there, and what weirctld.log says.",
                     2, look)
              << cli::wrapped("  ",
                              "The path " + place.source +
                                  "; --socket, WEIR_SOCKET or control.socket of "
                                  "weir.yaml names another.",
                              2, look);
    return kUnreachable;
}

// Asks, and has `print` turn the result into what a person reads.
template <class Print>
int converse(const Options& options, const json& request, std::chrono::seconds patience, Print print) {
    const cli::SocketPlace place = cli::control_socket(options.socket, options.config);
    if (!place.errors.empty()) {
        for (const std::string& error : place.errors) complain(kBadUse, error);
        return kBadUse;
    }
    const cli::Answer answer = cli::ask(place.path, request, patience);
    if (answer.kind == cli::Answer::Kind::kUnreachable) return complain_of_silence(place, answer.message);
    if (answer.kind == cli::Answer::Kind::kRefused)
        return complain(answer.code == "no_job" ? kNoJob : kRefused, answer.message);
    if (options.as_json) return say_json(answer.result);
    return say(print(answer.result, place));
}

int show(const Options& options, const json& request, std::string (*print)(const json&, const Look&)) {
    return converse(options, request, kQuestionPatience, [&](const json& result, const cli::SocketPlace&) {
        return print(result, look_at(STDOUT_FILENO));
    });
}

int show_idle(const Options& options) {
    return converse(options, {{"ask", "idle"}}, kQuestionPatience,
                    [&](const json& result, const cli::SocketPlace&) {
                        return cli::print_idle(result, options.by, look_at(STDOUT_FILENO));
                    });
}

int show_services(const Options& options) {
    return show(options, {{"ask", "services"}, {"service", options.service}}, cli::print_services);
}

int scale(const Options& options) {
    json request{{"ask", "scale"}, {"service", options.service}};
    if (options.count == "auto") {
        if (!options.time.empty()) return complain(kBadUse, "--for goes with a count, not with auto");
    } else {
        const auto count = config::read_count(options.count);
        if (!count) return complain(kBadUse, count.error() + " (a count, or auto)");
        request["count"] = *count;
    }
    if (!options.time.empty()) {
        const auto time = config::read_duration(options.time, {.min = std::chrono::seconds(1)});
        if (!time) return complain(kBadUse, "--for: " + time.error());
        request["seconds"] = std::chrono::duration_cast<Duration>(*time).count();
    }
    return converse(options, request, kOrderPatience, [](const json& done, const cli::SocketPlace&) {
        return cli::print_scaled(done, look_at(STDOUT_FILENO));
    });
}

int explain(const Options& options) {
    if (config::read_service_name(options.job))
        return show(options, {{"ask", "services"}, {"service", options.job}}, cli::print_explained_service);
    const bool plausible = std::ranges::all_of(options.job, [](char c) {
        return std::string_view("0123456789_[]-,+%").find(c) != std::string_view::npos;
    });
    if (!plausible || options.job.empty() || options.job.front() < '0' || options.job.front() > '9')
        return complain(kBadUse, "\"" + cli::harmless(options.job) +
                                     "\" is neither a job id (try 17 or 17_4) nor a service");
    return show(options, {{"ask", "explain"}, {"job", options.job}}, cli::print_explain);
}

int check(const Options& options) {
    const auto file = cli::policy_file(options.file.empty() ? options.config : options.file);
    const cli::CheckReport report = cli::check(file);
    const int said = options.as_json ? say_json(cli::to_json(report))
                                     : say(cli::print_check(report, look_at(STDOUT_FILENO)));
    return report.has_errors() ? kRefused : said;
}

int show_topology(const Options& options) {
    if (!options.node.empty() && !options.from.empty())
        return complain(kBadUse, "a node and --from exclude each other");
    const auto reading = options.node.empty()
                             ? cli::machine_from(options.from)
                             : cli::machine_of_node(options.node, cli::agent_port(options.config));
    if (!reading) return complain(kRefused, reading.error().message);
    for (const std::string& remark : reading->remarks) complain(kFine, remark);
    const Machine& machine = reading->machine;
    if (options.as_json) return say_json(topology::to_json(machine));
    if (options.as_gres_conf) return say(topology::to_gres_conf(machine));
    if (options.as_dot) return say(topology::to_dot(machine));
    return say(topology::to_tree(machine, look_at(STDOUT_FILENO).width));
}

int pause(const Options& options) {
    return converse(options, {{"ask", "pause"}}, kOrderPatience, [](const json&, const cli::SocketPlace&) {
        return cli::print_pause(look_at(STDOUT_FILENO));
    });
}

int resume(const Options& options) {
    return converse(options, {{"ask", "resume"}, {"rules", options.rules}}, kOrderPatience,
                    [](const json& done, const cli::SocketPlace&) {
                        return cli::print_resume(done, look_at(STDOUT_FILENO));
                    });
}

int bring_home(const Options& options) {
    if (options.all != options.rules.empty())
        return complain(kBadUse, options.all ? "--all and names of rules exclude each other"
                                             : "name the rules whose loans shall come home, or give --all");
    return converse(
        options, {{"ask", "return"}, {"rules", options.rules}}, kOrderPatience,
        [&](const json&, const cli::SocketPlace& place) {
            const cli::Answer status = cli::ask(place.path, {{"ask", "status"}}, kQuestionPatience);
            return cli::print_return(options.rules, status.result, look_at(STDOUT_FILENO));
        });
}

int run(int argc, char** argv) {
    Options options;
    CLI::App app{"weir: what Weir lends between the partitions of this Slurm cluster, and why"};
    app.name("weir");
    app.fallthrough();
    app.require_subcommand(1);
    app.set_version_flag("--version", WEIR_VERSION);
    app.add_flag("--json", options.as_json, "print JSON, as weir(1) describes it");
    app.add_option("--socket", options.socket, "weirctld's control socket")->type_name("PATH");
    app.add_option("--config", options.config, "weir.yaml (default: beside slurm.conf)")->type_name("FILE");
    app.footer("Every command takes --json, --socket and --config. See weir(1).");

    int (*chosen)(const Options&) = nullptr;
    auto command = [&](const char* name, const char* help, int (*action)(const Options&)) {
        CLI::App* added = app.add_subcommand(name, help);
        added->callback([&chosen, action] { chosen = action; });
        return added;
    };
    command("status", "partitions, rules, and whether Weir works", [](const Options& o) {
        return show(o, {{"ask", "status"}}, cli::print_status);
    });
    command("plan", "what Weir does now, or would do, and why", [](const Options& o) {
        return show(o, {{"ask", "plan"}}, cli::print_plan);
    });
    command("loans", "which nodes are lent, since when and why", [](const Options& o) {
        return show(o, {{"ask", "loans"}}, cli::print_loans);
    });
    command("moves", "jobs that are or were moved to other nodes, and what that cost", [](const Options& o) {
        return show(o, {{"ask", "moves"}}, cli::print_moves);
    });
    command("sites", "remote sites: how they stand, what they cost, and who is there", [](const Options& o) {
        return show(o, {{"ask", "sites"}}, cli::print_sites);
    });
    command("idle", "jobs that hold GPUs and do not use them", show_idle)
        ->add_option("--by", options.by, "add up by job, user, account or partition")
        ->check(CLI::IsMember({"job", "user", "account", "partition"}))
        ->type_name("WHAT");
    command("services", "replicas of services, and the signals they follow", show_services)
        ->add_option("SERVICE", options.service, "this one alone")
        ->type_name("");
    CLI::App* scaling = command("scale", "pin the replicas of a service, or unpin them", scale);
    scaling->add_option("SERVICE", options.service, "which")->required()->type_name("");
    scaling->add_option("COUNT", options.count, "replicas, or auto: as the signals ask")
        ->required()
        ->type_name("");
    scaling->add_option("--for", options.time, "then the signals decide again (as in 2h)")->type_name("TIME");
    command("explain", "why a job waits or what becomes of it; why a service has so many replicas", explain)
        ->add_option("JOBID|SERVICE", options.job, "as squeue shows it: 17, 17_4; or a service")
        ->required()
        ->type_name("");
    command("check", "whether weir.yaml is right, and fits this Slurm", check)
        ->add_option("FILE", options.file, "default: weir.yaml beside slurm.conf")
        ->type_name("");
    CLI::App* shape =
        command("topology", "what a machine is made of: cores, GPUs, NICs, links", show_topology);
    shape->add_option("NODE", options.node, "another node, through its weir-agent")->type_name("");
    shape->add_option("--from", options.from, "an XML file of hwloc's or NCCL's instead")->type_name("FILE");
    CLI::Option* gres_conf = shape->add_flag("--gres-conf", options.as_gres_conf, "as lines for gres.conf");
    shape->add_flag("--dot", options.as_dot, "as a picture for Graphviz")->excludes(gres_conf);
    command("pause", "change nothing until resume", pause);
    command("resume", "end a pause; let rules lend again", resume)
        ->add_option("RULE", options.rules, "default: every rule")
        ->type_name("");
    CLI::App* home = command("return", "bring loans home and keep them there", bring_home);
    home->add_option("RULE", options.rules, "the rules whose loans come home")->type_name("");
    home->add_flag("--all", options.all, "of every rule");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kFine : kBadUse;
    }
    return chosen(options);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        return complain(kRefused, error.what());
    }
}

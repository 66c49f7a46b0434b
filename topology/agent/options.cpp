// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace weir::agent {
namespace {

using std::chrono::seconds;

constexpr int kBadUse = 2;
constexpr seconds kLongestPeriod{600};

// As Slurm calls it where slurmd starts us; nodes are mostly called by their short host names.
std::string own_name() {
    if (const char* name = std::getenv("SLURMD_NODENAME"); name != nullptr && *name != '\0') return name;
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) return "localhost";
    const std::string name = host.data();
    return name.substr(0, name.find('.'));
}

}  // namespace

Result<seconds> parse_period(const std::string& text) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [unit, error] = std::from_chars(text.data(), end, count);
    const std::string_view rest(unit, static_cast<std::size_t>(end - unit));
    const bool whole = error == std::errc{} && (rest == "s" || rest == "m");
    const seconds longest = kLongestPeriod / (rest == "m" ? 60 : 1);
    if (!whole || count < 1 || count > longest.count())
        return failure("\"" + text + "\" is not a time from 1s to 10m (as in 10s, 1m)");
    return seconds(rest == "m" ? 60 * count : count);
}

tl::expected<Options, int> parse_options(int argc, char** argv) {
    Options options;
    bool once = false;
    bool measure = false;
    std::string listen = to_text(options.listen);
    std::string period = "10s";
    CLI::App app{"weir-agent: tells what this node is made of and what its GPUs do, over HTTP"};
    app.name("weir-agent");
    app.add_option("--listen", listen, "where /metrics, /topology and /healthz are served")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    app.add_option("--period", period, "time between two samples, 1s to 10m")
        ->type_name("TIME")
        ->capture_default_str();
    app.add_option("--node", options.node, "Slurm's name of this node (default: its short host name)")
        ->type_name("NAME");
    CLI::Option* one = app.add_flag("--once", once, "print one sample of the GPUs and end");
    app.add_flag("--measure", measure, "measure the GPUs, print lines for weir.yaml and end")->excludes(one);
    app.set_version_flag("--version", WEIR_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return tl::make_unexpected(app.exit(error) == 0 ? 0 : kBadUse);
    }
    const auto refused = [](const char* option, const Error& error) {
        std::cerr << "weir-agent: " << option << ": " << error.message << std::endl;
        return tl::make_unexpected(kBadUse);
    };
    const auto address = parse_address(listen);
    if (!address) return refused("--listen", address.error());
    const auto time = parse_period(period);
    if (!time) return refused("--period", time.error());
    options.listen = *address;
    options.period = *time;
    if (options.node.empty()) options.node = own_name();
    if (once) options.task = Options::Task::kOnce;
    if (measure) options.task = Options::Task::kMeasure;
    return options;
}

}  // namespace weir::agent

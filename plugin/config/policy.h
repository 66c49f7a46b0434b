// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "plugin/config/site.h"
#include "policies/consolidate/rule.h"
#include "policies/idle/rule.h"
#include "policies/lend/rule.h"
#include "policies/overflow/rule.h"
#include "policies/services/rule.h"

namespace weir::config {

// Where samples of GPUs come from: a Prometheus server, or the agents themselves.
struct Telemetry {
    std::string prometheus;  // "http://prom:9090"; empty: none
    std::string match;       // label matchers for its series, `cluster="a"`; may be empty
    int agents = 0;          // their port; 0: none
    Duration period = std::chrono::seconds(30);

    bool configured() const { return !prometheus.empty() || agents != 0; }

    bool operator==(const Telemetry&) const = default;
};

// weir.yaml, typed and checked.
struct Policy {
    policies::Mode mode = policies::Mode::kAdvise;
    std::chrono::milliseconds cycle = std::chrono::seconds(10);
    std::string control_socket = "/run/weir/weirctld.sock";
    std::string metrics_listen = "127.0.0.1:9811";  // "host:port"; empty: none
    Telemetry telemetry;
    policies::GpuTypeTable gpu_types;
    std::vector<policies::LendRule> lend;
    std::vector<policies::IdleRule> idle;
    std::vector<policies::ServiceRule> services;
    std::optional<policies::ConsolidateRule> consolidate;  // absent: no job is moved
    policies::OverflowPolicy overflow;
    std::vector<SiteConnection> connections;  // by site, one for each of overflow.sites

    // Whether this rule acts or only advises.
    template <class Rule>
    bool acts(const Rule& rule) const {
        return rule.mode.value_or(mode) == policies::Mode::kAct;
    }

    bool operator==(const Policy&) const = default;
};

}  // namespace weir::config

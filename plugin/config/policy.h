// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "policies/lend/rule.h"

namespace weir::config {

// weir.yaml, typed and checked.
struct Policy {
    policies::Mode mode = policies::Mode::kAdvise;
    std::chrono::milliseconds cycle = std::chrono::seconds(10);
    std::string control_socket = "/run/weir/weirctld.sock";
    std::string metrics_listen = "127.0.0.1:9811";  // "host:port"; empty: none
    std::vector<policies::LendRule> lend;

    // Whether this rule acts or only advises.
    bool acts(const policies::LendRule& rule) const {
        return rule.mode.value_or(mode) == policies::Mode::kAct;
    }

    bool operator==(const Policy&) const = default;
};

}  // namespace weir::config

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/config/policy.h"
#include "plugin/observe/observe.h"
#include "plugin/observe/services/watch.h"
#include "plugin/observe/sites/watch.h"

// What the observers have to know of weir.yaml.
namespace weir::controller {

std::vector<observe::ServiceSource> service_sources(const config::Policy& policy);
std::vector<observe::ServiceJobs> service_jobs(const config::Policy& policy);

// Of the lending rules, sorted.
std::vector<std::string> reservation_names(const config::Policy& policy);

// Sites of one gateway host and port are told of together.
std::vector<observe::GatewaySource> gateway_sources(const config::Policy& policy);
observe::Gateways gateways(const config::Policy& policy, const std::string& installation);

}  // namespace weir::controller

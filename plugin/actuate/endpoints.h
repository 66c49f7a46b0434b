// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/result.h"
#include "policies/model/service.h"
#include "policies/services/rule.h"

namespace weir::actuate {

// The replicas of a service that take requests, as Prometheus reads them from a file:
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
std::string file_sd_text(const ServiceReport& report);

// The same as lines for an upstream block of nginx, which shall ask the next one when one fails, and not
// leave it out for a while: that is for weirctld to say. One that is never asked stands for none: an empty
// block is an error there.
std::string nginx_text(const ServiceReport& report);

// Writes the files that the rule names where they do not say so already.
Result<void> publish(const policies::ServiceRule& rule, const ServiceReport& report);

}  // namespace weir::actuate

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "plugin/controller/view.h"
#include "plugin/result.h"

namespace weir::controller {

// What others can read of weirctld over HTTP: Prometheus at /metrics, where names begin with weir_ and gauges
// are those of the last good cycle; load balancers at /services/NAME/endpoints.
class Metrics {
  public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // Serves on "host:port" from a thread of its own. An error leaves the controller to work without.
    Result<void> serve(const std::string& listen);

    void update(const View& view);

    // The endpoints of services, from now on.
    void publish(const std::vector<ServiceReport>& services);
    void failed();
    void step_taken(const Step& step, bool succeeded);
    void policy_refused(bool refused);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace weir::controller

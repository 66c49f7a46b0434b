// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "plugin/result.h"
#include "policies/model/units.h"

namespace weir::controller {

// The uid of a user by the system's word; absent: it has no such user. A failure: it cannot tell now.
Result<std::optional<std::uint32_t>> look_up_uid(const std::string& user);

// Users' uids, each asked for once in ten minutes: where users are in a directory service a question may take
// long, and the control loop waits for it. What was known holds on while the service does not answer.
class Uids {
  public:
    using LookUp = Result<std::optional<std::uint32_t>> (*)(const std::string& user);

    explicit Uids(LookUp look_up = look_up_uid) : look_up_(look_up) {}

    // Absent: no such user, as far as is known.
    std::optional<std::uint32_t> of(const std::string& user, Time at);

  private:
    struct Known {
        std::optional<std::uint32_t> uid;
        Time at{};
    };

    LookUp look_up_;
    std::map<std::string, Known> known_;
};

}  // namespace weir::controller

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "plugin/controller/shared.h"
#include "plugin/result.h"

namespace weir::controller {

// The unix socket that `weir` talks to: one JSON line asks, one JSON line answers, {"result": ...} or
// {"error": "..."}.
//   {"ask":"status"} {"ask":"plan"} {"ask":"loans"} {"ask":"explain","job":"17_4"}
//   {"ask":"pause"} {"ask":"resume","rules":[...]} {"ask":"return","rules":[...]}
// The kernel says who asks (SO_PEERCRED). Everybody may ask for what PrivateData lets him see; only SlurmUser
// and root change anything.
class ControlSocket {
  public:
    static Result<std::unique_ptr<ControlSocket>> listen(const std::string& path, std::uint32_t slurm_user,
                                                         Shared& shared);
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

  private:
    ControlSocket(int listener, std::string path, std::uint32_t slurm_user, Shared& shared);
    void serve();
    void answer(int connection);
    nlohmann::ordered_json reply(const std::string& line, const Reader& reader);
    nlohmann::ordered_json scale(const nlohmann::ordered_json& request, const Reader& reader);
    nlohmann::ordered_json carry_out(const std::string& ask, const nlohmann::ordered_json& request,
                                     const Reader& reader);

    int listener_;
    std::string path_;
    std::uint32_t slurm_user_;
    Shared& shared_;
    std::atomic<bool> stopping_{false};
    std::vector<std::jthread> threads_;
};

}  // namespace weir::controller

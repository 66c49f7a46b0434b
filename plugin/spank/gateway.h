// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

extern "C" {
#include <slurm/spank.h>
}

namespace weir::spank {

// Of a gateway host plugstack.conf says `required spank_weir.so gateway=SOCKET relay=PROGRAM`. There the
// relay takes the place of a job's batch script, and nothing else of any user's is started. In doubt nothing
// is.

// Whether plugstack.conf makes this host a gateway.
bool on_gateway(int count, char** arguments);

// Whether the step is a job's batch script; no other starts on a gateway host.
bool is_batch_script(spank_t spank);

inline constexpr const char* kNoStep =
    "this node is a gateway to another site: no step of a job runs on it, only its copy there";

// In the process that is about to become the batch script, as its user: becomes the relay. Returns only if
// that fails, which it has then told; the process must end.
void become_relay(spank_t spank, int count, char** arguments);

}  // namespace weir::spank

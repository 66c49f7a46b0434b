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

// In slurmstepd, as a step begins. What a step brings along that is not a job's batch script, --task-epilog
// above all, is kept from being started; that its tasks are not is for become_relay. False if that cannot be
// had.
bool forbid_steps(spank_t spank);

// In the process that is about to become the batch script, as its user: becomes the relay. Returns only if
// that fails, which it has then told; the process must end.
void become_relay(spank_t spank, int count, char** arguments);

}  // namespace weir::spank

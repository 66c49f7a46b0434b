// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/crash_point.h"

#ifdef WEIR_CRASH_POINTS
#include <csignal>
#include <fstream>

namespace weir::controller {
namespace {

long points_left = 0;  // only the control loop comes past a point

}  // namespace

void arm_crash_points(const std::filesystem::path& state) {
    const auto file = state / "crash_at";
    std::ifstream(file) >> points_left;
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
}

void crash_point() {
    if (points_left > 0 && --points_left == 0) std::raise(SIGKILL);
}

}  // namespace weir::controller
#endif

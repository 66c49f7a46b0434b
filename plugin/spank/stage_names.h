// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace weir::spank {

// What a path to take along is called in the folder of the job's copy: a relative one as here, an absolute
// one by its last part alone.
std::string name_there(std::string path);

// Which two of these would meet there, so that one were mixed with the other; empty if none do.
std::string clash(const std::vector<std::string>& paths);

}  // namespace weir::spank

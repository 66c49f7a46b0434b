// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/gateway/rest/model.h"

namespace weir::rest::test {

struct Reply {
    int status = 0;
    std::string body;
};

// What one slurmrestd answered in one version: a file of tests/data/rest.
struct Recording {
    std::string file;
    std::string slurm;
    Version version;
    std::map<std::string, std::uint32_t> jobs;  // what each is there for, and its id
    std::map<std::string, Reply> replies;

    const Reply& reply(const std::string& name) const;
    bool has(const std::string& name) const { return replies.contains(name); }
};

// All of them, by file name; read once.
const std::vector<Recording>& recordings();

}  // namespace weir::rest::test

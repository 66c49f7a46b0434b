// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/model/snapshot.h"
#include "policies/model/units.h"

namespace weir::job_submit {

// Nodes of equal make that stand in a reservation now, used or not. Memory in MiB; of the GPUs only the
// totals count.
struct Shape {
    int nodes = 0;
    int cpus = 0;               // of each node
    std::int64_t memory = 0;    // of each node
    std::vector<GpuPool> gpus;  // of each node, by type

    bool operator==(const Shape&) const = default;
};

// A lending rule as job_submit_weir needs to know it: whose jobs it is for, and what they could ever run on
// now.
struct Rule {
    std::string partition;  // the borrower
    std::string reservation;
    // False: everybody may enter. True: who matches every list that is not empty; with both lists empty it
    // cannot be told here (groups).
    bool restricted = false;
    std::vector<std::uint32_t> uids;
    std::vector<std::string> accounts;  // and, in Slurm, their sub-accounts
    std::vector<Shape> shapes;

    bool operator==(const Rule&) const = default;
};

// A remote site: the partition of its gateway nodes, which is for nominated jobs alone, and whose jobs may
// go.
struct SiteEntry {
    std::string name;
    std::string gateway;
    std::vector<std::uint32_t> uids;  // ascending

    bool operator==(const SiteEntry&) const = default;
};

// A rule on overflow: which partitions' jobs may go where.
struct OverflowEntry {
    std::string name;
    bool forbidden = false;
    std::vector<std::string> partitions;
    std::vector<std::string> sites;  // empty: all

    bool operator==(const OverflowEntry&) const = default;
};

// What weirctld tells job_submit_weir by means of one small file. Of lending it holds
// only rules that act and are not held at home. The writer renames a complete file into place, before a
// reservation shrinks and after it has grown, so that it never promises a node too many; the file's
// modification time says how fresh it is.
struct Heartbeat {
    std::int64_t at = 0;   // unix seconds
    Duration valid_for{};  // after the file's modification time
    std::vector<Rule> rules;
    std::vector<SiteEntry> sites{};
    std::vector<OverflowEntry> overflow{};

    bool operator==(const Heartbeat&) const = default;
};

// Larger files are not read.
inline constexpr std::size_t kMaxHeartbeatBytes = std::size_t{512} << 10;

// <state_directory>/weir/heartbeat, where state_directory is Slurm's StateSaveLocation.
std::string heartbeat_path(const std::string& state_directory);

// A line format with a version, closed by a line `end`. A rule or site with a control character in a
// name is left out.
std::string to_text(const Heartbeat& heartbeat);

// Reads what to_text wrote. Absent if the text is cut off, of another version or not of this form at all.
// Words that a later writer adds are passed over.
std::optional<Heartbeat> parse(std::string_view text);

// Could such a job run on exactly these nodes, were they all empty? Never true where it cannot be told:
// features, named nodes, whatever is beyond the model. `cpus_per_task`: a task's CPUs stand on one node.
bool fits(const Rule& rule, const Request& request, int cpus_per_task = 1);

}  // namespace weir::job_submit

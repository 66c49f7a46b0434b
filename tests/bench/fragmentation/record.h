// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/fragmentation/arrivals.h"
#include "tests/bench/fragmentation/cluster.h"

struct gzFile_s;

namespace weir::bench {

// Writes what happens in a run, in order, so that it can be checked by whoever reads it (verify.py): a
// compressed table with a row for each event. `sequence` counts the arriving tasks from 0; GPUs are by index,
// with spaces between; thousandths are of each of them.
//   arrived   sequence, name, whether it may be moved (0 or 1)
//   placed    sequence, node, gpus, thousandths
//   moved     sequence, node, gpus, thousandths, and where it was: from_node, from_gpus
//   dropped   sequence
class Record {
  public:
    // Throws if the file cannot be written.
    Record(const std::string& path, const std::vector<Node>& nodes);

    void arrived(std::size_t sequence, const std::string& name, bool movable);
    void placed(std::size_t sequence, const Hold& hold, const Size& size);
    void moved(std::size_t sequence, const Hold& from, const Hold& to, const Size& size);
    void dropped(std::size_t sequence);

    // Throws if not everything could be written.
    void close();

  private:
    void write(const std::string& line);
    std::string place(const Hold& hold) const;

    std::string path_;
    const std::vector<Node>& nodes_;
    std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> file_;
};

}  // namespace weir::bench

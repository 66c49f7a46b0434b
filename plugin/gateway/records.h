// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "plugin/gateway/record.h"
#include "plugin/result.h"

namespace weir::gateway {

// A gateway's ledger: a folder with one file for each copy that is not settled, replaced as a whole and
// synced, and one line for each that ended, appended and synced. Any process may be killed at any instant.
class Records {
  public:
    // Reads what is there; creates the folder where it is missing. A copy's file that cannot be read is laid
    // aside, into the folder `broken`, and its job is doubted from then on.
    // Of those that ended the last `kept` are kept in memory, and up to twice as many on disk.
    static Result<Records> open(const std::filesystem::path& folder, std::size_t kept = 50'000);

    // What was laid aside just now, a sentence each.
    const std::vector<std::string>& problems() const { return problems_; }

    // Whether a job without a record may have a copy all the same: its file is laid aside, or it has run
    // before, and not by this ledger.
    bool doubts(std::uint32_t job, std::uint32_t restarts) const;

    // When this ledger began: what it does not know was sent before. Absent for a job whose file is laid
    // aside.
    std::optional<Time> sent_before(std::uint32_t job) const;

    // What the sequence numbers of this ledger are known by; empty where its disk had no room for that.
    const std::string& id() const { return id_; }

    const std::map<std::uint32_t, Record>& all() const { return records_; }
    const Record* find(std::uint32_t job) const;

    // On disk first, then in memory: where it fails nothing has changed.
    Result<void> put(const Record& record);

    // Notes how a copy ended, under the next sequence number, which is set in it; one that has a number keeps
    // it.
    Result<void> finish(Record& record);

    // Once nobody will ask for it again.
    Result<void> forget(std::uint32_t job);

    // Those that ended with a sequence above `after`, in order, at most `limit`.
    std::vector<std::pair<std::string, RemoteRun>> finished(std::uint64_t after, std::size_t limit) const;

  private:
    Records(std::filesystem::path folder, std::size_t kept) : folder_(std::move(folder)), kept_(kept) {}
    Result<void> read_finished();
    Result<void> drop_finished(std::size_t most);
    Result<void> lay_aside(const std::filesystem::path& file, const std::string& why);
    void catch_up();
    void name_it();
    void read_name(const nlohmann::json& line);
    std::filesystem::path file_of(std::uint32_t job) const;

    bool laid_aside(std::uint32_t job) const;

    std::filesystem::path folder_;
    std::size_t kept_;
    Time begun_{};
    std::string id_;
    std::map<std::uint32_t, Record> records_;
    std::vector<std::pair<std::string, RemoteRun>> finished_;  // site and run, by sequence
    std::uint64_t last_sequence_ = 0;
    std::vector<std::string> problems_;
};

}  // namespace weir::gateway

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugin/gateway/channel.h"
#include "plugin/result.h"

namespace weir::gateway {

// A file of the user's to be sent, as it is called in the copy's folder.
struct Outgoing {
    std::string name;
    Descriptor file;
    std::int64_t size = 0;
    bool executable = false;
};

// Files that a job stages in, one after the other, opened with the rights of this process. In folders nothing
// is followed that leads out of them: links that do, and what is no file, are passed over and counted; the
// first of them are named in `skipped`.
class StageIn {
  public:
    // Paths are absolute, or relative to the working directory. The last part of each is its name in the
    // copy's folder; a relative one keeps its path.
    explicit StageIn(std::vector<std::string> paths) : paths_(std::move(paths)) {}

    // The next file; absent at the end. A failure names the path, which may have a name that is no UTF-8:
    // those are not sent under another.
    // Large folders take long: `meanwhile` is called now and then.
    Result<std::optional<Outgoing>> next(const std::function<void()>& meanwhile = [] {});
    const std::vector<std::string>& skipped() const { return skipped_; }
    std::int64_t more_skipped() const { return more_skipped_; }

  private:
    struct Pending {
        std::string path;  // below the one that the user named; empty: that itself
        std::string name;
    };
    Result<std::optional<Outgoing>> visit(const Pending& entry);
    void skip(const std::string& path);

    std::vector<std::string> paths_;
    std::size_t next_path_ = 0;
    Descriptor root_;  // of the path being walked
    std::string root_path_;
    std::vector<Pending> pending_;
    std::vector<std::string> skipped_;
    std::int64_t more_skipped_ = 0;
};

// A file that comes back: written beside its place and moved there once it is whole. What a run that was cut
// left behind is gone on with.
class Incoming {
  public:
    // `path` is relative to the working directory and does not lead out of it. What was brought under another
    // `mark` is not gone on with: it may be another file's.
    static Result<Incoming> create(const std::string& path, const std::string& mark, bool executable);

    int file() const { return file_.get(); }
    Result<std::int64_t> size() const;  // that is there already
    Result<void> finish();

  private:
    Incoming(Descriptor folder, Descriptor file, std::string part, std::string name)
        : folder_(std::move(folder)),
          file_(std::move(file)),
          part_(std::move(part)),
          name_(std::move(name)) {}
    Descriptor folder_;
    Descriptor file_;
    std::string part_;
    std::string name_;
};

}  // namespace weir::gateway

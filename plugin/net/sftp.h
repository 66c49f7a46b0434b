// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/result.h"

namespace weir::net {

// Where files are and who asks for them. The server is known by its host key alone: nothing is taken on
// trust.
struct SftpPlace {
    std::string host;
    int port = 22;
    std::string user;
    std::string key_file;         // private key: ed25519 or ECDSA
    std::string host_key_sha256;  // base64

    bool operator==(const SftpPlace&) const = default;
};

// Error::code of what fails here.
enum SftpTrouble {
    kSftpLink = 1,  // no connection, or it was cut: worth trying again
    kSftpHostKey,   // the server is not the one that is known
    kSftpLogin,     // it does not let this key in
    kSftpNoFile,
    kSftpDenied,
    kSftpFull,     // it cannot write: no space, or over quota
    kSftpStopped,  // by the caller
    kSftpOther,
};

struct SftpEntry {
    enum class Kind { kFile, kFolder, kOther };
    std::string name;
    Kind kind = Kind::kFile;
    std::int64_t size = 0;
    bool executable = false;  // by its owner

    bool operator==(const SftpEntry&) const = default;
};

// Reads one line of a listing as sftp-server writes it ("-rw-r--r--    1 alice users 17 Nov 29 07:00 name");
// false for what is none.
bool read_listing_line(std::string_view line, SftpEntry& entry);

// Files at another place through SFTP; one connection, kept open between calls, for use by one thread. Calls
// block until done, or fail once nothing has moved for `patience`. Paths are absolute.
class Sftp {
  public:
    explicit Sftp(SftpPlace place, std::chrono::seconds patience = std::chrono::seconds(20));
    ~Sftp();
    Sftp(Sftp&&) noexcept;
    Sftp& operator=(Sftp&&) noexcept;

    // Up to `limit` bytes from `offset` on; fewer at the end of the file, none beyond it.
    Result<std::string> read(const std::string& path, std::int64_t offset, std::int64_t limit);

    // Sends `file`; with `resume` only what it holds beyond the size of what is there, which must be its
    // beginning. Folders on the way are made. `moved` is told how many bytes have arrived, and says
    // whether to go on.
    Result<void> send(int file, const std::string& path, bool resume, bool executable,
                      const std::function<bool(std::int64_t)>& moved);

    // Writes the file from its size on into `file`, which stands at `offset`.
    Result<void> fetch(const std::string& path, int file, std::int64_t offset,
                       const std::function<bool(std::int64_t)>& moved);

    // What a folder holds, without "." and "..".
    Result<std::vector<SftpEntry>> list(const std::string& folder);

    // A file, or a folder with all that is in it; already gone counts as done. Links are removed, not
    // followed.
    Result<void> remove(const std::string& path);

  private:
    struct Curl;
    Result<void> perform(const std::string& what, const std::string& path);
    Result<void> command(const std::string& command, const std::string& path);
    SftpTrouble told_apart(const std::string& path);
    std::string url(const std::string& path, bool folder = false) const;

    SftpPlace place_;
    std::chrono::seconds patience_;
    std::unique_ptr<Curl> curl_;
};

}  // namespace weir::net

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/net/sftp.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace weir::net {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kSlowBytes = 1;  // fewer a second for `patience` is no progress

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

// A name as the commands of libcurl's SFTP take it.
std::string quoted(const std::string& path) {
    std::string text = "\"";
    for (const char c : path) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + '"';
}

SftpTrouble trouble_of(CURLcode code) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return kSftpHostKey;
    case CURLE_LOGIN_DENIED:
        return kSftpLogin;
    case CURLE_REMOTE_FILE_NOT_FOUND:
        return kSftpNoFile;
    case CURLE_REMOTE_ACCESS_DENIED:
        return kSftpDenied;
    case CURLE_REMOTE_DISK_FULL:
        return kSftpFull;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_FAILED_INIT:
        return kSftpLink;
    default:
        return kSftpOther;
    }
}

// Where bytes of a transfer go, or come from.
struct Flow {
    std::string text;
    int file = -1;
    std::int64_t moved = 0;
    int error = 0;  // of the local file
    bool stopped = false;
    const std::function<bool(std::int64_t)>* told = nullptr;

    // Whether to go on.
    bool tell() {
        stopped = told != nullptr && !(*told)(moved);
        return !stopped;
    }
};

std::size_t into_text(char* data, std::size_t size, std::size_t count, void* to) {
    static_cast<Flow*>(to)->text.append(data, size * count);
    return size * count;
}

std::size_t into_file(char* data, std::size_t size, std::size_t count, void* to) {
    auto& flow = *static_cast<Flow*>(to);
    const std::size_t bytes = size * count;
    for (std::size_t done = 0; done < bytes;) {
        const ssize_t wrote = ::write(flow.file, data + done, bytes - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            flow.error = errno;
            return 0;
        }
        done += static_cast<std::size_t>(wrote);
    }
    flow.moved += static_cast<std::int64_t>(bytes);
    return flow.tell() ? bytes : 0;
}

std::size_t from_file(char* data, std::size_t size, std::size_t count, void* from) {
    auto& flow = *static_cast<Flow*>(from);
    ssize_t got = 0;
    do got = ::read(flow.file, data, size * count);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        flow.error = errno;
        return CURL_READFUNC_ABORT;
    }
    flow.moved += got;
    return flow.tell() ? static_cast<std::size_t>(got) : CURL_READFUNC_ABORT;
}

int seek_file(void* from, curl_off_t offset, int origin) {
    auto& flow = *static_cast<Flow*>(from);
    if (::lseek(flow.file, offset, origin) < 0) return CURL_SEEKFUNC_FAIL;
    flow.moved = offset;
    return CURL_SEEKFUNC_OK;
}

}  // namespace

struct Sftp::Curl {
    CURL* easy = curl_easy_init();
    char problem[CURL_ERROR_SIZE] = {};
    Flow flow;

    Curl() = default;
    ~Curl() { curl_easy_cleanup(easy); }
    Curl(const Curl&) = delete;
    Curl& operator=(const Curl&) = delete;
};

Sftp::Sftp(SftpPlace place, std::chrono::seconds patience)
    : place_(std::move(place)), patience_(patience), curl_(std::make_unique<Curl>()) {}
Sftp::~Sftp() = default;
Sftp::Sftp(Sftp&&) noexcept = default;
Sftp& Sftp::operator=(Sftp&&) noexcept = default;

std::string Sftp::url(const std::string& path, bool folder) const {
    std::string text = "sftp://" + place_.host + ":" + std::to_string(place_.port);
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    // A path is a path here, whatever is in it: "%", "#", "?" and ";" included.
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '/' || c == '.' || c == '-' || c == '_' || c == '~') {
            text += c;
        } else {
            text += '%';
            text += kDigits[byte >> 4];
            text += kDigits[byte & 15];
        }
    }
    return folder && !text.ends_with('/') ? text + '/' : text;
}

// Sets what every call needs; options of the call before are forgotten, its connection is not.
Result<void> Sftp::perform(const std::string& what, const std::string& path) {
    CURL* easy = curl_->easy;
    curl_->problem[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "sftp");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_->problem);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kSlowBytes);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(patience_.count()));
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(patience_.count()));
    curl_easy_setopt(easy, CURLOPT_USERNAME, place_.user.c_str());
    curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES, static_cast<long>(CURLSSH_AUTH_PUBLICKEY));
    curl_easy_setopt(easy, CURLOPT_SSH_PRIVATE_KEYFILE, place_.key_file.c_str());
    curl_easy_setopt(easy, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, place_.host_key_sha256.c_str());
    curl_easy_setopt(easy, CURLOPT_NEW_DIRECTORY_PERMS, 0700L);
    const CURLcode code = curl_easy_perform(easy);
    curl_easy_reset(easy);
    if (code == CURLE_OK) return {};
    const std::string where = what + " " + place_.user + "@" + place_.host + ":" + path + ": ";
    if (curl_->flow.stopped) return failure(where + "stopped", kSftpStopped);
    if (curl_->flow.error != 0)
        return failure(where + "the local file: " + std::generic_category().message(curl_->flow.error),
                       curl_->flow.error == ENOSPC || curl_->flow.error == EDQUOT ? kSftpFull : kSftpOther);
    SftpTrouble trouble = trouble_of(code);
    std::string said = curl_->problem[0] != '\0' ? curl_->problem : curl_easy_strerror(code);
    // sftp-server has one status for all that a file system may refuse.
    if (trouble == kSftpOther && what == "sending to" && said.find("failure") != std::string::npos)
        trouble = kSftpFull;
    if (trouble == kSftpHostKey) said = "its host key is not the one in weir.yaml (host_key_sha256)";
    if (trouble == kSftpLogin) said = "it does not accept the key " + place_.key_file;
    return failure(where + said, trouble);
}

Result<std::string> Sftp::read(const std::string& path, std::int64_t offset, std::int64_t limit) {
    CURL* easy = curl_->easy;
    curl_->flow = {};
    const std::string address = url(path);
    const std::string range = std::to_string(offset) + "-" + std::to_string(offset + limit - 1);
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    curl_easy_setopt(easy, CURLOPT_RANGE, range.c_str());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, into_text);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &curl_->flow);
    auto done = perform("reading", path);
    if (!done && done.error().message.find("beyond file size") != std::string::npos) return std::string();
    if (!done && done.error().code == kSftpOther) return failure(done.error().message, told_apart(path));
    if (!done) return tl::make_unexpected(done.error());
    return std::move(curl_->flow.text);
}

// libcurl has one code for a connection that broke and for a server that says no. Another question tells.
SftpTrouble Sftp::told_apart(const std::string& path) {
    const bool at_home = curl_->flow.error != 0;
    const auto there = list(path.substr(0, path.rfind('/')));
    if (at_home || there) return kSftpOther;
    return static_cast<SftpTrouble>(there.error().code);
}

Result<void> Sftp::send(int file, const std::string& path, bool resume, bool executable,
                        const std::function<bool(std::int64_t)>& moved) {
    CURL* easy = curl_->easy;
    curl_->flow = {};
    curl_->flow.file = file;
    curl_->flow.told = &moved;
    if (::lseek(file, 0, SEEK_SET) < 0) return failure(path + ": the local file cannot be read", kSftpOther);
    const std::string address = url(path);
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_FTP_CREATE_MISSING_DIRS, 1L);
    curl_easy_setopt(easy, CURLOPT_NEW_FILE_PERMS, executable ? 0700L : 0600L);
    if (resume) curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(-1));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, from_file);
    curl_easy_setopt(easy, CURLOPT_READDATA, &curl_->flow);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_file);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &curl_->flow);
    auto done = perform("sending to", path);
    const bool refused = !done && curl_->flow.error == 0 &&
                         (done.error().code == kSftpOther || done.error().code == kSftpFull);
    if (!refused) return done;
    if (const auto trouble = told_apart(path); trouble == kSftpLink || trouble == kSftpHostKey)
        return failure(done.error().message, trouble);
    // Pieces that came after the one that was refused may be there: it is not gone on with.
    static_cast<void>(command("rm " + quoted(path), path));
    return failure(done.error().message + " (it takes no more: no room, or over a quota?)", kSftpFull);
}

Result<void> Sftp::fetch(const std::string& path, int file, std::int64_t offset,
                         const std::function<bool(std::int64_t)>& moved) {
    CURL* easy = curl_->easy;
    curl_->flow = {};
    curl_->flow.file = file;
    curl_->flow.moved = offset;
    curl_->flow.told = &moved;
    if (::lseek(file, offset, SEEK_SET) < 0)
        return failure(path + ": the local file cannot be written", kSftpOther);
    const std::string address = url(path);
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    if (offset > 0) curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, into_file);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &curl_->flow);
    auto done = perform("fetching", path);
    if (done || done.error().code != kSftpOther) return done;
    return failure(done.error().message, told_apart(path));
}

Result<std::vector<SftpEntry>> Sftp::list(const std::string& folder) {
    CURL* easy = curl_->easy;
    const std::string address = url(folder, true);
    Result<void> done;
    // A second time for a kept connection that broke.
    for (int times = 0; times == 0 || (times == 1 && !done && done.error().code == kSftpOther); ++times) {
        curl_->flow = {};
        curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, into_text);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &curl_->flow);
        done = perform("listing", folder);
    }
    if (!done) return tl::make_unexpected(done.error());
    std::vector<SftpEntry> entries;
    std::string_view rest = curl_->flow.text;
    while (!rest.empty()) {
        const auto cut = std::min(rest.find('\n'), rest.size());
        SftpEntry entry;
        if (read_listing_line(rest.substr(0, cut), entry) && entry.name != "." && entry.name != "..")
            entries.push_back(std::move(entry));
        rest.remove_prefix(std::min(cut + 1, rest.size()));
    }
    std::ranges::sort(entries, {}, &SftpEntry::name);
    return entries;
}

Result<void> Sftp::command(const std::string& command, const std::string& path) {
    CURL* easy = curl_->easy;
    curl_->flow = {};
    const List commands(curl_slist_append(nullptr, command.c_str()));
    const std::string address = url("/");
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    curl_easy_setopt(easy, CURLOPT_QUOTE, commands.get());
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    auto done = perform("removing", path);
    // libcurl says only that its command failed, and sftp-server's own word.
    if (!done && (done.error().message.find("No such file") != std::string::npos ||
                  done.error().message.find("no such file") != std::string::npos))
        return {};
    return done;
}

Result<void> Sftp::remove(const std::string& path) {
    if (command("rm " + quoted(path), path)) return {};
    auto entries = list(path);
    if (!entries) {
        if (entries.error().code == kSftpNoFile) return {};
        return tl::make_unexpected(entries.error());
    }
    for (const SftpEntry& entry : *entries) {
        const std::string inside = path + "/" + entry.name;
        auto done =
            entry.kind == SftpEntry::Kind::kFolder ? remove(inside) : command("rm " + quoted(inside), inside);
        if (!done) return done;
    }
    return command("rmdir " + quoted(path), path);
}

bool read_listing_line(std::string_view line, SftpEntry& entry) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() < 10) return false;
    entry.kind = line[0] == '-'   ? SftpEntry::Kind::kFile
                 : line[0] == 'd' ? SftpEntry::Kind::kFolder
                                  : SftpEntry::Kind::kOther;
    const bool link = line[0] == 'l';
    entry.executable = line[3] == 'x' || line[3] == 's';
    std::string_view size;
    for (int field = 0; field < 8; ++field) {
        const auto end = line.find(' ');
        if (end == std::string_view::npos) return false;
        if (field == 4) size = line.substr(0, end);
        // The name comes after one blank and may begin with one itself.
        const auto next = field == 7 ? end + 1 : line.find_first_not_of(' ', end);
        if (next == std::string_view::npos) return false;
        line.remove_prefix(next);
    }
    const auto [stop, error] = std::from_chars(size.data(), size.data() + size.size(), entry.size);
    if (error != std::errc{} || stop != size.data() + size.size()) return false;
    // libcurl tells where a link leads, too.
    if (link) line = line.substr(0, line.find(" -> "));
    entry.name = line;
    return !entry.name.empty() && entry.name.find('/') == std::string::npos;
}

}  // namespace weir::net

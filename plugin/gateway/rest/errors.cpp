// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/rest/errors.h"

#include <algorithm>
#include <limits>

namespace weir::rest {
namespace {

constexpr std::size_t kLongestLine = 200;

// Slurm's numbers, the same from 22.05 to 26.05.
enum SlurmErrno {
    kConnectionError = 1001,
    kLastProtocolError = 1099,
    kAuthenticationError = 1007,
    kRejected = 1019,
    kConnectTimeout = 1021,
    kControllerConnectionError = 1800,
    kControllerBackoff = 1804,
    kControllerHardDrop = 1805,
    kLastControllerError = 1899,
    kFirstError = 2000,
    kAccessDenied = 2002,
    kUserIdMissing = 2010,
    kInvalidJobId = 2017,
    kAlreadyDone = 2021,
    kInStandby = 2027,
    kUseBackup = 2131,
    kFirstSocketError = 5000,
    kLastSocketError = 5099,
    kFirstAuthError = 6000,
    kLastAuthError = 6099,
    kDatabase = 7000,  // v0.0.39 adds it to every answer where there is no slurmdbd
    kRestAuthFail = 9008,
};

// What Slurm's number says of the request. slurmrestd passes on what it met when it asked slurmctld; once it
// had asked, slurmctld may have acted.
Trouble trouble_of_errno(std::int64_t number) {
    switch (number) {
    case kConnectionError:
    case kRejected:
    case kConnectTimeout:
    case kControllerConnectionError:
    case kControllerBackoff:
    case kControllerHardDrop:
    case kInStandby:
    case kUseBackup:
        return Trouble::kUnreachable;
    case kAuthenticationError:
    case kAccessDenied:
    case kUserIdMissing:
    case kRestAuthFail:
        return Trouble::kUnauthorized;
    case kInvalidJobId:
        return Trouble::kNotFound;
    default:
        break;
    }
    if (number >= kFirstAuthError && number <= kLastAuthError) return Trouble::kUnauthorized;
    if (number == kDatabase) return Trouble::kUnsure;
    const bool socket = number >= kFirstSocketError && number <= kLastSocketError;
    return number >= kFirstError && !socket ? Trouble::kRefused : Trouble::kUnsure;
}

// Of several errors the one that tells most: that something was lost on the way, then a definite no, then
// "unspecified" and the like.
int weight(const Failure& failure) {
    if (failure.trouble != Trouble::kUnsure) return 1;
    return failure.slurm_errno > 0 && failure.slurm_errno != kDatabase ? 2 : 0;
}

Trouble trouble_of_status(int status) {
    switch (status) {
    case 401:
    case 403:
    case 511:
        return Trouble::kUnauthorized;
    case 429:
        return Trouble::kUnreachable;
    case 400:
    case 404:
    case 405:
    case 411:
    case 413:
    case 414:
    case 415:
    case 422:
        return Trouble::kRefused;
    default:
        return status >= 200 && status < 400 ? Trouble::kGarbage : Trouble::kUnsure;
    }
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

// The number of an error, under whichever name its version has it; 0: none.
std::int64_t number_of(const Json& error) {
    for (const char* key : {"error_number", "error_code", "errno"}) {
        const auto found = error.find(key);
        if (found == error.end()) continue;
        Fields fields(error, "an error");
        constexpr std::int64_t kMost = std::numeric_limits<int>::max();
        if (const auto number = fields.number(key, -1, kMost); number && *number != 0) return *number;
    }
    return 0;
}

std::string words_of(const Json& error) {
    std::string text;
    for (const char* key : {"description", "error"}) {
        const auto found = error.find(key);
        if (found == error.end() || !found->is_string()) continue;
        const auto& words = found->get_ref<const std::string&>();
        if (words.empty() || text.find(words) != std::string::npos) continue;
        text += (text.empty() ? "" : ": ") + words;
    }
    return text;
}

}  // namespace

std::string one_line(const std::string& text) {
    std::string line = text.substr(0, kLongestLine);
    std::ranges::replace_if(
        line, [](char c) { return c < 0x20 || c == 0x7F; }, ' ');
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

tl::unexpected<Failure> garbage(const std::string& problem) {
    return failed(Trouble::kGarbage, "the answer is not as the API has it: " + one_line(problem));
}

std::optional<Failure> told_error(int status, const Json& body) {
    std::optional<Failure> worst;
    std::string told;
    const auto errors = body.find("errors");
    if (errors != body.end() && errors->is_array()) {
        for (const Json& error : *errors) {
            if (!error.is_object()) continue;
            const std::int64_t number = number_of(error);
            if (number == 0 && is_success(status)) continue;
            const std::string words = words_of(error);
            if (told.find(words) == std::string::npos) told += (told.empty() ? "" : "; ") + words;
            Failure failure{trouble_of_errno(number), {}, static_cast<int>(number)};
            if (!worst || weight(failure) > weight(*worst)) worst = std::move(failure);
        }
    }
    if (is_success(status) && !worst) return std::nullopt;
    if (!worst) worst = Failure{Trouble::kUnsure, {}, 0};
    if (!is_success(status) && weight(*worst) == 0) worst->trouble = trouble_of_status(status);
    worst->message =
        told.empty() ? "the site answers " + std::to_string(status) : "the site says: " + one_line(told);
    return worst;
}

std::optional<Failure> told_of_job(const Json& entry) {
    if (!entry.is_object())
        return Failure{Trouble::kGarbage, "a cancellation tells of something that is no job", 0};
    const auto error = entry.find("error");
    if (error == entry.end() || !error->is_object()) return std::nullopt;
    Fields fields(*error, "an error");
    const auto code = fields.number("code", 0, std::numeric_limits<int>::max()).value_or(0);
    if (!fields.good()) return Failure{Trouble::kGarbage, fields.problem(), 0};
    if (code == 0 || code == kAlreadyDone) return std::nullopt;
    const std::string words = error->contains("message") ? fields.text("message") : fields.text("string");
    return Failure{trouble_of_errno(code), "the site says: " + one_line(words), static_cast<int>(code)};
}

Answered<Json> read_reply(int status, const std::string& body) {
    auto document = parse(body);
    if (document && document->is_object()) {
        if (auto error = told_error(status, *document)) return tl::make_unexpected(std::move(*error));
        return std::move(*document);
    }
    if (!is_success(status)) {
        const std::string line = one_line(body.substr(0, body.find('\n')));
        return failed(trouble_of_status(status),
                      "the site answers " + std::to_string(status) + (line.empty() ? "" : ": " + line));
    }
    return garbage(body.empty() ? "it is empty"
                                : "it is no whole JSON object (" + std::to_string(body.size()) + " bytes)");
}

}  // namespace weir::rest

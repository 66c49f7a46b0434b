// SPDX-License-Identifier: GPL-2.0-or-later
#include <curl/curl.h>

#include <algorithm>

#include "plugin/net/http.h"

namespace weir::net {
namespace {

constexpr long kMostConnectMilliseconds = 10'000;

struct FreeHandle {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeLines {
    void operator()(curl_slist* lines) const { curl_slist_free_all(lines); }
};
using Lines = std::unique_ptr<curl_slist, FreeLines>;

// The body as it comes, up to so many bytes.
struct Sink {
    std::string body;
    std::size_t most = 0;
    bool overflowed = false;
};

std::size_t into_sink(char* data, std::size_t size, std::size_t count, void* to) {
    auto& sink = *static_cast<Sink*>(to);
    const std::size_t bytes = size * count;
    sink.overflowed = bytes > sink.most - sink.body.size();
    if (sink.overflowed) return 0;
    sink.body.append(data, bytes);
    return bytes;
}

bool changes_nothing(const std::string& method) {
    return method == "GET" || method == "HEAD";
}

// The header lines as libcurl takes them; null if one of them is none.
Lines header_lines(const std::vector<std::string>& headers) {
    // Without this libcurl asks first whether a long body is welcome, and sends it twice where it is not.
    Lines lines(curl_slist_append(nullptr, "Expect:"));
    for (const std::string& header : headers) {
        if (header.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) return nullptr;
        curl_slist* const longer = curl_slist_append(lines.get(), header.c_str());
        if (longer == nullptr) return nullptr;
        static_cast<void>(lines.release());
        lines.reset(longer);
    }
    return lines;
}

std::chrono::microseconds microseconds(CURL* easy, CURLINFO what) {
    curl_off_t value = 0;
    curl_easy_getinfo(easy, what, &value);
    return std::chrono::microseconds(value);
}

// Sending begins only once name, connection and TLS are in order, and libcurl notes the time then. Its codes
// do not tell: some come both before and after.
bool surely_not_sent(CURL* easy) {
    return microseconds(easy, CURLINFO_PRETRANSFER_TIME_T).count() == 0;
}

}  // namespace

struct Connection::Curl {
    Curl() {
        static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
        static_cast<void>(done);
        easy.reset(curl_easy_init());
    }

    void prepare(const Request& request, Sink& sink, curl_slist* headers) {
        CURL* const handle = easy.get();
        curl_easy_reset(handle);  // open connections stay
        curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
        if (!request.ca_file.empty()) {
            curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
            curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
        }
        curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // a file that was replaced counts at once
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        const long patience = static_cast<long>(request.bounds.patience.count());
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, patience);
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, std::min(patience, kMostConnectMilliseconds));
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &sink);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, into_sink);
        if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        if (changes_nothing(request.method)) return;
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        // libcurl silently repeats a request whose kept connection turns out to be closed, even if the server
        // closed it after it had acted.
        curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
        if (request.method != "POST" && request.body.empty()) return;
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
    }

    std::unique_ptr<CURL, FreeHandle> easy;
    char problem[CURL_ERROR_SIZE] = {};
};

Connection::Connection() : curl_(std::make_unique<Curl>()) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Answer> Connection::ask(const Request& request) {
    const std::string place = request.url.substr(0, request.url.find('?'));
    const Lines headers = header_lines(request.headers);
    if (headers == nullptr || curl_->easy == nullptr)
        return failure(place + (headers == nullptr ? ": a header has a line break" : ": no memory"),
                       kNotSent);
    CURL* const easy = curl_->easy.get();
    Sink sink{{}, request.bounds.most_bytes, false};
    curl_->problem[0] = '\0';
    curl_->prepare(request, sink, headers.get());
    const CURLcode code = curl_easy_perform(easy);
    if (code != CURLE_OK) {
        const std::string problem = sink.overflowed
                                        ? "answers with more than " + std::to_string(sink.most) + " bytes"
                                    : curl_->problem[0] != '\0' ? curl_->problem
                                                                : curl_easy_strerror(code);
        return failure(place + ": " + problem, surely_not_sent(easy) ? kNotSent : kUnsure);
    }
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return Answer{
        static_cast<int>(status), std::move(sink.body), microseconds(easy, CURLINFO_TOTAL_TIME_T),
        microseconds(easy, CURLINFO_STARTTRANSFER_TIME_T) - microseconds(easy, CURLINFO_PRETRANSFER_TIME_T)};
}

Result<Answer> ask(const Request& request) {
    return Connection().ask(request);
}

}  // namespace weir::net

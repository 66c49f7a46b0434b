// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/net/http.h"

#include <curl/curl.h>

#include <deque>
#include <memory>
#include <optional>

namespace weir::net {
namespace {

struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;

// libcurl is set up once, before the first request; it needs no other care in a process that ends by exit.
void set_up_curl() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(done);
}

// One request under way.
class Transfer {
  public:
    Transfer(const std::string& url, const Bounds& bounds)
        : url_(url), bounds_(bounds), easy_(curl_easy_init()) {
        CURL* easy = easy_.get();
        curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(bounds.patience.count()));
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem_);
        // A server with few threads must not have one wait for what we shall not ask again soon.
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::take);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* handle() const { return easy_.get(); }

    Result<std::string> outcome(CURLcode code) {
        const std::string place = url_.substr(0, url_.find('?'));
        if (too_long_)
            return failure(place + ": answers with more than " + std::to_string(bounds_.most_bytes) +
                           " bytes");
        if (code != CURLE_OK)
            return failure(place + ": " + (problem_[0] != '\0' ? problem_ : curl_easy_strerror(code)),
                           code == CURLE_OPERATION_TIMEDOUT ? kTooSlow : 0);
        long status = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (status != 200)
            return failure(place + ": answers " + std::to_string(status) + beginning(),
                           static_cast<int>(status));
        return std::move(body_);
    }

  private:
    static std::size_t take(char* data, std::size_t size, std::size_t count, void* self) {
        auto& request = *static_cast<Transfer*>(self);
        const std::size_t bytes = size * count;
        request.too_long_ = request.body_.size() + bytes > request.bounds_.most_bytes;
        if (request.too_long_) return 0;
        request.body_.append(data, bytes);
        return bytes;
    }

    // What a server says of a refusal, for one line.
    std::string beginning() const {
        std::string text = body_.substr(0, body_.find('\n')).substr(0, 200);
        for (char& c : text)
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
        return text.empty() ? "" : ": " + text;
    }

    std::string url_;
    Bounds bounds_;
    Easy easy_;
    std::string body_;
    bool too_long_ = false;
    char problem_[CURL_ERROR_SIZE] = {};
};

// Takes a request out of the set before it goes.
struct Running {
    Running(CURLM* set, const std::string& url, const Bounds& bounds) : multi(set), request(url, bounds) {
        curl_multi_add_handle(multi, request.handle());
    }
    ~Running() { curl_multi_remove_handle(multi, request.handle()); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    CURLM* multi;
    Transfer request;
};

}  // namespace

Result<std::string> get(const std::string& url, const Bounds& bounds) {
    set_up_curl();
    Transfer request(url, bounds);
    return request.outcome(curl_easy_perform(request.handle()));
}

void get_all(const std::vector<std::string>& urls, const Bounds& each, std::size_t at_once,
             const std::function<void(std::size_t, Result<std::string>)>& done,
             const std::function<bool()>& stop) {
    set_up_curl();
    const Multi multi(curl_multi_init());
    std::vector<std::unique_ptr<Running>> running(urls.size());
    std::size_t next = 0;
    std::size_t under_way = 0;
    while ((next < urls.size() || under_way > 0) && !stop()) {
        for (; next < urls.size() && under_way < at_once; ++next, ++under_way) {
            running[next] = std::make_unique<Running>(multi.get(), urls[next], each);
            curl_easy_setopt(running[next]->request.handle(), CURLOPT_PRIVATE,
                             reinterpret_cast<void*>(next));  // NOLINT(performance-no-int-to-ptr)
        }
        int active = 0;
        curl_multi_perform(multi.get(), &active);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode code = message->data.result;
            void* position = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &position);
            const auto index = reinterpret_cast<std::size_t>(position);
            auto outcome = running[index]->request.outcome(code);
            running[index].reset();
            --under_way;
            done(index, std::move(outcome));
        }
        if (active > 0) curl_multi_poll(multi.get(), nullptr, 0, 100, nullptr);
    }
}

std::string encoded(const std::string& text) {
    set_up_curl();
    const Easy easy(curl_easy_init());
    char* escaped = curl_easy_escape(easy.get(), text.data(), static_cast<int>(text.size()));
    std::string result = escaped != nullptr ? escaped : "";
    curl_free(escaped);
    return result;
}

}  // namespace weir::net

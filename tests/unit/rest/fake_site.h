// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir::rest::test {

// An HTTP answer with its length.
std::string http(int status, const std::string& body);

// Listens on this host and answers each request with the bytes that `answer` gives for it, as a server whose
// connections stay open does. An empty text hangs up instead.
class FakeSite {
  public:
    // A request as it came, from its first line to the end of its body.
    using Answer = std::function<std::string(const std::string& request)>;

    explicit FakeSite(Answer answer);
    ~FakeSite();
    FakeSite(const FakeSite&) = delete;
    FakeSite& operator=(const FakeSite&) = delete;

    std::string url(const std::string& scheme = "http") const;
    std::vector<std::string> requests();  // so far
    std::vector<std::string> lines();     // their first lines, without the version of HTTP
    int connections();

  private:
    void accept_all();
    void serve(int connection);

    Answer answer_;
    int listener_ = -1;
    int port_ = 0;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::vector<int> open_;
    int connections_ = 0;
    std::list<std::thread> serving_;
    std::thread accepting_;
};

}  // namespace weir::rest::test

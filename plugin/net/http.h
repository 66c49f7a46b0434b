// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/result.h"

namespace weir::net {

// Bounds of a request: how long it may take in all, and how many bytes its answer may have.
struct Bounds {
    std::chrono::milliseconds patience{10'000};
    std::size_t most_bytes = std::size_t{4} << 20;
};

constexpr int kTooSlow = -1;

// The body of the answer to GET. An error says the address and what went wrong: no connection, too slow, too
// long, a status other than 200, which is then its code; too slow is kTooSlow. Redirections are not followed;
// proxies of the environment are not used.
Result<std::string> get(const std::string& url, const Bounds& bounds);

// Asks all of them, at most `at_once` at a time, and calls `done` with each one's position and answer as it
// comes, on the calling thread. `stop` is asked between answers: once it is true the rest is given up.
void get_all(const std::vector<std::string>& urls, const Bounds& each, std::size_t at_once,
             const std::function<void(std::size_t, Result<std::string>)>& done,
             const std::function<bool()>& stop);

// A request as it goes out. `headers` are whole lines, "Name: value". Of https the server's certificate and
// name are always checked, against `ca_file` or, where that is empty, the system's authorities.
struct Request {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers;
    std::string body;
    std::string ca_file;
    Bounds bounds;
};

// What came back, whatever its status.
struct Answer {
    int status = 0;
    std::string body;
    std::chrono::microseconds took{};        // in all
    std::chrono::microseconds round_trip{};  // without what it took to connect

    bool operator==(const Answer&) const = default;
};

// Error::code of a request without an answer.
enum AskTrouble {
    kNotSent = 1,  // no connection, or not to whom it should be: the server has surely not seen the request
    kUnsure,       // it may have: cut, too slow or too long after the request may have been sent
};

// Requests over connections that are kept open between them; for use by one thread. What may change something
// (anything but GET and HEAD) goes over a connection of its own, so that it is never sent twice.
class Connection {
  public:
    Connection();
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    // Any status is an answer; an error only where no whole one came. Headers and body are in no error.
    Result<Answer> ask(const Request& request);

  private:
    struct Curl;
    std::unique_ptr<Curl> curl_;
};

// The same over a connection that is closed afterwards.
Result<Answer> ask(const Request& request);

// Percent-encoded, as a value in a query.
std::string encoded(const std::string& text);

}  // namespace weir::net

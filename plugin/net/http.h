// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
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

// Percent-encoded, as a value in a query.
std::string encoded(const std::string& text);

}  // namespace weir::net

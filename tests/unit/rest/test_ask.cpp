// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "plugin/net/http.h"
#include "tests/unit/rest/fake_site.h"

namespace weir::rest::test {

using namespace std::chrono_literals;
using weir::net::Connection;
using weir::net::kNotSent;
using weir::net::kUnsure;

namespace {

weir::net::Request request_of(const std::string& method, const std::string& url, std::string body = {}) {
    return {method, url, {"X-Key: secret"}, std::move(body), {}, {3s, 1000}};
}

}  // namespace

TEST_CASE("any status is an answer, and connections are kept", "[net]") {
    FakeSite site([](const std::string&) { return http(418, "short and stout"); });
    Connection connection;
    for (int round = 0; round < 3; ++round) {
        const auto answer = connection.ask(request_of("GET", site.url() + "/a?b=c"));
        REQUIRE(answer);
        CHECK(answer->status == 418);
        CHECK(answer->body == "short and stout");
        CHECK(answer->round_trip > 0us);
        CHECK(answer->took >= answer->round_trip);
    }
    CHECK(site.connections() == 1);
    const std::string sent = site.requests().at(0);
    CHECK(sent.starts_with("GET /a?b=c HTTP/1.1\r\n"));
    CHECK(sent.find("X-Key: secret\r\n") != std::string::npos);
}

TEST_CASE("what may change something is sent once, even where a kept connection was closed", "[net]") {
    // The server takes the request, and hangs up: it may have acted.
    FakeSite site(
        [](const std::string& got) { return got.starts_with("GET") ? http(200, "") : std::string(); });
    Connection connection;
    REQUIRE(connection.ask(request_of("GET", site.url())));
    for (const char* method : {"POST", "DELETE"}) {
        const auto answer = connection.ask(request_of(method, site.url() + "/submit", "{}"));
        REQUIRE(!answer);
        CHECK(answer.error().code == kUnsure);
        CHECK(answer.error().message.find("secret") == std::string::npos);
    }
    CHECK(site.lines() == std::vector<std::string>{"GET /", "POST /submit", "DELETE /submit"});
}

TEST_CASE("a long body goes out at once", "[net]") {
    FakeSite site(
        [](const std::string& got) { return http(200, std::to_string(got.size() > 2'000'000 ? 1 : 0)); });
    const auto answer = Connection().ask(request_of("POST", site.url(), std::string(2'000'000, 'x')));
    REQUIRE(answer);
    CHECK(answer->body == "1");
    CHECK(site.requests().at(0).find("Expect:") == std::string::npos);
}

TEST_CASE("a server that cannot be reached has surely seen nothing", "[net]") {
    std::string gone;
    {
        FakeSite site([](const std::string&) { return std::string(); });
        gone = site.url();
    }
    for (const std::string& url : {gone, std::string("http://no.such.host.invalid/"),
                                   std::string("ftp://127.0.0.1/"), std::string("not an address")}) {
        const auto answer = weir::net::ask(request_of("POST", url));
        REQUIRE(!answer);
        CHECK(answer.error().code == kNotSent);
    }
    auto broken = request_of("POST", gone);
    broken.headers.emplace_back("X-Key: a\r\nX-Other: b");
    CHECK(weir::net::ask(broken).error().code == kNotSent);
}

TEST_CASE("a server that speaks no TLS, or never finishes its greeting, has seen nothing", "[net]") {
    FakeSite site([](const std::string&) { return http(200, "plain"); });
    auto request = request_of("POST", site.url("https"), "{}");
    request.bounds.patience = 300ms;
    const auto answer = weir::net::ask(request);
    REQUIRE(!answer);
    CHECK(answer.error().code == kNotSent);
    CHECK(site.requests().empty());
}

TEST_CASE("an answer that is cut, too slow or too long leaves it unsure", "[net]") {
    const auto code = [](const std::string& bytes) {
        FakeSite site([&](const std::string&) { return bytes; });
        auto request = request_of("POST", site.url(), "{}");
        request.bounds.patience = 300ms;
        const auto answer = weir::net::ask(request);
        return answer ? 0 : answer.error().code;
    };
    CHECK(code("") == kUnsure);
    CHECK(code("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") == kUnsure);  // the rest never comes
    CHECK(code("HTTP/1.1 200 OK\r\nContent-Le") == kUnsure);
    CHECK(code("nonsense\r\n\r\n") == kUnsure);
    CHECK(code(http(200, std::string(1001, 'x'))) == kUnsure);
    CHECK(code(http(200, std::string(1000, 'x'))) == 0);
}

TEST_CASE("redirections are not followed", "[net]") {
    FakeSite site([](const std::string&) {
        return std::string("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    });
    const auto answer = weir::net::ask(request_of("GET", site.url()));
    REQUIRE(answer);
    CHECK(answer->status == 302);
    CHECK(site.lines() == std::vector<std::string>{"GET /"});
}

}  // namespace weir::rest::test

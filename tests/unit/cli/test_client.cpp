// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/cli/places.h"

using namespace weir::cli;
using namespace std::chrono_literals;
using Kind = Answer::Kind;

namespace {

class Folder {
  public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "weir-cli-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

// Answers one request with the text, then hangs up; keeps silent instead where the text is empty.
class Server {
  public:
    Server(const std::string& path, std::string text) : text_(std::move(text)) {
        listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(listener_, 5) == 0);
        if (!text_.empty()) thread_ = std::thread([this] { serve(); });
    }
    ~Server() {
        if (thread_.joinable()) thread_.join();
        close(listener_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::string request;  // known when the asker has its answer

  private:
    void serve() {
        const int connection = accept(listener_, nullptr, nullptr);
        char byte = 0;
        while (read(connection, &byte, 1) == 1 && byte != '\n') request += byte;
        std::size_t done = 0;
        while (done < text_.size()) {
            const ssize_t count = write(connection, text_.data() + done, text_.size() - done);
            if (count <= 0) break;
            done += static_cast<std::size_t>(count);
        }
        close(connection);
    }

    std::string text_;
    int listener_;
    std::thread thread_;
};

Answer answer_to(const std::string& text, std::chrono::milliseconds patience = 5s) {
    const Folder folder;
    Server server(folder.file("s"), text);
    return ask(folder.file("s"), {{"ask", "status"}}, patience);
}

}  // namespace

TEST_CASE("a question is one line and so is its answer", "[cli]") {
    const Folder folder;
    Server server(folder.file("s"), "{\"result\":{\"done\":\"return\"}}\n");
    const Answer answer = ask(folder.file("s"), {{"ask", "return"}, {"rules", {"a"}}}, 5s);
    CHECK(answer.kind == Kind::kResult);
    CHECK(answer.result == json{{"done", "return"}});
    CHECK(server.request == R"({"ask":"return","rules":["a"]})");
}

TEST_CASE("an answer of megabytes comes whole", "[cli]") {
    const std::string reason(3'000'000, 'x');
    const Answer answer = answer_to("{\"result\":\"" + reason + "\"}\n");
    CHECK(answer.result == reason);
}

TEST_CASE("a refusal is told from a silence", "[cli]") {
    CHECK(answer_to("{\"error\":\"only root may\"}\n").kind == Kind::kRefused);
    CHECK(answer_to("{\"error\":\"only root may\"}\n").message == "only root may");
    CHECK(answer_to("", 50ms).kind == Kind::kUnreachable);
    CHECK(answer_to("", 50ms).message == "no answer within 1s");
    CHECK(answer_to("{\"result\":").message == "it hung up before it had answered");
    CHECK(answer_to("HTTP/1.1 400 Bad Request\n").message == "what answers there is not weirctld");
    CHECK(answer_to("{\"result\":").kind == Kind::kUnreachable);
}

TEST_CASE("a socket that is not there says why", "[cli]") {
    const Folder folder;
    CHECK(ask(folder.file("none"), {{"ask", "status"}}, 1s).message == "No such file or directory");
    CHECK(ask("/" + std::string(200, 's'), {{"ask", "status"}}, 1s).message ==
          "the path is too long for a socket");
    std::ofstream(folder.file("file")) << "x";
    CHECK(ask(folder.file("file"), {{"ask", "status"}}, 1s).kind == Kind::kUnreachable);
}

TEST_CASE("the socket is the one named, else the variable's, else the policy's, else the default", "[cli]") {
    const Folder folder;
    std::ofstream(folder.file("weir.yaml")) << "control: {socket: /run/other.sock}\n";
    std::ofstream(folder.file("bad.yaml")) << "mode: atc\n";
    setenv("SLURM_CONF", folder.file("slurm.conf").c_str(), 1);
    setenv("WEIR_SOCKET", "/run/variable.sock", 1);
    CHECK(control_socket("/run/named.sock", "").path == "/run/named.sock");
    CHECK(control_socket("", "").path == "/run/variable.sock");
    unsetenv("WEIR_SOCKET");
    CHECK(control_socket("", "").path == "/run/other.sock");
    CHECK(policy_file("") == folder.file("weir.yaml"));
    CHECK(control_socket("", folder.file("bad.yaml")).errors.size() == 1);
    std::filesystem::remove(folder.file("weir.yaml"));
    const SocketPlace place = control_socket("", "");
    CHECK(place.path == "/run/weir/weirctld.sock");
    CHECK(place.source == "is the default, since there is no " + folder.file("weir.yaml"));
    CHECK(place.errors.empty());
    unsetenv("SLURM_CONF");
    CHECK(policy_file("") == "/etc/slurm/weir.yaml");
}

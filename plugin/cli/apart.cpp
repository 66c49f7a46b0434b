// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/apart.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::cli {
namespace {

constexpr char kComplete = '\n';  // closes a text; none that is sent holds one

// In the child. The library may end it at any point.
[[noreturn]] void send_work(const std::function<std::string()>& work, int line, int complaints) {
    dup2(complaints, STDERR_FILENO);
    std::string text;
    try {
        text = work() + kComplete;
    } catch (const std::exception& error) {
        const std::string what = error.what();
        if (write(STDERR_FILENO, what.data(), what.size()) < 0) _exit(2);
        _exit(1);
    }
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t count = write(line, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) _exit(1);
        done += static_cast<std::size_t>(count);
    }
    _exit(0);
}

// Until the text is complete, the child has ended, or there is no patience left.
std::string receive(int line, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string text;
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return text;
        pollfd wait{line, POLLIN, 0};
        const int ready = poll(&wait, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR) return text;
        if (ready <= 0) continue;
        char buffer[4096];
        const ssize_t count = read(line, buffer, sizeof buffer);
        if (count <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
    }
}

std::string last_line(int file) {
    std::string text(65536, '\0');
    const ssize_t size = pread(file, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    text.erase(text.find_last_not_of(" \n") + 1);
    return text.substr(text.rfind('\n') + 1);
}

// "weir: fatal: ..." as Slurm's library writes it, without what is before the sentence.
std::string bare(std::string complaint) {
    for (const char* mark : {"fatal: ", "error: "}) {
        if (const auto found = complaint.find(mark); found != std::string::npos)
            complaint.erase(0, found + std::strlen(mark));
    }
    return complaint;
}

}  // namespace

Result<std::string> run_apart(const std::function<std::string()>& work, std::chrono::milliseconds patience) {
    int line[2];
    if (pipe2(line, O_CLOEXEC) != 0) return failure(std::strerror(errno));
    const int complaints = memfd_create("complaints", MFD_CLOEXEC);
    const pid_t child = fork();
    if (child == 0) send_work(work, line[1], complaints);
    close(line[1]);
    std::string text = child > 0 ? receive(line[0], patience) : "";
    close(line[0]);
    const bool complete = text.ends_with(kComplete);
    if (child > 0) {
        if (!complete) kill(child, SIGKILL);
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    const std::string complaint = bare(last_line(complaints));
    close(complaints);
    if (!complete) return failure(complaint.empty() ? "Slurm does not answer" : complaint);
    text.pop_back();
    return text;
}

}  // namespace weir::cli

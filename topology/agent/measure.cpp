// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/measure.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "topology/nvml/sample.h"

namespace weir::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "weir-measure-gpus";

// Beside this program, as in a build, or where it is installed.
Result<fs::path> find_program() {
    const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
    for (const fs::path& folder : {here, here / WEIR_LIBEXEC_FROM_HERE})
        if (::access((folder / kProgram).c_str(), X_OK) == 0) return folder / kProgram;
    return failure("built without the CUDA toolkit, so without weir-measure-gpus: GPUs cannot be measured");
}

// What a program prints. What it has to complain of goes to our own standard error.
Result<std::string> output_of(const fs::path& program) {
    const auto failed = [&](int error) { return failure(program.string() + ": " + std::strerror(error)); };
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(errno);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string name = kProgram;
    std::array<char*, 2> arguments{name.data(), nullptr};
    pid_t child = 0;
    const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; error == 0 && (got = ::read(ends[0], part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    if (error != 0) return failed(error);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
    return failure("the GPUs were not measured: " + program.string() +
                   (WIFSIGNALED(status) ? std::string(" died of ") + strsignal(WTERMSIG(status))
                                        : " ended with status " + std::to_string(WEXITSTATUS(status))));
}

// Where NVML is not at hand, or GPUs are at work, nothing is known of what they draw idle.
IdlePower idle_power() {
    IdlePower idle;
    auto library = topology::NvmlLibrary::open();
    if (!library) return idle;
    const auto gpus = topology::NvmlSampler(std::move(*library)).sample();
    if (!gpus) return idle;
    for (const topology::GpuSample& gpu : *gpus) {
        const auto address = parse_pci_address(gpu.pci);
        if (address && gpu.power && gpu.processes == 0U) idle[*address] = *gpu.power / 1000.0;
    }
    return idle;
}

}  // namespace

Result<std::string> measure() {
    const auto program = find_program();
    if (!program) return tl::make_unexpected(program.error());
    const IdlePower idle = idle_power();
    const auto text = output_of(*program);
    if (!text) return tl::make_unexpected(text.error());
    const auto measured = parse_measured(*text);
    if (!measured) return tl::make_unexpected(measured.error());
    return to_report(*measured, idle);
}

}  // namespace weir::agent

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/gateway.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <slurm/slurm.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::spank {
namespace {

constexpr std::string_view kSocket = "gateway=";
constexpr std::string_view kRelay = "relay=";

std::string argument(std::string_view name, int count, char** arguments) {
    for (int i = 0; i < count; ++i) {
        const std::string_view word = arguments[i];
        if (word.starts_with(name)) return std::string(word.substr(name.size()));
    }
    return {};
}

std::uint32_t step_of(spank_t spank) {
    std::uint32_t step = NO_VAL;
    return spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS ? step : NO_VAL;
}

// From now on this process, and all that come of it, start no program.
bool forbid_programs() {
    std::array<sock_filter, 5> filter{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 1, 0),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execveat, 0, 1),
                                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
    const sock_fprog program{filter.size(), filter.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

// To the job's own output, where its user looks.
void tell(const std::string& text) {
    const std::string line = "weir: " + text + "\n";
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) slurm_error("weir: %s", text.c_str());
}

// The job's environment, as it would have been the script's, in a file without a name; -1 where that fails.
// The relay itself gets none of it: LD_PRELOAD and its like would run the user's code here.
int keep_environment(spank_t spank) {
    char** variables = nullptr;
    if (spank_get_item(spank, S_JOB_ENV, &variables) != ESPANK_SUCCESS || variables == nullptr) return -1;
    const int file = ::memfd_create("weir-environment", 0);
    if (file < 0) return -1;
    for (; *variables != nullptr; ++variables) {
        const std::string_view text(*variables, std::strlen(*variables) + 1);
        for (std::size_t done = 0; done < text.size();) {
            const ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
            if (wrote < 0) return -1;
            done += static_cast<std::size_t>(wrote);
        }
    }
    return file;
}

}  // namespace

bool on_gateway(int count, char** arguments) {
    return !argument(kSocket, count, arguments).empty();
}

bool forbid_steps(spank_t spank) {
    const std::uint32_t step = step_of(spank);
    // The other that may is Slurm's own, in which nothing of a user's is.
    return step == SLURM_BATCH_SCRIPT || step == SLURM_EXTERN_CONT || forbid_programs();
}

void become_relay(spank_t spank, int count, char** arguments) {
    if (step_of(spank) != SLURM_BATCH_SCRIPT) {
        tell("this node is a gateway to another site: no step of a job runs on it, only its copy there");
        return;
    }
    const std::string socket = argument(kSocket, count, arguments);
    const std::string relay = argument(kRelay, count, arguments);
    std::uint32_t job = 0;
    int script_count = 0;
    char** script = nullptr;
    std::array<char, 256> node{};
    const int environment = keep_environment(spank);
    if (relay.empty() || environment < 0 || spank_get_item(spank, S_JOB_ID, &job) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_ARGV, &script_count, &script) != ESPANK_SUCCESS || script_count < 1 ||
        spank_getenv(spank, "SLURMD_NODENAME", node.data(), static_cast<int>(node.size())) !=
            ESPANK_SUCCESS) {
        tell("the relay to the other site cannot be started; nothing of this job was run");
        return;
    }
    std::vector<std::string> words{
        relay,   "--socket",          socket,   "--environment-fd", std::to_string(environment),
        "--job", std::to_string(job), "--node", node.data(),        "--"};
    for (int i = 0; i < script_count; ++i) words.emplace_back(script[i]);
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::array<char*, 2> bare{path.data(), nullptr};
    ::execve(relay.c_str(), pointers.data(), bare.data());
    tell(relay + " cannot be started: " + std::strerror(errno) + "; nothing of this job was run");
}

}  // namespace weir::spank

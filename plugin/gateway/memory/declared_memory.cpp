// SPDX-License-Identifier: GPL-2.0-or-later
// Preloaded into the slurmd of gateway nodes, and into nothing else: lets it register the memory of the
// site's nodes instead of its own host's, which Slurm would call too low and drain the node. Up to
// Slurm 25.05 no setting of one node does that (src/slurmd/slurmd/get_mach_stat.c asks sysconf). How it is
// used: weir-gateway(8).
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr long kMiB = 1L << 20;
constexpr const char* kPreload = "LD_PRELOAD";

using Sysconf = long (*)(int);
using Execve = int (*)(const char*, char* const*, char* const*);

// MiB that a node shall have; 0: what the host has.
long declared() {
    static const long value = [] {
        const char* text = std::getenv("WEIR_NODE_MEMORY");
        return text != nullptr ? std::strtol(text, nullptr, 10) : 0L;
    }();
    return value;
}

// "LD_PRELOAD=...", as this process was started with it.
std::string& preload() {
    static std::string entry;
    return entry;
}

// What slurmd starts, a step's slurmstepd among it, sees its host as it is.
[[gnu::constructor]] void stay_alone() {
    static_cast<void>(declared());
    if (const char* value = std::getenv(kPreload)) preload() = std::string(kPreload) + "=" + value;
    ::unsetenv(kPreload);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] long sysconf(int name) noexcept {
    static const auto next = reinterpret_cast<Sysconf>(::dlsym(RTLD_NEXT, "sysconf"));
    if (name == _SC_PHYS_PAGES && declared() > 0) return declared() * (kMiB / next(_SC_PAGESIZE));
    return next(name);
}

// From Slurm 23.11 on a slurmd that is to reconfigure starts itself anew, with a copy of its environment and
// its own arguments (src/slurmd/slurmd/slurmd.c, _try_to_reconfig): it alone gets this library again.
extern "C" [[gnu::visibility("default")]] int execve(const char* path, char* const arguments[],
                                                     char* const environment[]) noexcept {
    static const auto next = reinterpret_cast<Execve>(::dlsym(RTLD_NEXT, "execve"));
    const bool itself = arguments[0] != nullptr && environment != nullptr &&
                        std::strcmp(arguments[0], program_invocation_name) == 0;
    if (!itself || preload().empty()) return next(path, arguments, environment);
    std::vector<char*> with{preload().data()};
    for (auto* entry = environment; *entry != nullptr; ++entry) with.push_back(*entry);
    with.push_back(nullptr);
    return next(path, arguments, with.data());
}

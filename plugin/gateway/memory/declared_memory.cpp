// SPDX-License-Identifier: GPL-2.0-or-later
// Preloaded into the slurmd of gateway nodes, and into nothing else: lets it register the memory of the
// site's nodes instead of its own host's, which Slurm would call too low and drain the node. Up to
// Slurm 25.05 no setting of one node does that (src/slurmd/slurmd/get_mach_stat.c asks sysconf). How it is
// used: weir-gateway(8).
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

namespace {

constexpr long kMiB = 1L << 20;

using Sysconf = long (*)(int);

// MiB that a node shall have; 0: what the host has.
long declared() {
    static const long value = [] {
        const char* text = std::getenv("WEIR_NODE_MEMORY");
        return text != nullptr ? std::strtol(text, nullptr, 10) : 0L;
    }();
    return value;
}

// What slurmd starts, a step's slurmstepd among it, sees its host as it is.
[[gnu::constructor]] void stay_alone() {
    static_cast<void>(declared());
    ::unsetenv("LD_PRELOAD");
}

}  // namespace

extern "C" [[gnu::visibility("default")]] long sysconf(int name) noexcept {
    static const auto next = reinterpret_cast<Sysconf>(::dlsym(RTLD_NEXT, "sysconf"));
    if (name == _SC_PHYS_PAGES && declared() > 0) return declared() * (kMiB / next(_SC_PAGESIZE));
    return next(name);
}

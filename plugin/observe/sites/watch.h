// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/observe/sites/answer.h"

namespace weir::observe {

// A gateway host, where it tells, and the sites that it is to tell of.
struct GatewaySource {
    std::string host;
    int port = 0;
    std::vector<std::string> sites;  // sorted

    bool operator==(const GatewaySource&) const = default;
};

// The sequence after which a gateway shall tell of runs that have ended: what its sites have settled, less
// only where it has told of some that are not settled yet. Sequences are the gateway's, not a site's.
std::uint64_t settled_up_to(const GatewaySource& source, const std::vector<SiteLook>& looks,
                            const std::vector<Settled>& settled);

// Asks the gateways how their sites stand, round after round, on a thread of its own: a slow one holds up no
// cycle.
class SiteWatch {
  public:
    SiteWatch();
    ~SiteWatch();
    SiteWatch(const SiteWatch&) = delete;
    SiteWatch& operator=(const SiteWatch&) = delete;

    // From the next round on.
    void use(std::vector<GatewaySource> sources);
    // Which runs need not be told any more.
    void settled(std::vector<Settled> settled);

    // What was heard last, by site; of sites that no gateway has told of yet, only that.
    std::vector<SiteLook> look() const;

  private:
    struct Asked {
        GatewaySource source;
        std::vector<SiteLook> looks;  // by site
    };

    void run();
    void take(const GatewaySource& source, const Result<std::string>& answer);
    bool stopped() const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    bool fresh_ = false;
    std::map<std::string, Asked> gateways_;  // by host and port
    std::vector<Settled> settled_;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace weir::observe

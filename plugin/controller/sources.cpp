// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/sources.h"

#include <algorithm>

namespace weir::controller {

std::vector<observe::ServiceSource> service_sources(const config::Policy& policy) {
    std::vector<observe::ServiceSource> sources;
    for (const auto& rule : policy.services) {
        observe::ServiceSource source;
        source.service = rule.name;
        source.period = rule.period;
        for (const auto& signal : rule.signals) {
            const bool prometheus = !signal.query.empty();
            source.signals.push_back(
                {prometheus ? observe::query_url(rule.prometheus, signal.query) : signal.url, prometheus,
                 signal.pointer});
        }
        if (rule.predict) {
            source.prediction = observe::query_url(rule.prometheus, rule.predict->query) + "&time=";
            source.ahead = rule.predict->ahead;
        }
        sources.push_back(std::move(source));
    }
    return sources;
}

std::vector<observe::ServiceJobs> service_jobs(const config::Policy& policy) {
    std::vector<observe::ServiceJobs> jobs;
    for (const auto& rule : policy.services) jobs.push_back({rule.name, rule.user, rule.drain.settle});
    return jobs;
}

std::vector<std::string> reservation_names(const config::Policy& policy) {
    std::vector<std::string> names;
    for (const auto& rule : policy.lend) names.push_back(rule.reservation());
    std::ranges::sort(names);
    return names;
}

std::vector<observe::GatewaySource> gateway_sources(const config::Policy& policy) {
    std::vector<observe::GatewaySource> sources;
    for (const config::SiteConnection& connection : policy.connections) {
        const auto known = std::ranges::find_if(sources, [&](const observe::GatewaySource& one) {
            return one.host == connection.host && one.port == connection.port;
        });
        if (known != sources.end())
            known->sites.push_back(connection.site);
        else
            sources.push_back({connection.host, connection.port, {connection.site}});
    }
    for (auto& source : sources) std::ranges::sort(source.sites);
    return sources;
}

observe::Gateways gateways(const config::Policy& policy, const std::string& installation) {
    observe::Gateways all;
    all.installation = installation;
    all.sites.reserve(policy.overflow.sites.size());
    for (const policies::Site& site : policy.overflow.sites) {
        observe::GatewaySite one{site.name, site.partition, {}};
        one.users.reserve(site.users.size());
        for (const auto& [user, account] : site.users) one.users.push_back(user);
        all.sites.push_back(std::move(one));
    }
    return all;
}

}  // namespace weir::controller

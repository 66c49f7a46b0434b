// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/sites/watch.h"

#include <algorithm>

#include "plugin/net/http.h"

namespace weir::observe {
namespace {

constexpr net::Bounds kGatewayBounds{std::chrono::milliseconds(5'000), std::size_t{64} << 20};
constexpr std::size_t kGatewaysAtOnce = 16;
constexpr std::chrono::milliseconds kRound{3'000};
constexpr Duration kSilent{20};  // then a gateway does not answer; one answer may be lost

Time right_now() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

std::string address_of(const GatewaySource& source) {
    const bool plain_ipv6 = source.host.find(':') != std::string::npos && !source.host.starts_with('[');
    return "http://" + (plain_ipv6 ? "[" + source.host + "]" : source.host) + ":" +
           std::to_string(source.port);
}

SiteLook unheard(const std::string& site) {
    SiteLook look;
    look.site = site;
    look.problem = "it has not been asked yet";
    return look;
}

std::vector<SiteLook> unheard_sites(const GatewaySource& source) {
    std::vector<SiteLook> looks;
    looks.reserve(source.sites.size());
    for (const std::string& site : source.sites) looks.push_back(unheard(site));
    return looks;
}

}  // namespace

std::uint64_t settled_up_to(const GatewaySource& source, const std::vector<SiteLook>& looks,
                            const std::vector<Settled>& settled) {
    const auto look_at = [&](const std::string& site) {
        const auto look = std::ranges::find(looks, site, &SiteLook::site);
        return look != looks.end() && look->heard > Time{} ? &*look : nullptr;
    };
    bool any_heard = false;
    std::string ledger;
    for (const std::string& site : source.sites) {
        const SiteLook* look = look_at(site);
        if (look == nullptr) continue;
        any_heard = true;
        ledger = look->ledger;
    }
    std::uint64_t most = 0;
    std::optional<std::uint64_t> open;
    for (const std::string& site : source.sites) {
        const std::uint64_t sequence = settled_sequence(settled, site, ledger);
        most = std::max(most, sequence);
        const SiteLook* look = look_at(site);
        // A gateway tells of all its sites at once: one that it left out it does not serve yet.
        if (look == nullptr && any_heard) continue;
        if (look == nullptr || (!look->finished.empty() && look->finished.back().sequence > sequence))
            open = std::min(open.value_or(sequence), sequence);
    }
    return open.value_or(most);
}

SiteWatch::SiteWatch() : thread_([this] { run(); }) {}

SiteWatch::~SiteWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void SiteWatch::use(std::vector<GatewaySource> sources) {
    {
        const std::lock_guard lock(mutex_);
        std::map<std::string, Asked> next;
        for (GatewaySource& source : sources) {
            const std::string address = address_of(source);
            const auto known = gateways_.find(address);
            if (known != gateways_.end() && known->second.source == source) {
                next.insert(gateways_.extract(known));
                continue;
            }
            Asked asked{{}, unheard_sites(source)};
            asked.source = std::move(source);
            next.emplace(address, std::move(asked));
        }
        gateways_ = std::move(next);
        fresh_ = true;
    }
    changed_.notify_all();
}

void SiteWatch::settled(std::vector<Settled> settled) {
    const std::lock_guard lock(mutex_);
    settled_ = std::move(settled);
}

std::vector<SiteLook> SiteWatch::look() const {
    std::vector<SiteLook> looks;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [address, asked] : gateways_)
            looks.insert(looks.end(), asked.looks.begin(), asked.looks.end());
    }
    const Time now = right_now();
    for (SiteLook& look : looks) look.gateway_answers = look.heard > Time{} && now - look.heard <= kSilent;
    std::ranges::sort(looks, {}, &SiteLook::site);
    return looks;
}

bool SiteWatch::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

void SiteWatch::run() {
    while (true) {
        std::vector<GatewaySource> sources;
        std::vector<std::string> urls;
        {
            std::unique_lock lock(mutex_);
            const auto rest = gateways_.empty() ? std::chrono::hours(1) : kRound;
            changed_.wait_for(lock, rest, [&] { return stopped_ || fresh_; });
            if (stopped_) return;
            fresh_ = false;
            for (const auto& [address, asked] : gateways_) {
                sources.push_back(asked.source);
                urls.push_back(address + "/sites?after=" +
                               std::to_string(settled_up_to(asked.source, asked.looks, settled_)));
            }
        }
        net::get_all(
            urls, kGatewayBounds, kGatewaysAtOnce,
            [&](std::size_t index, const Result<std::string>& answer) { take(sources[index], answer); },
            [&] { return stopped(); });
    }
}

void SiteWatch::take(const GatewaySource& source, const Result<std::string>& answer) {
    auto told = answer ? read_sites(*answer, right_now())
                       : Result<std::vector<SiteLook>>(tl::make_unexpected(answer.error()));
    const std::lock_guard lock(mutex_);
    const auto found = gateways_.find(address_of(source));
    if (found == gateways_.end() || found->second.source != source) return;
    for (SiteLook& look : found->second.looks) {
        if (!told) {
            look.problem = told.error().message;
            continue;
        }
        const auto fresh = std::ranges::find(*told, look.site, &SiteLook::site);
        if (fresh != told->end())
            look = std::move(*fresh);
        else
            look.problem = "the gateway on " + source.host + " has no site " + look.site;
    }
}

}  // namespace weir::observe

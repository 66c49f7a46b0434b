// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <charconv>
#include <string_view>

#include "plugin/gateway/rest/errors.h"
#include "plugin/gateway/rest/messages.h"

namespace weir::rest {
namespace {

// "/slurm/v0.0.38/jobs/state/" as its version and the rest without slashes around; absent for any other path.
std::optional<std::pair<Version, std::string_view>> parts_of_path(std::string_view path) {
    constexpr std::string_view kBefore = "/slurm/v0.0.";
    if (!path.starts_with(kBefore)) return std::nullopt;
    path.remove_prefix(kBefore.size());
    Version version;
    const char* const end = path.data() + path.size();
    const auto [next, error] = std::from_chars(path.data(), end, version.number);
    if (error != std::errc() || version.number < 0 || next == end || *next != '/') return std::nullopt;
    path.remove_prefix(static_cast<std::size_t>(next - path.data()) + 1);
    if (path.ends_with('/')) path.remove_suffix(1);
    return std::pair(version, path);
}

// v0.0.39 comes last: on a site without slurmdbd every answer of it is an error.
bool better(Version version, Version other) {
    constexpr Version kNeedsDatabase{39};
    if ((version == kNeedsDatabase) != (other == kNeedsDatabase)) return other == kNeedsDatabase;
    return version > other;
}

}  // namespace

Answered<std::vector<Offer>> versions_offered(int status, const std::string& openapi) {
    if (status != 200)  // an error is no OpenAPI document, and read as any other
        if (const auto reply = read_reply(status, openapi); !reply) return tl::make_unexpected(reply.error());
    const auto document = parse_paths(openapi);
    if (!document || !document->is_object()) return garbage("it is no whole JSON object");
    const auto paths = document->find("paths");
    if (paths == document->end() || !paths->is_object()) return garbage("it has no paths");
    std::vector<Offer> offers;
    std::vector<Version> with_states;
    for (auto path = paths->begin(); path != paths->end(); ++path) {
        const auto parts = parts_of_path(path.key());
        if (!parts) continue;
        if (parts->second == "ping") offers.push_back({parts->first, false});
        if (parts->second == "jobs/state") with_states.push_back(parts->first);
    }
    std::ranges::sort(offers, {}, &Offer::version);
    for (Offer& offer : offers)
        offer.states = std::ranges::find(with_states, offer.version) != with_states.end();
    offers.erase(std::unique(offers.begin(), offers.end()), offers.end());
    return offers;
}

Answered<Offer> choose(const std::vector<Offer>& offered) {
    std::optional<Offer> best;
    std::string all;
    for (const Offer& offer : offered) {
        all += (all.empty() ? "" : ", ") + offer.version.text();
        const bool known = offer.version >= kOldest && offer.version <= kNewest;
        if (known && (!best || better(offer.version, best->version))) best = offer;
    }
    if (best) return *best;
    return failed(Trouble::kRefused, "the site offers " +
                                         (all.empty() ? "no version of Slurm's REST API" : one_line(all)) +
                                         "; " + kOldest.text() + " to " + kNewest.text() + " are known here");
}

}  // namespace weir::rest

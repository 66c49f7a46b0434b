// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <charconv>

#include "plugin/config/words.h"
#include "plugin/spank/stage_names.h"
#include "plugin/spank/values.h"

namespace weir::spank {
namespace {

constexpr std::size_t kMostNameBytes = 64;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;
constexpr config::DurationForm kLatencyForm{.usual_unit = "ms",
                                            .milliseconds = true,
                                            .min = std::chrono::milliseconds(1),
                                            .max = std::chrono::minutes(1)};

tl::unexpected<std::string> wrong(std::string_view text, const std::string& what) {
    return tl::unexpected(config::in_quotes(text) + " " + what);
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_site_name(std::string_view text) {
    return !text.empty() && text.size() <= kMostNameBytes && is_letter(text[0]) &&
           std::ranges::all_of(
               text, [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

// The parts between commas; an empty text has one, which is empty.
std::vector<std::string_view> parts_of(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t comma = std::min(text.find(','), text.size());
        parts.push_back(text.substr(0, comma));
        if (comma == text.size()) return parts;
        text.remove_prefix(comma + 1);
    }
}

Read<OverflowWish> read_wish(std::string_view word) {
    if (word == "never") return OverflowWish::kNever;
    if (word == "allow") return OverflowWish::kAllow;
    if (word == "prefer") return OverflowWish::kPrefer;
    const std::string_view near = config::nearest(word, {"never", "allow", "prefer"});
    return wrong(word, "is not never, allow or prefer" +
                           (near.empty() ? "" : " (did you mean " + std::string(near) + "?)"));
}

std::string wrong_with_path(std::string_view path) {
    if (!config::is_utf8(path)) return "is no UTF-8";
    if (path.empty()) return "names no file (as in data,models/base)";
    if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
        return "holds a control character";
    if (("/" + std::string(path) + "/").find("/../") != std::string::npos)
        return "leads upwards: write it without ..";
    return {};
}

Read<std::vector<std::string>> read_paths(std::string_view text, bool may_be_absolute) {
    std::vector<std::string> paths;
    for (const std::string_view path : parts_of(text)) {
        if (const std::string what = wrong_with_path(path); !what.empty()) return wrong(path, what);
        if (!may_be_absolute && path.starts_with('/'))
            return wrong(path, "is absolute: what comes back stays below the job's working directory");
        paths.emplace_back(path);
    }
    return paths;
}

}  // namespace

Read<OverflowRequest> read_overflow(std::string_view text) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const auto wish = read_wish(text.substr(0, colon));
    if (!wish) return tl::unexpected(wish.error());
    OverflowRequest request;
    request.wish = *wish;
    if (colon == text.size()) return request;
    if (*wish == OverflowWish::kNever) return wrong(text, "names sites to which the job never goes");
    for (const std::string_view site : parts_of(text.substr(colon + 1))) {
        if (!is_site_name(site)) return wrong(site, "is not the name of a site (as in allow:west,east)");
        if (std::ranges::find(request.sites, site) != request.sites.end())
            return wrong(site, "is named twice");
        request.sites.emplace_back(site);
    }
    return request;
}

Read<Money> read_max_cost(std::string_view text) {
    return config::read_money(text);
}

Read<std::chrono::milliseconds> read_latency(std::string_view text) {
    return config::read_duration(text, kLatencyForm);
}

Read<std::vector<std::string>> read_stage_in(std::string_view text) {
    auto paths = read_paths(text, true);
    if (!paths) return paths;
    if (const std::string what = clash(*paths); !what.empty()) return tl::unexpected(what);
    return paths;
}

Read<std::vector<std::string>> read_stage_out(std::string_view text) {
    return read_paths(text, false);
}

Read<Bytes> read_bytes(std::string_view text) {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 0 || number > kMostBytes)
        return wrong(text, "is not a number of bytes");
    return Bytes{number};
}

std::string overflow_text(const OverflowRequest& request) {
    const OverflowWish wish = request.wish.value_or(OverflowWish::kNever);
    std::string text = wish == OverflowWish::kNever   ? "never"
                       : wish == OverflowWish::kAllow ? "allow"
                                                      : "prefer";
    for (const std::string& site : request.sites) text += (&site == request.sites.data() ? ":" : ",") + site;
    return text;
}

std::string latency_text(std::chrono::milliseconds latency) {
    return std::to_string(latency.count()) + "ms";
}

}  // namespace weir::spank

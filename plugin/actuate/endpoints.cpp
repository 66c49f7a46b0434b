// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/actuate/endpoints.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "plugin/actuate/file.h"

namespace weir::actuate {
namespace {

Result<void> renew(const std::string& path, const std::string& text) {
    if (path.empty()) return {};
    std::ifstream before(path);
    if (before && std::string(std::istreambuf_iterator<char>(before), {}) == text) return {};
    return replace_file(path, text, false, 0644);
}

}  // namespace

std::string file_sd_text(const ServiceReport& report) {
    nlohmann::ordered_json groups = nlohmann::ordered_json::array();
    if (!report.endpoints.empty())
        groups.push_back({{"targets", report.endpoints}, {"labels", {{"weir_service", report.service}}}});
    return groups.dump(1) + "\n";
}

std::string nginx_text(const ServiceReport& report) {
    std::string text;
    for (const std::string& endpoint : report.endpoints) text += "server " + endpoint + " max_fails=0;\n";
    return text.empty() ? "server 127.0.0.1:9 down;\n" : text;
}

Result<void> publish(const policies::ServiceRule& rule, const ServiceReport& report) {
    if (auto written = renew(rule.file_sd, file_sd_text(report)); !written) return written;
    return renew(rule.nginx, nginx_text(report));
}

}  // namespace weir::actuate

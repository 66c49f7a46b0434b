// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/check.h"

#include <algorithm>

#include "plugin/cli/slurm_check.h"
#include "plugin/config/parse.h"

namespace weir::cli {
namespace {

using config::Finding;
using config::Severity;

std::int64_t count_of(const CheckReport& report, Severity severity) {
    return std::ranges::count(report.findings, severity, &Finding::severity);
}

std::string verdict(const CheckReport& report) {
    const auto errors = count_of(report, Severity::kError);
    const auto warnings = count_of(report, Severity::kWarning);
    std::string text = errors == 0 ? "no error" : counted(errors, "error");
    if (warnings > 0) text += ", " + counted(warnings, "warning");
    if (report.mode.empty()) return text;
    text += "; " + counted(report.rules, "rule") + ", mode " + report.mode;
    if (!report.cluster.empty()) text += "; names compared with cluster " + report.cluster;
    return text;
}

}  // namespace

bool CheckReport::has_errors() const {
    return count_of(*this, Severity::kError) > 0;
}

int count_rules(const config::Policy& policy) {
    return static_cast<int>(policy.lend.size() + policy.idle.size() + policy.overflow.rules.size());
}

CheckReport check(const std::filesystem::path& file) {
    CheckReport report;
    report.file = file.string();
    const auto policy = config::load(file);
    if (!policy) {
        for (const std::string& problem : policy.error())
            report.findings.push_back({Severity::kError, "", problem});
        return report;
    }
    report.rules = count_rules(*policy);
    report.mode = policy->mode == policies::Mode::kAct ? "act" : "advise";
    report.findings = config::check_people(*policy);
    SlurmCheck slurm = check_against_slurm(*policy);
    report.cluster = slurm.cluster;
    std::ranges::move(slurm.findings, std::back_inserter(report.findings));
    return report;
}

json to_json(const CheckReport& report) {
    json findings = json::array();
    for (const Finding& finding : report.findings)
        findings.push_back({{"severity", finding.severity == Severity::kError ? "error" : "warning"},
                            {"rule", finding.rule},
                            {"message", finding.message}});
    return {{"file", report.file}, {"ok", !report.has_errors()}, {"rules", report.rules},
            {"mode", report.mode}, {"cluster", report.cluster},  {"findings", findings}};
}

std::string print_check(const CheckReport& report, const Look& look) {
    std::string text;
    for (const Finding& finding : report.findings) {
        const bool wrong = finding.severity == Severity::kError;
        std::string line = wrong ? "error: " : "warning: ";
        // A problem of the file itself begins with its line, and that is where editors look for it.
        if (wrong && finding.rule.empty()) line = "";
        if (!finding.rule.empty()) line += "rule " + finding.rule + ": ";
        text += painted(wrong ? Paint::kTrouble : Paint::kRemark,
                        wrapped("", line + harmless(finding.message), 4, look), look);
    }
    return text + wrapped("", report.file + ": " + verdict(report), 4, look);
}

}  // namespace weir::cli

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/lend_keys.h"

#include "plugin/config/common_keys.h"

namespace weir::config {
namespace {

using policies::LendRule;

// What gres.conf without Type= leaves nameless, and --gres=gpu:8 names so.
constexpr std::string_view kUntypedGpu = "gpu";

// Those who may use what is lent. An empty list would let everybody in, which is not what it looks like.
void read_allowed(const Value& value, ReadName read, std::vector<std::string>& into) {
    read_names(value, "a list of names", read, into);
    if (value.is_list() && into.empty()) {
        value.problem("is empty: name somebody, or leave the key out to let everybody in");
    }
}

void read_from(const Value& value, std::vector<std::string>& into) {
    if (!value.is_list()) {
        if (auto name = value.as("a partition or a list of them", read_partition))
            into.push_back(*std::move(name));
        return;
    }
    read_names(value, "a list of partitions", read_partition, into);
    if (into.empty()) value.problem("is empty: name a partition");
}

void read_spare_gpus(const Value& value, std::map<std::string, int>& into) {
    value.entries("a map of GPU types (as in {h100: 8})", [&](const std::string& key, const Value& number) {
        const auto type = read_gpu_type(key);
        if (!type) number.problem(type.error());
        const auto gpus = number.count();
        if (type && gpus) into[key == kUntypedGpu ? "" : *type] = *gpus;
    });
}

void read_reclaim(const Value& value, policies::Reclaim& into) {
    value.keys({{"after", [&](const Value& v) { read_seconds(v, into.after); }},
                {"notice", [&](const Value& v) { read_seconds(v, into.notice); }},
                {"then", [&](const Value& v) {
                     keep(v.one_of<Ending>({{"requeue", Ending::kRequeue},
                                            {"leave", Ending::kLeave},
                                            {"cancel", Ending::kCancel}}),
                          into.then);
                 }}});
}

void read_backoff(const Value& value, policies::Backoff& into) {
    value.keys({{"first", [&](const Value& v) { read_seconds(v, into.first); }},
                {"max", [&](const Value& v) { read_seconds(v, into.max); }}});
}

}  // namespace

LendRule read_lend_rule(const Value& value) {
    LendRule rule;
    value.keys({
        {"name", [&](const Value& v) { keep(v.as("a name", read_rule_name), rule.name); }},
        {"mode", [&](const Value& v) { rule.mode = read_mode(v); }},
        {"from", [&](const Value& v) { read_from(v, rule.from); }},
        {"to", [&](const Value& v) { keep(v.as("a partition", read_partition), rule.to); }},
        {"keep_idle", [&](const Value& v) { keep(v.count(), rule.keep_idle); }},
        {"max_lent", [&](const Value& v) { rule.max_lent = v.count(); }},
        {"spare_gpus", [&](const Value& v) { read_spare_gpus(v, rule.spare_gpus); }},
        {"min_loan", [&](const Value& v) { read_seconds(v, rule.min_loan); }},
        {"idle_return", [&](const Value& v) { read_seconds(v, rule.idle_return); }},
        {"reclaim", [&](const Value& v) { read_reclaim(v, rule.reclaim); }},
        {"backoff", [&](const Value& v) { read_backoff(v, rule.backoff); }},
        {"also", [&](const Value& v) { read_names(v, "a list of partitions", read_partition, rule.also); }},
        {"users", [&](const Value& v) { read_allowed(v, read_account, rule.users); }},
        {"accounts", [&](const Value& v) { read_allowed(v, read_account, rule.accounts); }},
        {"groups", [&](const Value& v) { read_allowed(v, read_group, rule.groups); }},
    });
    for (std::string_view key : {"name", "from", "to"}) value.require(key);
    return rule;
}

}  // namespace weir::config

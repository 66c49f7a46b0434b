// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/terms_keys.h"

#include <array>
#include <cmath>

#include "plugin/config/common_keys.h"
#include "plugin/config/hours.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::TariffBand;
using policies::Voucher;

constexpr std::string_view kOther = "other";
constexpr double kMostPue = 10;
constexpr double kMostGpuHours = 1e9;
constexpr int kMostGpuWatts = 100'000;
constexpr int kMinutesADay = 24 * 60;

void read_amount(const Value& value, Money& into) {
    keep(value.as("an amount of money", read_money), into);
}

void read_gpu_prices(const Value& value, policies::GpuPrices& into) {
    value.entries("a map of GPU types (as in {h100: 2.50, other: 1.00})",
                  [&](const std::string& key, const Value& v) {
                      const auto type = read_gpu_type(key);
                      if (!type) v.problem(type.error());
                      const auto price = v.as("an amount of money", read_money);
                      if (!type || !price) return;
                      if (*type == kOther)
                          into.other = *price;
                      else
                          into.by_type[*type] = *price;
                  });
}

void read_watts(const Value& value, policies::PowerTerms& into) {
    value.entries("a map of GPU types (as in {h100: 1000})", [&](const std::string& key, const Value& v) {
        const auto type = read_gpu_type(key);
        if (!type) v.problem(type.error());
        const auto watts = v.count();
        if (!type || !watts) return;
        if (*watts < 1 || *watts > kMostGpuWatts)
            v.problem("must be from 1 to " + std::to_string(kMostGpuWatts) + " watts");
        else if (*type == kOther)
            into.other_watts = *watts;
        else
            into.watts[*type] = *watts;
    });
}

Read<double> read_pue(std::string_view text) {
    constexpr const char* kPue = "a PUE (from 1 to 10, as in 1.2)";
    auto pue = read_above_zero(text, kMostPue, kPue);
    if (pue && *pue < 1) return tl::unexpected(in_quotes(text) + " is not " + kPue);
    return pue;
}

TariffBand read_band(const Value& value) {
    TariffBand band;
    std::string days, from, to;
    value.keys({{"days", [&](const Value& v) { keep(v.text("days (as in mon-fri)"), days); }},
                {"from", [&](const Value& v) { keep(v.text("a time of day"), from); }},
                {"to", [&](const Value& v) { keep(v.text("a time of day"), to); }},
                {"kwh", [&](const Value& v) { read_amount(v, band.kwh); }}});
    value.require("kwh");
    if (from.empty() != to.empty()) value.problem("has one of from and to: give both, or neither");
    if (from.empty() && to.empty() && days.empty()) return band;
    if (from.empty() && to.empty()) {
        from = "00:00";
        to = "24:00";
    }
    const auto hours = read_hours((days.empty() ? "" : days + " ") + from + "-" + to);
    if (hours)
        band.hours = *hours;
    else if (!from.empty() && !to.empty())
        value.problem(hours.error());
    return band;
}

// The first minute of the week that no band covers, as "mon 07:00"; empty: none.
std::string uncovered(const std::vector<TariffBand>& tariff) {
    constexpr std::array<const char*, 7> kDayNames{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    constexpr Time kMonday{std::chrono::days(4)};  // 1970-01-05
    std::vector<Hours> hours;
    hours.reserve(tariff.size());
    for (const TariffBand& band : tariff) {
        if (!band.hours) return {};
        hours.push_back(*band.hours);
    }
    for (int minute = 0; minute < 7 * kMinutesADay; ++minute) {
        if (within(hours, kMonday + std::chrono::minutes(minute), {})) continue;
        const int of_day = minute % kMinutesADay;
        const auto two = [](int number) {
            return std::string(number < 10 ? "0" : "") + std::to_string(number);
        };
        return std::string(kDayNames.at(static_cast<std::size_t>(minute / kMinutesADay))) + " " +
               two(of_day / 60) + ":" + two(of_day % 60);
    }
    return {};
}

void read_tariff(const Value& value, std::vector<TariffBand>& into) {
    bool whenever = false;
    bool readable = true;
    value.list("a list of bands (as in [{from: \"00:00\", to: \"07:00\", kwh: 0.03}, {kwh: 0.12}])",
               [&](const Value& entry) {
                   if (whenever) {
                       entry.problem("stands behind a band without hours, which is for all that is left");
                       readable = false;
                   }
                   into.push_back(read_band(entry));
                   const bool says = entry.has("days") || entry.has("from") || entry.has("to");
                   whenever = whenever || !says;
                   readable = readable && says == into.back().hours.has_value();
               });
    if (!value.is_list() || !readable) return;
    if (into.empty())
        value.problem("is empty: say what a kWh costs");
    else if (const std::string when = uncovered(into); !when.empty())
        value.problem("says nothing of " + when + ": end it with a band without hours (as in {kwh: 0.12})");
}

Read<GpuSeconds> read_gpu_hours(std::string_view text) {
    return read_above_zero(text, kMostGpuHours, "a number of GPU-hours (as in 5000)").map([](double hours) {
        return GpuSeconds{std::llround(hours * 3600)};
    });
}

Voucher read_voucher(const Value& value) {
    Voucher voucher;
    value.keys(
        {{"name", [&](const Value& v) { keep(v.as("a name", read_rule_name), voucher.name); }},
         {"gpu_hours",
          [&](const Value& v) { keep(v.as("a number of GPU-hours", read_gpu_hours), voucher.amount); }},
         {"gpus",
          [&](const Value& v) { read_names_of_some(v, "a list of GPU types", read_gpu_type, voucher.gpus); }},
         {"accounts",
          [&](const Value& v) {
              read_names_of_some(v, "a list of accounts", read_account, voucher.accounts);
          }},
         {"until", [&](const Value& v) { voucher.until = v.as("a date", read_day); }}});
    value.require("name");
    value.require("gpu_hours");
    return voucher;
}

}  // namespace

void TermsReader::read_price(const Value& value) {
    value.keys({{"currency", [&](const Value& v) { keep(v.as("a currency", read_currency), currency); }},
                {"gpu_hour", [&](const Value& v) { read_gpu_prices(v, terms.gpu_hour); }},
                {"egress_gb", [&](const Value& v) { read_amount(v, terms.egress_gb); }},
                {"includes_power", [&](const Value& v) {
                     keep(v.one_of<bool>({{"true", true}, {"false", false}}), terms.power_included);
                     says_included = true;
                 }}});
}

void TermsReader::read_power(const Value& value) {
    says_power = true;
    policies::PowerTerms& power = terms.power;
    value.keys({{"pue", [&](const Value& v) { keep(v.as("a number", read_pue), power.pue); }},
                {"watts", [&](const Value& v) { read_watts(v, power); }},
                {"tariff", [&](const Value& v) { read_tariff(v, power.tariff); }}});
    value.require("tariff");
}

policies::Terms TermsReader::done() const {
    policies::Terms result = terms;
    if (!says_included) result.power_included = !says_power;
    return result;
}

void read_vouchers(const Value& value, std::vector<Voucher>& into) {
    value.list("a list of vouchers", [&](const Value& entry) {
        into.push_back(read_voucher(entry));
        for (std::size_t i = 0; i + 1 < into.size(); ++i)
            if (into[i].name == into.back().name && !into[i].name.empty())
                entry.problem(in_quotes(into[i].name) + " is the name of another voucher here too");
    });
}

}  // namespace weir::config

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/config/reader.h"
#include "policies/overflow/rule.h"

namespace weir::config {

// `price:` and `power:` of a place, which stand beside its other keys, and the currency that it names.
struct TermsReader {
    policies::Terms terms;
    std::string currency;  // empty: not said
    bool says_power = false;
    bool says_included = false;

    void read_price(const Value& value);
    void read_power(const Value& value);

    // Power is paid besides where the place says what it costs, unless it says that the price includes it.
    policies::Terms done() const;
};

// `vouchers:` of a site.
void read_vouchers(const Value& value, std::vector<policies::Voucher>& into);

}  // namespace weir::config

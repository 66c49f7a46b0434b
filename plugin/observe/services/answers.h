// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/result.h"

namespace weir::observe {

// The one value that Prometheus answers to a query: a scalar, or a vector of one series. No series and
// several are errors; NaN is a value.
// https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
Result<double> read_one_value(const std::string& answer);

// The number at a place of a JSON document; the document itself where the pointer is empty.
Result<double> read_json_number(const std::string& document, const std::string& pointer);

}  // namespace weir::observe

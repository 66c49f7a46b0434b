// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/site.h"

#include <string_view>

namespace weir::config {

std::string for_account(const std::string& text, const std::string& account) {
    constexpr std::string_view kPlace = "{user}";
    std::string done;
    std::size_t from = 0;
    for (std::size_t at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, from)) {
        done.append(text, from, at - from).append(account);
        from = at + kPlace.size();
    }
    return done.append(text, from);
}

}  // namespace weir::config

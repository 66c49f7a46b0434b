// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "plugin/config/policy.h"
#include "plugin/config/problem.h"

namespace weir::config {

// The largest weir.yaml that is read.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

// The policy that the text of a weir.yaml says, or everything that is wrong in it, in order of line. An empty
// text is the policy that has no rule. No text makes it throw or crash.
[[nodiscard]] tl::expected<Policy, std::vector<Problem>> parse(std::string_view text) noexcept;

// The same of a file. Each message names the path as given: "weir.yaml:12: lend[0].name: ...".
[[nodiscard]] tl::expected<Policy, std::vector<std::string>> load(const std::filesystem::path& path) noexcept;

}  // namespace weir::config

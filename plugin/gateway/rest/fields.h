// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::rest {

using Json = nlohmann::json;

// The document, without the members that nothing here reads: a list of jobs is ten times larger with them.
// Bytes that are not UTF-8, which Slurm passes on from its users, become "?". Absent if it is no JSON, or is
// nested beyond anything that Slurm writes.
std::optional<Json> parse(std::string_view text);

// Of an OpenAPI document, the paths alone, each with an empty object.
std::optional<Json> parse_paths(std::string_view text);

// Reads an object's members, whichever way a version writes them, and remembers the first that cannot be
// read.
class Fields {
  public:
    // `what` names the object in messages: "job 7".
    Fields(const Json& object, std::string what);

    void name(std::string what) { what_ = std::move(what); }

    // A whole number, bare or wrapped as {"set":…,"infinite":…,"number":…}. Absent where it is null, not set,
    // infinite, or Slurm's "no value". Outside of low..high is a problem, as is a missing member.
    std::optional<std::int64_t> number(const char* key, std::int64_t low, std::int64_t high);

    // Null is empty.
    std::string text(const char* key);

    // A list of strings; one bare string is a list of one.
    std::vector<std::string> words(const char* key);

    // The member, of any type; null where it is missing, which is a problem.
    const Json& member(const char* key);

    void problem(const std::string& text);

    bool good() const { return problem_.empty(); }
    const std::string& problem() const { return problem_; }

  private:
    const Json& object_;
    std::string what_;
    std::string problem_;
};

}  // namespace weir::rest

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/config/problem.h"
#include "plugin/config/values.h"
#include "plugin/config/yaml_tree.h"

namespace weir::config {

// What reading brings to light beside the values.
struct Findings {
    Problems problems;
    std::map<std::string, int> lines;  // of every value, by its path
};

// One value of the file and where it stands. Whoever asks it for something that it is not gets nothing, and
// the file gets a problem.
class Value {
  public:
    Value(const YamlNode& node, std::string path, int line, Findings& findings);

    void problem(std::string message) const;
    bool is_null() const { return node_.kind == YamlNode::Kind::kNull; }
    bool is_map() const { return node_.kind == YamlNode::Kind::kMap; }
    bool is_list() const { return node_.kind == YamlNode::Kind::kList; }

    // A map of known keys, each read by its function, in the order of the file. Nothing there is a map
    // without keys.
    using Keys = std::initializer_list<std::pair<std::string_view, std::function<void(const Value&)>>>;
    void keys(const Keys& known) const;

    // A key without which the map is not complete.
    void require(std::string_view key) const;

    // Whether it is a map with that key.
    bool has(std::string_view key) const;

    // A map whose keys are data.
    void entries(std::string_view wanted,
                 const std::function<void(const std::string& key, const Value&)>& read) const;

    // A list. Nothing there is a problem.
    void list(std::string_view wanted, const std::function<void(const Value&)>& read) const;

    // The text of a scalar. `wanted` says what the value must be: "a duration".
    std::optional<std::string> text(std::string_view wanted) const;

    // A whole number, written without quotes.
    std::optional<int> count() const;

    // A scalar that `read` makes sense of.
    template <class Reader>
    auto as(std::string_view wanted, Reader read) const
        -> std::optional<typename decltype(read(""))::value_type> {
        const auto scalar = text(wanted);
        if (!scalar) return std::nullopt;
        auto value = read(*scalar);
        if (value) return *value;
        problem(value.error());
        return std::nullopt;
    }

    // One of a few words.
    template <class T>
    std::optional<T> one_of(std::initializer_list<std::pair<std::string_view, T>> words) const {
        std::vector<std::string_view> names;
        for (const auto& [name, meaning] : words) names.push_back(name);
        const auto chosen = word(names);
        if (!chosen) return std::nullopt;
        return words.begin()[*chosen].second;
    }

  private:
    void missing(std::string_view wanted) const;
    std::optional<std::size_t> word(const std::vector<std::string_view>& names) const;
    Value at(const Child& child, std::string path) const;

    const YamlNode& node_;
    std::string path_;
    int line_;
    Findings& findings_;
};

}  // namespace weir::config

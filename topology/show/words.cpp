// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/show/words.h"

#include <algorithm>
#include <cctype>

#include "topology/show/show.h"

namespace weir::topology {
namespace {

// Some letters and then a number: H100, GB200, L40S, A10G.
bool is_model_number(const std::string& word) {
    const auto letter = [](unsigned char c) { return std::isupper(c) != 0; };
    const auto digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    const auto number = std::ranges::find_if_not(word, letter);
    const auto rest = std::find_if_not(number, word.end(), digit);
    const auto letters = number - word.begin();
    return letters >= 1 && letters <= 2 && rest != number && word.end() - rest <= 1 &&
           (rest == word.end() || letter(static_cast<unsigned char>(*rest)));
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

std::string word_of(NicKind kind) {
    switch (kind) {
    case NicKind::kEthernet:
        return "ethernet";
    case NicKind::kInfiniband:
        return "infiniband";
    case NicKind::kOther:
        break;
    }
    return "other";
}

std::string size_of(Bytes bytes) {
    if (bytes.value == 0) return {};
    const std::int64_t gibibyte = std::int64_t{1} << 30;
    if (bytes.value < gibibyte) return std::to_string(bytes.value >> 20) + " MiB";
    return std::to_string((bytes.value + gibibyte / 2) / gibibyte) + " GiB";
}

std::string counted(std::size_t count, const std::string& thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string gpu_type(const std::string& model) {
    std::string word;
    for (const char c : model + " ") {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            word += c;
            continue;
        }
        if (is_model_number(word)) return lower(word);
        word.clear();
    }
    std::string whole = lower(model);
    std::ranges::replace_if(
        whole, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.'; }, '_');
    return whole;
}

std::string ranges(const std::vector<int>& numbers) {
    std::string text;
    for (std::size_t first = 0; first < numbers.size();) {
        std::size_t last = first;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        text += (text.empty() ? "" : ",") + std::to_string(numbers[first]);
        if (last > first) text += "-" + std::to_string(numbers[last]);
        first = last + 1;
    }
    return text;
}

}  // namespace weir::topology

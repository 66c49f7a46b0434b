// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/exposition.h"

#include <cstdlib>
#include <string>

namespace weir::observe {
namespace {

// Eats one line's parts from the left.
class Line {
  public:
    explicit Line(std::string_view rest) : rest_(rest) {}

    void skip_blanks() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    }

    bool eat(char c) {
        skip_blanks();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string_view word(std::string_view ends) {
        const auto cut = std::min(rest_.find_first_of(ends), rest_.size());
        const auto found = rest_.substr(0, cut);
        rest_.remove_prefix(cut);
        return found;
    }

    // A text in quotes, with \\ \" \n.
    bool quoted(std::string& into) {
        if (!eat('"')) return false;
        while (!rest_.empty() && rest_.front() != '"') {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '\\') {
                if (rest_.empty()) return false;
                c = rest_.front() == 'n' ? '\n' : rest_.front();
                rest_.remove_prefix(1);
            }
            into.push_back(c);
        }
        return eat('"');
    }

    bool labels(Readings::Labels& into) {
        if (!eat('{')) return true;
        while (!eat('}')) {
            skip_blanks();
            std::pair<std::string, std::string> label;
            label.first = word("= \t");
            if (label.first.empty() || !eat('=') || !quoted(label.second)) return false;
            into.push_back(std::move(label));
            if (!eat(',') && !rest_.starts_with('}')) return false;
        }
        return true;
    }

    bool number(double& into) {
        skip_blanks();
        const std::string text(word(" \t"));
        char* end = nullptr;
        into = std::strtod(text.c_str(), &end);
        return !text.empty() && *end == '\0';
    }

  private:
    std::string_view rest_;
};

bool is_wanted(std::string_view metric) {
    for (std::string_view rest = kMetrics; !rest.empty();) {
        const auto cut = std::min(rest.find('|'), rest.size());
        if (rest.substr(0, cut) == metric) return true;
        rest.remove_prefix(std::min(cut + 1, rest.size()));
    }
    return false;
}

}  // namespace

Result<void> read_exposition(std::string_view text, Time at, Readings& into) {
    for (int number = 1; !text.empty(); ++number) {
        const auto cut = std::min(text.find('\n'), text.size());
        const std::string_view whole = text.substr(0, cut);
        text.remove_prefix(std::min(cut + 1, text.size()));
        const std::string_view metric = whole.substr(0, std::min(whole.find_first_of("{ \t"), whole.size()));
        if (!is_wanted(metric)) continue;
        Line line(whole.substr(metric.size()));
        Readings::Labels labels;
        double value = 0;
        if (!line.labels(labels) || !line.number(value))
            return failure("line " + std::to_string(number) +
                           " is no sample: " + std::string(whole.substr(0, 80)));
        into.add(metric, labels, value, at);
    }
    return {};
}

}  // namespace weir::observe

// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/table.h"

#include <algorithm>
#include <numeric>

namespace weir::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 4;  // a shortened name still says something
constexpr std::size_t kNoteIndent = 4;

}  // namespace

void Table::row(std::vector<std::string> cells, std::vector<std::string> notes) {
    cells.resize(columns_.size());
    rows_.push_back({std::move(cells), std::move(notes)});
}

std::vector<std::size_t> Table::widths(const Look& look) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = cli::columns(columns_[i].title);
        for (const Row& row : rows_) width = std::max(width, cli::columns(row.cells[i]));
        widths.push_back(width);
    }
    const std::size_t gaps = kGap * (columns_.size() - 1);
    while (std::reduce(widths.begin(), widths.end()) + gaps > static_cast<std::size_t>(look.width)) {
        std::size_t* longest = nullptr;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i].kind == Kind::kName && (longest == nullptr || widths[i] >= *longest))
                longest = &widths[i];
        }
        if (longest == nullptr || *longest <= kNarrowest) break;
        --*longest;
    }
    return widths;
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string cell = shortened(cells[i], widths[i]);
        const std::string padding(widths[i] - cli::columns(cell), ' ');
        if (i > 0) text += std::string(kGap, ' ');
        text += columns_[i].kind == Kind::kNumber ? padding + cell : cell + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string Table::text(const Look& look) const {
    const auto columns = widths(look);
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    std::string text = painted(Paint::kHeading, line(titles, columns), look) + "\n";
    for (const Row& row : rows_) {
        text += line(row.cells, columns) + "\n";
        for (const std::string& note : row.notes)
            text += wrapped(std::string(kNoteIndent, ' '), note, kNoteIndent, look);
    }
    return text;
}

}  // namespace weir::cli

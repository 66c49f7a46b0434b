// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/stage_names.h"

#include <filesystem>
#include <map>

#include "plugin/config/words.h"

namespace weir::spank {
namespace {

using config::in_quotes;

// One spelling of a name: no "./", no "//"; empty for the folder itself.
std::string plain(const std::string& name) {
    std::string text = std::filesystem::path(name).lexically_normal().string();
    while (text.ends_with('/')) text.pop_back();
    return text == "." ? "" : text;
}

}  // namespace

std::string name_there(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.starts_with('/')) return path.substr(path.rfind('/') + 1);
    while (path.starts_with("./")) path.erase(0, 2);
    return path;
}

std::string clash(const std::vector<std::string>& paths) {
    std::map<std::string, const std::string*> by_name;
    for (const std::string& path : paths) {
        const auto [found, fresh] = by_name.emplace(plain(name_there(path)), &path);
        if (!fresh)
            return in_quotes(path) + " would be the same at the site as " + in_quotes(*found->second) +
                   ": rename one, or put both into a folder";
    }
    // A relative path lies in another as it does here; in an absolute one there are other files.
    for (const auto& [name, path] : by_name)
        for (std::string above = name; !above.empty();) {
            const auto cut = above.rfind('/');
            above = cut == std::string::npos ? "" : above.substr(0, cut);
            const auto found = by_name.find(above);
            if (found == by_name.end()) continue;
            if (path->starts_with('/') || found->second->starts_with('/'))
                return in_quotes(*path) + " would be put into " + in_quotes(*found->second) +
                       " at the site: rename one";
        }
    return {};
}

}  // namespace weir::spank

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <string>

#include "plugin/config/site.h"
#include "plugin/result.h"

namespace weir::gateway {

// The tokens with which a gateway asks one site, one for each remote account: from the file, read again when
// it changes, or fresh from the command. They stay in this process. For use by one thread.
class Tokens {
  public:
    explicit Tokens(config::SiteConnection site) : site_(std::move(site)) {}

    // The token for that account; where it is to be renewed and the command fails, or takes long, the one
    // there was, unless that has surely run out.
    Result<std::string> of(const std::string& account);

    // The site has refused it: it is not used again if there is another.
    void refused(const std::string& account);

  private:
    struct Token {
        std::string text;
        std::chrono::steady_clock::time_point since{};
        std::filesystem::file_time_type file_time{};
        std::chrono::steady_clock::time_point next_command{};
        std::string problem;                       // why the command gave none when it was last run
        std::future<Result<std::string>> running;  // the command
        bool stale = false;
    };
    bool old(const Token& token) const;
    Result<void> renew(const std::string& account, Token& token);
    Result<std::string> run_command(const std::string& account, Token& token);
    Result<void> read_file(const std::string& account, Token& token);

    config::SiteConnection site_;
    std::map<std::string, Token> tokens_;
};

// The token in a text: what is between blanks, after "SLURM_JWT=" where that is before it, as scontrol token
// prints.
Result<std::string> token_in(const std::string& text);

}  // namespace weir::gateway

// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugin/config/names.h"
#include "plugin/config/secret.h"

using namespace weir;
using weir::config::check_secret;

namespace {

// A file in a directory of its own, which goes when the test does.
class SecretFile {
  public:
    SecretFile() {
        std::string folder = (std::filesystem::temp_directory_path() / "weir_secret.XXXXXX").string();
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        folder_ = folder;
        std::ofstream(path()) << "word\n";
        mode(0600);
    }
    ~SecretFile() { std::filesystem::remove_all(folder_); }
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;

    std::string folder() const { return folder_; }
    std::string path() const { return folder_ + "/w-alice.jwt"; }
    void mode(mode_t bits) const { REQUIRE(::chmod(path().c_str(), bits) == 0); }

  private:
    std::string folder_;
};

}  // namespace

TEST_CASE("a file that only its owner reads may hold a secret", "[config]") {
    const SecretFile file;
    CHECK(check_secret(file.path()));
    file.mode(0400);
    CHECK(check_secret(file.path()));
}

TEST_CASE("a secret that others can reach is refused, with what mends it", "[config]") {
    const SecretFile file;
    for (const auto& [mode, text] :
         {std::pair{0640U, "0640"}, {0604U, "0604"}, {0610U, "0610"}, {0602U, "0602"}}) {
        file.mode(mode);
        const auto checked = check_secret(file.path());
        REQUIRE_FALSE(checked);
        CHECK(checked.error().message ==
              file.path() + " can be reached by others (mode " + text + "): chmod 600 " + file.path());
    }
}

TEST_CASE("a secret is a regular file that is there", "[config]") {
    const SecretFile file;
    CHECK(check_secret(file.folder()).error().message ==
          file.folder() + " is no regular file: a secret is kept in one");
    const std::string missing = file.folder() + "/none";
    CHECK(check_secret(missing).error().message == missing + ": No such file or directory");
}

TEST_CASE("a secret of another user than the one who asks is refused", "[config]") {
    if (::geteuid() != 0) return;  // only root can give a file away
    const SecretFile file;
    REQUIRE(::chown(file.path().c_str(), 65534, 0) == 0);
    const auto checked = check_secret(file.path());
    REQUIRE_FALSE(checked);
    CHECK(checked.error().message ==
          file.path() + " belongs to nobody, who could change it: chown root " + file.path());
    CHECK(config::check_secret_of_another(file.path()));
}

TEST_CASE("weir check tells of secrets that others can read where it finds them", "[config]") {
    const SecretFile file;
    file.mode(0644);
    config::Policy policy;
    policies::Site site;
    site.name = "west";
    site.users = {{"nobody", "w-alice"}};
    policy.overflow.sites = {site};
    config::SiteConnection connection;
    connection.token_file = file.folder() + "/{user}.jwt";
    connection.key_file = file.folder() + "/{user}.key";
    policy.connections = {connection};
    const auto findings = config::check_sites_here(policy);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].message == "sites.west.rest.token_file: " + file.path() +
                                     " can be reached by others (mode 0644): chmod 600 " + file.path());
}

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A folder for one test.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace support {

/// A folder only we can write to, removed with everything in it.
class scratch {
public:
    scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "ironhouse-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no scratch folder: " + name};
        path_ = name;
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string operator/(std::string_view name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string path() const { return path_.string(); }

    /// Makes a folder in it.
    [[nodiscard]] std::string folder(std::string_view name) const {
        std::filesystem::create_directory(path_ / name);
        return *this / name;
    }
    /// Names of everything in the folder, dotfiles too.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& item : std::filesystem::directory_iterator{path_})
            all.push_back(item.path().filename().string());
        return all;
    }
    /// How many there are.
    [[nodiscard]] std::size_t entries() const { return names().size(); }

private:
    std::filesystem::path path_;
};

} // namespace support

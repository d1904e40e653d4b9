// Options of the command line with strict values. CLI11 alone accepts -1 for a count, and 99999999999999999999999. An
// invalid value throws UsageError, which names the option.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "text.hpp"

namespace cli {

[[nodiscard]] inline std::uint64_t parse_whole(const std::string& option, const std::string& text, std::uint64_t min,
                                               std::uint64_t max) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value >= min && value <= max) return value;
    throw UsageError(option + ": expected a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
                     ", found " + text);
}

[[nodiscard]] inline float parse_real(const std::string& option, const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const float value = std::strtof(text.c_str(), &end);
    const bool too_large = errno == ERANGE && (value > 1 || value < -1);
    if (!text.empty() && *end == '\0' && value == value && !too_large) return value;
    throw UsageError(option + ": expected a number that a float can hold, found " + text);
}

// The name in messages: --rows for "-n,--rows".
[[nodiscard]] inline std::string long_name(const std::string& names) { return names.substr(names.find("--")); }

// The target may be an optional.
template <class Target>
CLI::Option* add_whole(CLI::App* command, const std::string& names, Target& target, const std::string& description,
                       std::uint64_t min = 0, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    const auto set = [&target, name = long_name(names), min, max](const std::string& text) {
        const std::uint64_t value = parse_whole(name, text, min, max);
        if constexpr (std::is_integral_v<Target>)
            target = static_cast<Target>(value);
        else
            target = value;
    };
    CLI::Option* const option = command->add_option_function<std::string>(names, set, description)->type_name("N");
    if constexpr (std::is_integral_v<Target>) option->default_str(std::to_string(target));
    return option;
}

// As many numbers as `what` has words.
inline CLI::Option* add_reals(CLI::App* command, const std::string& name, std::vector<float>& target,
                              const std::string& what, const std::string& description) {
    const auto set = [&target, name](const std::vector<std::string>& texts) {
        target.clear();
        for (const std::string& text : texts) target.push_back(parse_real(name, text));
    };
    const int count = static_cast<int>(std::count(what.begin(), what.end(), ' ')) + 1;
    return command->add_option_function<std::vector<std::string>>(name, set, description)
        ->type_size(count)
        ->expected(1)
        ->type_name(what);
}

// One of the given names. The target may be an optional.
template <class Value, class Target>
CLI::Option* add_choice(CLI::App* command, const std::string& name, Target& target,
                        const std::map<std::string, Value>& names, const std::string& description) {
    const auto choose = [&target, &names, name](const std::string& chosen) {
        const auto found = names.find(chosen);
        if (found != names.end()) {
            target = found->second;
            return;
        }
        std::string all;
        for (const auto& known : names) all += ' ' + known.first;
        throw UsageError(name + ": expected one of" + all + ", found " + chosen);
    };
    return command->add_option_function<std::string>(name, choose, description);
}

// Help with a usage line that shows a group of options of which one is required.
class Help : public CLI::Formatter {
  public:
    std::string make_usage(const CLI::App* app, std::string name) const override {
        std::string usage = CLI::Formatter::make_usage(app, name);
        usage.insert(usage.find_last_not_of('\n') + 1, alternatives(app));
        return usage;
    }

  private:
    [[nodiscard]] static std::string alternatives(const CLI::App* app) {
        std::string text;
        for (const CLI::App* group : app->get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); }))
            for (const CLI::Option* option : group->get_options())
                if (option != group->get_help_ptr())
                    text += (text.empty() ? " (" : " | ") + option->get_name() + ' ' + option->get_type_name();
        return text.empty() ? text : text + ')';
    }
};

}  // namespace cli

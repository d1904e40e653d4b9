// A sample of distances as a histogram: in the terminal, and as an SVG picture.
//
//     Histogram histogram(sample, 40);             // sorts the sample
//     histogram.quantile(0.5);                     // the median
//     plot(std::cout, histogram);
//     write_svg(out, histogram, "sift.vec: distances of 100000 pairs");
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iomanip>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "text.hpp"

namespace cli {

class Histogram {
  public:
    // REQUIRES: the sample is not empty, all values are finite, and bins > 0.
    Histogram(std::vector<double> sample, std::size_t bins) : sample_(std::move(sample)), counts_(bins) {
        std::sort(sample_.begin(), sample_.end());
        for (const double value : sample_) ++counts_[bin_of(value)];
    }

    [[nodiscard]] std::size_t size() const noexcept { return sample_.size(); }
    [[nodiscard]] double min() const noexcept { return sample_.front(); }
    [[nodiscard]] double max() const noexcept { return sample_.back(); }
    [[nodiscard]] double quantile(double part) const noexcept { return sample_[rank(part)]; }
    [[nodiscard]] double mean() const noexcept {
        double sum = 0;
        for (const double value : sample_) sum += value;
        return sum / static_cast<double>(sample_.size());
    }
    [[nodiscard]] double deviation() const noexcept {
        const double centre = mean();
        double sum = 0;
        for (const double value : sample_) sum += (value - centre) * (value - centre);
        return std::sqrt(sum / static_cast<double>(sample_.size()));
    }

    [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
    [[nodiscard]] std::uint64_t highest() const noexcept { return *std::max_element(counts_.begin(), counts_.end()); }
    [[nodiscard]] double lower_edge(std::size_t bin) const noexcept {
        return min() + (max() - min()) * static_cast<double>(bin) / static_cast<double>(counts_.size());
    }

    // The tolerance of the ring at `distance` that holds this fraction of the sample.
    [[nodiscard]] double tolerance(double distance, double part) const {
        std::vector<double> gaps;
        gaps.reserve(sample_.size());
        for (const double value : sample_) gaps.push_back(std::abs(value - distance));
        const std::size_t last = rank(part);
        std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(last), gaps.end());
        return gaps[last];
    }

  private:
    // Of the value below which this part of the sample lies.
    [[nodiscard]] std::size_t rank(double part) const noexcept {
        return static_cast<std::size_t>(std::llround(part * static_cast<double>(sample_.size() - 1)));
    }
    [[nodiscard]] std::size_t bin_of(double value) const noexcept {
        if (max() <= min()) return 0;
        const double place = (value - min()) / (max() - min()) * static_cast<double>(counts_.size());
        return std::min(counts_.size() - 1, static_cast<std::size_t>(place));
    }

    std::vector<double> sample_;
    std::vector<std::uint64_t> counts_;
};

inline void plot(std::ostream& out, const Histogram& histogram) {
    constexpr std::uint64_t width = 60;
    const auto& counts = histogram.counts();
    for (std::size_t bin = 0; bin < counts.size(); ++bin)
        out << std::setw(12) << number(std::round(histogram.lower_edge(bin) * 1e4) / 1e4) << " |"
            << std::string(
                   static_cast<std::size_t>((counts[bin] * width + histogram.highest() - 1) / histogram.highest()), '#')
            << '\n';
}

// Four digits are enough below a picture.
[[nodiscard]] inline std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

[[nodiscard]] inline std::string xml_text(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '<')
            result += "&lt;";
        else if (c == '&')
            result += "&amp;";
        else
            result += c;
    }
    return result;
}

// Where the picture's bars are.
struct Plot {
    static constexpr double left = 56, top = 50, width = 712, height = 300, bottom = top + height;

    const Histogram& histogram;

    [[nodiscard]] double x(double value) const {
        const double range = histogram.max() - histogram.min();
        return left + (range > 0 ? width * (value - histogram.min()) / range : 0);
    }
};

inline void write_bars(std::ostream& out, const Plot& plot) {
    const auto& counts = plot.histogram.counts();
    const double step = Plot::width / static_cast<double>(counts.size());
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
        const double bar =
            Plot::height * static_cast<double>(counts[bin]) / static_cast<double>(plot.histogram.highest());
        out << "<rect x=\"" << number(Plot::left + step * static_cast<double>(bin)) << "\" y=\""
            << number(Plot::bottom - bar) << "\" width=\"" << number(step * 0.95) << "\" height=\"" << number(bar)
            << "\" fill=\"#4878a8\"/>\n";
    }
}

// A line at each, and its value below unless one that matters more stands there.
inline void write_quantiles(std::ostream& out, const Plot& plot) {
    constexpr double room = 66;
    std::vector<double> taken;
    for (const auto& [part, name] :
         {std::pair{0.5, "half"}, {0.01, "1 %"}, {0.99, "99 %"}, {0.1, "10 %"}, {0.9, "90 %"}}) {
        const double value = plot.histogram.quantile(part);
        const double x = plot.x(value);
        out << "<line x1=\"" << number(x) << "\" x2=\"" << number(x) << "\" y1=\"" << Plot::top << "\" y2=\""
            << Plot::bottom + 6 << "\" stroke=\"#b03030\" stroke-dasharray=\"3 3\"/>\n";
        if (std::any_of(taken.begin(), taken.end(), [x](double other) { return std::abs(other - x) < room; })) continue;
        taken.push_back(x);
        out << "<text x=\"" << number(x) << "\" y=\"" << Plot::bottom + 20 << "\" text-anchor=\"middle\">"
            << short_number(value) << "</text>\n<text x=\"" << number(x) << "\" y=\"" << Plot::bottom + 36
            << "\" text-anchor=\"middle\" fill=\"#b03030\">" << name << "</text>\n";
    }
}

inline void write_axes(std::ostream& out, const Plot& plot) {
    out << "<path d=\"M" << Plot::left << ' ' << Plot::top << 'V' << Plot::bottom << 'H' << Plot::left + Plot::width
        << "\" fill=\"none\" stroke=\"#555\"/>\n<text x=\"" << Plot::left + Plot::width / 2 << "\" y=\""
        << Plot::bottom + 60 << "\" text-anchor=\"middle\" fill=\"#555\">distance between two rows, from "
        << short_number(plot.histogram.min()) << " to " << short_number(plot.histogram.max())
        << "</text>\n<text transform=\"translate(40 " << Plot::top + Plot::height / 2
        << ") rotate(-90)\" text-anchor=\"middle\" fill=\"#555\">pairs of rows, up to " << plot.histogram.highest()
        << "</text>\n";
}

inline void write_svg(std::ostream& out, const Histogram& histogram, const std::string& title) {
    const Plot plot{histogram};
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 424\" font-family=\"sans-serif\" "
           "font-size=\"13\">\n<rect width=\"800\" height=\"424\" fill=\"white\"/>\n<text x=\"20\" y=\"28\" "
           "font-size=\"16\">"
        << xml_text(title) << "</text>\n";
    write_bars(out, plot);
    write_quantiles(out, plot);
    write_axes(out, plot);
    out << "</svg>\n";
}

}  // namespace cli

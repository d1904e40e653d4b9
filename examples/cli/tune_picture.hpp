// The measurements of mapvec tune, and a picture of them: recall to the right, queries a second upwards.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "histogram.hpp"
#include "text.hpp"

namespace cli {

struct TunePoint {
    std::size_t ef = 0;
    double recall = 0;
    double rate = 0;  // queries a second
};

struct TuneReport {
    std::vector<TunePoint> points;
    double exact_rate = 0;
    double build_seconds = 0;
};

// Where the points are. Rates are on a logarithmic scale of whole decades.
struct TunePlot {
    static constexpr double left = 70, top = 50, width = 700, height = 320, bottom = top + height;

    explicit TunePlot(const TuneReport& report) {
        double slowest = report.exact_rate, fastest = report.exact_rate;
        for (const TunePoint& point : report.points) {
            lowest_recall = std::min(lowest_recall, std::floor((point.recall - 0.02) * 20) / 20);
            slowest = std::min(slowest, point.rate);
            fastest = std::max(fastest, point.rate);
        }
        first_decade = std::floor(std::log10(slowest));
        last_decade = std::max(first_decade + 1, std::ceil(std::log10(fastest)));
    }
    [[nodiscard]] double x(double recall) const {
        return left + width * (recall - lowest_recall) / (1 - lowest_recall);
    }
    [[nodiscard]] double y(double rate) const {
        return bottom - height * (std::log10(rate) - first_decade) / (last_decade - first_decade);
    }

    double lowest_recall = 0.9;
    double first_decade = 0, last_decade = 1;
};

inline void write_grid(std::ostream& out, const TunePlot& plot) {
    for (double recall = plot.lowest_recall; recall < 1.001; recall += plot.lowest_recall < 0.7 ? 0.1 : 0.05)
        out << "<path d=\"M" << number(plot.x(recall)) << ' ' << TunePlot::top << 'V' << TunePlot::bottom
            << "\" stroke=\"#ddd\"/>\n<text x=\"" << number(plot.x(recall)) << "\" y=\"" << TunePlot::bottom + 20
            << "\" text-anchor=\"middle\">" << short_number(recall) << "</text>\n";
    for (double decade = plot.first_decade; decade <= plot.last_decade; ++decade) {
        const double rate = std::pow(10, decade);
        out << "<path d=\"M" << TunePlot::left << ' ' << number(plot.y(rate)) << 'h' << TunePlot::width
            << "\" stroke=\"#ddd\"/>\n<text x=\"" << TunePlot::left - 8 << "\" y=\"" << number(plot.y(rate) + 4)
            << "\" text-anchor=\"end\">" << number(rate) << "</text>\n";
    }
    out << "<text x=\"" << TunePlot::left + TunePlot::width / 2 << "\" y=\"" << TunePlot::bottom + 44
        << "\" text-anchor=\"middle\" fill=\"#555\">recall</text>\n<text transform=\"translate(18 "
        << TunePlot::top + TunePlot::height / 2
        << ") rotate(-90)\" text-anchor=\"middle\" fill=\"#555\">queries a second, one thread</text>\n";
}

inline void write_points(std::ostream& out, const TuneReport& report, const TunePlot& plot) {
    out << "<polyline fill=\"none\" stroke=\"#4878a8\" stroke-width=\"2\" points=\"";
    for (const TunePoint& point : report.points)
        out << number(plot.x(point.recall)) << ',' << number(plot.y(point.rate)) << ' ';
    out << "\"/>\n";
    double last_y = -100;
    for (const TunePoint& point : report.points) {
        const double x = plot.x(point.recall), y = plot.y(point.rate);
        out << "<circle cx=\"" << number(x) << "\" cy=\"" << number(y) << "\" r=\"3.5\" fill=\"#4878a8\"/>\n";
        if (y - last_y < 14) continue;  // the labels would overlap
        last_y = y;
        out << "<text x=\"" << number(x - 8) << "\" y=\"" << number(y + 5) << "\" text-anchor=\"end\">ef " << point.ef
            << "</text>\n";
    }
    const double y = plot.y(report.exact_rate);
    out << "<path d=\"M" << TunePlot::left << ' ' << number(y) << 'h' << TunePlot::width
        << "\" stroke=\"#b03030\" stroke-dasharray=\"3 3\"/>\n<text x=\"" << TunePlot::left + 6 << "\" y=\""
        << number(y - 6) << "\" fill=\"#b03030\">VaIndex, exact</text>\n";
}

inline void write_svg(std::ostream& out, const TuneReport& report, const std::string& title) {
    const TunePlot plot(report);
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 430\" font-family=\"sans-serif\" "
           "font-size=\"13\">\n<rect width=\"800\" height=\"430\" fill=\"white\"/>\n<text x=\"20\" y=\"28\" "
           "font-size=\"16\">"
        << xml_text(title) << "</text>\n";
    write_grid(out, plot);
    write_points(out, report, plot);
    out << "</svg>\n";
}

}  // namespace cli

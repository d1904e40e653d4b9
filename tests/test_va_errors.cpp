// The errors that the proof in detail/va/bounds.hpp allows for, one by one, against sums in double. The test of whole
// bounds (test_va_bounds.cpp) does not notice a missing error that the others cover.
#include "va_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"

namespace test_va_errors {

using namespace va_support;

namespace {

constexpr std::size_t dim = 130;

using Vector = std::vector<double>;

double product(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// The axes of a model; vectors that are nearly in their span, and the places that the kernel computes.
class Axes {
  public:
    Axes() : record_(Sampler<mapvec::SquaredL2, float>(sample().data(), 600, dim).model(1, kernels_)) {
        for (std::size_t axis = 0; axis < model_.axis_count(); ++axis) {
            Vector& exact = axes_.emplace_back();
            for (std::size_t i = 0; i < dim; ++i)
                exact.push_back(static_cast<double>(model_.packed_axes()[packed_axis(axis, i, dim)]));
        }
    }
    const VaModel& model() const { return model_; }
    const std::vector<Vector>& axes() const { return axes_; }

    std::vector<float> vector(unsigned turn) const {
        std::vector<float> result(dim);
        for (std::size_t i = 0; i < dim; ++i) {
            double x = 1e-4 * static_cast<double>((i * 31 + turn * 17) % 11);
            for (std::size_t axis = 0; axis < axes_.size(); ++axis)
                x += axes_[axis][i] * static_cast<double>((axis * 7 + turn * 13) % 19);
            result[i] = static_cast<float>(x);
        }
        return result;
    }
    std::vector<float> places(const std::vector<float>& vector) const {
        std::vector<float> result(model_.padded_axis_count());
        kernels_.project(vector.data(), 1, dim, model_.packed_axes(), model_.axis_count(), result.data());
        result.resize(model_.axis_count());
        return result;
    }

  private:
    static const std::vector<float>& sample() {
        static const std::vector<float> rows = Embeddings(dim, 3).rows<float>(600);
        return rows;
    }

    const VaKernels& kernels_ = va_kernels(mapvec::active_instruction_set());
    std::vector<std::byte> record_;
    VaModel model_{record_.data(), dim};
    std::vector<Vector> axes_;
};

// The part of `rest` that is orthogonal to the axes.
double exact_tail(const std::vector<Vector>& axes, Vector rest) {
    std::vector<Vector> basis;
    for (Vector axis : axes) {
        for (int twice = 0; twice < 2; ++twice)
            for (const Vector& other : basis) {
                const double along = product(axis, other);
                for (std::size_t i = 0; i < dim; ++i) axis[i] -= along * other[i];
            }
        const double length = std::sqrt(product(axis, axis));
        for (double& x : axis) x /= length;
        basis.push_back(axis);
        const double along = product(rest, axis);
        for (std::size_t i = 0; i < dim; ++i) rest[i] -= along * axis[i];
    }
    return std::sqrt(product(rest, rest));
}

}  // namespace

TEST_CASE("the error of a projection is at most projection_error, relative to the vector", "[va]") {
    const Axes axes;
    for (unsigned turn = 0; turn < 50; ++turn) {
        const std::vector<float> vector = axes.vector(turn), places = axes.places(vector);
        const Vector exact(vector.begin(), vector.end());
        double squared_error = 0;
        for (std::size_t axis = 0; axis < places.size(); ++axis) {
            const double error = static_cast<double>(places[axis]) - product(axes.axes()[axis], exact);
            squared_error += error * error;
        }
        REQUIRE(std::sqrt(squared_error) <= projection_error(axes.model()) * std::sqrt(product(exact, exact)));
    }
}

TEST_CASE("tail_above is an upper bound of the part outside of the axes, also if it is small", "[va]") {
    const Axes axes;
    for (unsigned turn = 0; turn < 50; ++turn) {
        const std::vector<float> vector = axes.vector(turn);
        const Vector exact(vector.begin(), vector.end());
        double squared_places = 0;
        for (const float place : axes.places(vector))
            squared_places += static_cast<double>(place) * static_cast<double>(place);
        REQUIRE(tail_above(axes.model(), 0, product(exact, exact), squared_places) >= exact_tail(axes.axes(), exact));
    }
}

}  // namespace test_va_errors

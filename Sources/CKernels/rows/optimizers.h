// One optimizer step on one row, in the order of operations that torch.optim has on sparse gradients.
#include "lanes.h"

static void sgd_step(float *row, const float *gradient, size_t count, float learning_rate) {
    FOR_EACH_BLOCK(count, {
        floats change = learning_rate * load_floats(gradient + at, lanes);
        store_floats(row + at, load_floats(row + at, lanes) - change, lanes);
    });
}

static void momentum_step(float *row, float *buffer, const float *gradient, size_t count, float learning_rate,
                          float momentum) {
    FOR_EACH_BLOCK(count, {
        floats velocity = momentum * load_floats(buffer + at, lanes) + load_floats(gradient + at, lanes);
        store_floats(buffer + at, velocity, lanes);
        store_floats(row + at, load_floats(row + at, lanes) - learning_rate * velocity, lanes);
    });
}

static void adagrad_step(float *row, float *accumulator, const float *gradient, size_t count, float learning_rate,
                         float epsilon) {
    FOR_EACH_BLOCK(count, {
        floats slope = load_floats(gradient + at, lanes);
        floats sum = load_floats(accumulator + at, lanes) + slope * slope;
        store_floats(accumulator + at, sum, lanes);
        floats change = learning_rate * (slope / (square_root(sum) + epsilon));
        store_floats(row + at, load_floats(row + at, lanes) - change, lanes);
    });
}

static void rowwise_adagrad_step(float *row, float *accumulator, const float *gradient, size_t count,
                                 float learning_rate, float epsilon) {
    if (count == 0) return;
    floats squares = 0;
    FOR_EACH_BLOCK(count, {
        floats slope = load_floats(gradient + at, lanes);
        squares += slope * slope;
    });
    *accumulator += sum_of_lanes(squares) / (float)count;
    const float rate = learning_rate / (square_root(*accumulator) + epsilon);
    FOR_EACH_BLOCK(count, {
        floats change = rate * load_floats(gradient + at, lanes);
        store_floats(row + at, load_floats(row + at, lanes) - change, lanes);
    });
}

static void adam_step(float *row, float *first_moment, float *second_moment, const float *gradient, size_t count,
                      float step_size, float first_gain, float second_gain, float epsilon) {
    FOR_EACH_BLOCK(count, {
        floats slope = load_floats(gradient + at, lanes);
        floats first = load_floats(first_moment + at, lanes);
        floats second = load_floats(second_moment + at, lanes);
        first += (slope - first) * first_gain;
        second += (slope * slope - second) * second_gain;
        store_floats(first_moment + at, first, lanes);
        store_floats(second_moment + at, second, lanes);
        floats change = step_size * (first / (square_root(second) + epsilon));
        store_floats(row + at, load_floats(row + at, lanes) - change, lanes);
    });
}

static void ftrl_step(float *row, float *z, float *n, const float *gradient, size_t count, float alpha, float beta,
                      float l1, float l2) {
    FOR_EACH_BLOCK(count, {
        floats slope = load_floats(gradient + at, lanes);
        floats sum_before = load_floats(n + at, lanes);
        floats sum = sum_before + slope * slope;
        floats root = square_root(sum);
        floats pull = (root - square_root(sum_before)) / alpha;
        floats dual = load_floats(z + at, lanes) + (slope - pull * load_floats(row + at, lanes));
        store_floats(n + at, sum, lanes);
        store_floats(z + at, dual, lanes);
        floats beyond = (dual > 0.0f ? (floats)l1 : (floats)-l1) - dual;
        floats weight = beyond / ((beta + root) / alpha + l2);
        store_floats(row + at, magnitude(dual) <= l1 ? 0.0f : weight, lanes);
    });
}

// All loops over rows and the table of them. A level_*.c file says for which instruction set, and under which name.
#include "../table.h"

// A product and a sum stay two roundings on every level.
#pragma STDC FP_CONTRACT OFF

#include "formats.h"
#include "initializers.h"
#include "losses.h"
#include "optimizers.h"
#include "vectors.h"

const tc_kernels TC_KERNELS = {
    .float16_encode_nearest = float16_encode_nearest,
    .float16_encode_stochastic = float16_encode_stochastic,
    .float16_decode = float16_decode,
    .int16_encode_stochastic = int16_encode_stochastic,
    .int16_encode_nearest = int16_encode_nearest,
    .int8_encode_nearest = int8_encode_nearest,
    .int16_decode = int16_decode,
    .int8_encode_stochastic = int8_encode_stochastic,
    .int8_decode = int8_decode,
    .count_losses = count_losses,
    .sgd_step = sgd_step,
    .momentum_step = momentum_step,
    .adagrad_step = adagrad_step,
    .rowwise_adagrad_step = rowwise_adagrad_step,
    .adam_step = adam_step,
    .ftrl_step = ftrl_step,
    .initialize_uniform = initialize_uniform,
    .initialize_normal = initialize_normal,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .max = max,
    .square = square,
    .square_root = square_root_of_each,
    .all_finite = all_finite,
};

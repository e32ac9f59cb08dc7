/**
 * Faults of convolutions, transforms and pools.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";

const SIDE_BY_SIDE = "max pool, windows side by side";

const TEXELS = "convolution from texels";
const TEXEL_WEIGHTS = `${TEXELS} weight gradient`;
const FILLED = "convolution from filled rows";
const FILLED_WEIGHTS = `${FILLED} weight gradient`;
/** Where a gradient is multiplied with a slope. */
const SLOPE = /activation_gradient\(before(?:\[\d\])?, (sum(?:\[\d\])?)\)/;

const AVERAGE_BACK = "average pool gradient, padding counted";

const BACK = "convolution input gradient";

const GEMM = "convolution gemm";
const GEMM_WEIGHTS = "convolution gemm weight gradient";

const MANY = "convolution to many filters";
const MANY_WEIGHTS = `${MANY} weight gradient`;

const CONVOLUTION: readonly Fault[] = [
  fault("convolution", "inputs outside not zero", "exists && inside_0", "exists", true),
  fault("convolution", "dilation of rows forgotten", "t * u.dilation_h", "t"),
  fault("convolution", "bias of another group", "group * u.filters + f", "f", true),
  fault("convolution", "shared: inputs outside not zero", "exists_0 && inside_0", "exists_0"),
  fault("convolution", "shared: bias of another group", "group * u.filters + tile", "tile"),
  fault("convolution", "shared: weight of another lane", "(part_0, 1u)", "(part_0, 2u)"),
  fault(MANY, "shared: weights of the first tile", /padded \+ tile \* \d+u/, "padded"),
  fault("convolution", "shared: column beyond the row", /column \+ \d+u < u\.out_w/, "true"),
  fault("convolution", "shared: second store like the first", /(column\) \/ [124]u) \+ 1u/, "$1"),
  fault(
    "convolution input gradient",
    "shared: rows of a block all alike",
    "x_1_0;",
    "x_0_0;",
  ),
  fault(
    `${TEXELS} input gradient`,
    "shared: row beyond the image",
    "< u.out_h)",
    "<= u.out_h)",
  ),
  fault(TEXELS, "texels outside not zero", /exists_(\d) && inside_\d\);/, "exists_$1);"),
  fault(TEXELS, "element of another position", /(texel_0_\d)\[1\]/, "$1[2]"),
  fault(TEXELS, "padding within a texel lost", /\(in_column - \d\) \/ 4/, "in_column / 4"),
  fault(`${TEXELS} input gradient`, "row of another image", "plane + select", "select"),
  fault(TEXEL_WEIGHTS, "texels outside not zero", /, inside_(\d)\);/, ", exists_$1);"),
  fault(TEXEL_WEIGHTS, "element of another input", /(= texel_1)\[1\]/, "$1[2]"),
  fault(TEXEL_WEIGHTS, "element of another output", /(texel_dy_0_0)\[1\]/, "$1[2]"),
  fault(TEXEL_WEIGHTS, "padding within a texel lost", /u\.pad_w \+ [123]/, "u.pad_w"),
  fault(FILLED, "numbers of the next row behind a row", /column \+ \du < u\.width/, "true"),
  fault(FILLED, "rows of another width", "/ u.vectors * u.width", "/ u.vectors * (u.width + 1u)"),
  fault(FILLED, "rows from elsewhere", "u.first + i", "i + 1u"),
  fault(FILLED_WEIGHTS, "numbers of the next row behind a row", /column \+ \du < u\.width/, "true"),
  fault(
    FILLED_WEIGHTS,
    "outputs' rows of too few texels",
    "((u.out_w + 3u) / 4u)",
    "(u.out_w / 4u)",
  ),
  fault("convolution input gradient", "taps not turned", "(u.taps_w - 1u - tap_w)", "tap_w"),
  fault("convolution input gradient", "residue misplaced", "+ u.out_first_w", "+ 0"),
  fault(BACK, "slope left out", SLOPE, "$1"),
  fault(
    BACK,
    "activation in place of its slope",
    SLOPE,
    "activate($1)",
  ),
  fault(BACK, "slope of another column", "finish(begin + column + ", "finish(begin + ", true),
  fault(BACK, "scattered: slope of another place", "finish(begin + u32(at)", "finish(begin", true),
  fault(BACK, "shared: slope of another place", "finish(to,", "finish(to + 1u,"),
  fault(`${GEMM} input gradient`, "slope of the first channel", " + f * plane, y_", ", y_"),
  fault(
    `${GEMM} input gradient`,
    "slope of the first channel, block",
    " + f * plane, y_",
    ", y_",
    true,
  ),
  fault("convolution weight gradient", "wrong image", "u.first + n", "n", true),
  fault("convolution weight gradient", "first part only", "part * u.part_rows", "0u"),
  fault(MANY_WEIGHTS, "shared: wrong image", "n = u.first + r", "n = r"),
  fault(MANY_WEIGHTS, "shared: input of another lane", "_0, 1u)", "_0, 2u)"),
  fault(MANY_WEIGHTS, "shared: outputs beyond the row", /column \+ \d+u < u\.out_w/, "true"),
  fault(
    MANY_WEIGHTS,
    "shared: lines of another channel",
    "* u.channels + channel_0",
    "* u.channels",
  ),
  fault(MANY_WEIGHTS, "shared: first lines again", "lines + first_line", "lines"),
  fault(MANY_WEIGHTS, "shared: filters beyond the last", "if (filter_1 < u.filters)", "if (true)"),
  fault(GEMM, "last channels of a vec4 dropped", "x_0[3]", "0.0"),
  fault(GEMM, "stride forgotten", "u.grid_h * u.stride_h", "u.grid_h"),
  fault(GEMM, "first part of the batch only", "u.grid_d) + u.first", "u.grid_d)"),
  fault(GEMM, "written beyond the outputs", "output >= u.outputs ||", "output > u.outputs ||"),
  fault(GEMM, "row of the frame too short", "u.ext_h + h) * u.ext_w", "u.ext_h + h) * u.grid_w"),
  fault(GEMM, "taps beyond the kernel", "quad < quads", "quad <= quads", true),
  fault(GEMM, "block's outputs rotated", "[output_0 % 4u]", "[(output_0 + 1u) % 4u]", true),
  fault(GEMM, "depth axis of the taps lost", "tap / (u.k_w * u.k_h)", "0u", true),
  fault(GEMM_WEIGHTS, "channels beyond the last written", "+ 1u < u.channels", "+ 0u < u.channels"),
  fault(GEMM_WEIGHTS, "tap of another row", "tap / u.k_w % u.k_h", "tap % u.k_h"),
  fault(GEMM_WEIGHTS, "outputs of another part", "output < end", "output < u.outputs", true),
  fault(GEMM_WEIGHTS, "images not apart", "output / area * u.groups", "0u * u.groups", true),
  fault("convolution im2col", "padding forgotten", ") - u.pad_h", ")"),
  fault("convolution im2col", "taps transposed", "rest % u.k_w", "rest % u.k_h"),
  fault("convolution im2col input gradient", "every tap", "begin_w % u.stride_w != 0u || ", ""),
  fault("convolution im2col input gradient", "slope of the first image", "finish(at,", "finish(i,"),
  fault("convolution im2col input gradient", "tap lost", "h < u.k_h", "h + 1u < u.k_h"),
];

const POOLS: readonly Fault[] = [
  fault("max pool", "minimum", "value > best", "value < best"),
  fault("max pool", "missing NaN guard", / \|\| \(is_nan\(value\) && !is_nan\(best_\d\)\)/, ""),
  fault(SIDE_BY_SIDE, "winner of another column", "winner == 0u", "winner == 1u"),
  fault(SIDE_BY_SIDE, "window beyond the last", "&& w < u.out_w", "&& true"),
  fault(SIDE_BY_SIDE, "gap behind the last not 0", "var sum_0_0 = 0.0", "var sum_0_0 = 7.0"),
  fault(SIDE_BY_SIDE, "blocks mixed up", "% u.blocks_h", "/ u.blocks_h"),
  fault(SIDE_BY_SIDE, "column beyond the row", "if (column < u.in_w)", "if (true)"),
  fault(SIDE_BY_SIDE, "minimum", "value > best", "value < best"),
  fault(SIDE_BY_SIDE, "first element twice", "let value = x_1;", "let value = x_0;"),
  fault("max pool", "output beyond the row", /column \+ [123]u < u\.out_w/, "true"),
  fault("max pool gradient", "rows of a window mixed up", "at_h - h * u.stride_h", "at_h"),
  fault("max pool gradient", "last window dropped", "/ u.stride_h + 1u", "/ u.stride_h"),
  fault("max pool gradient", "padding forgotten", "- u32(u.pad_w)", ""),
  fault(
    "max pool gradient",
    "windows that do not exist",
    "let exists = h < u.out_h && w < u.out_w",
    "let exists = true",
  ),
  fault(AVERAGE_BACK, "missing count", /\/ window_count\(.*\)/, ""),
  fault(AVERAGE_BACK, "missing count in blocks", "dy[at] / count", "dy[at]"),
  fault(AVERAGE_BACK, "slope of another element", "finish(to,", "finish(to + 1u,"),
  fault(
    SIDE_BY_SIDE,
    "columns of the first store again",
    / \+ [24]u - u32\(u\.pad_w\)/,
    " - u32(u.pad_w)",
  ),
  fault(AVERAGE_BACK, "slope left out", SLOPE, "$1"),
];

const DX = "convolution fft input gradient";
const DW = "convolution fft weight gradient";
const LINE = "filter2d by a column and a row";

const FFT: readonly Fault[] = [
  fault("fft2d", "roots turn the wrong way", "SIGN * root.y", "-SIGN * root.y"),
  fault("fft2d", "constant roots turn the wrong way", "SIGN * sin(", "-SIGN * sin("),
  fault("fft2d", "wrong constant of radix 3", "0.8660254037844386", "0.8606254037844386"),
  fault("fft2d", "wrong constant of radix 5", "0.5877852522924731", "0.5777852522924731"),
  fault("fft2d", "missing root of radix 8", "HALF_ROOT * (odd_1 +", "(odd_1 +"),
  fault("fft2d", "results at the wrong place", /\(j - k\) \*/, "j *"),
  fault("fft2d", "roots of another position", "k += m;", "k += m + 1u;"),
  fault("fft2d", "rows of a pair exchanged", "position % 2u == 1u", "position % 2u == 0u"),
  fault("fft2d", "NaN in one part only", /spread_nan\(vec2f/, "(vec2f"),
  fault("ifft2d", "missing factor", "u.scale * value.y", "value.y"),
  fault("ifft2d", "imaginary part of a real column", "b.y = 0.0;", ""),
  fault("ifft2d", "missing conjugate of the mirrored half", "conjugate * a.y", "a.y"),
  fault("convolution fft", "missing conjugate", "u.sign * value.y", "value.y"),
  fault("convolution fft", "wrong sign in the real matrix", "= -u.sign", "= u.sign"),
  fault("convolution fft", "tiles that do not overlap", "tile * u.step_w", "tile * u.extent_w"),
  fault("convolution fft", "bias of the first filter", "bias[item % u.inner]", "bias[0]"),
  fault("convolution fft", "terms of another filter", "at_b += u.term_step_b", "at_b += 1u"),
  fault(DX, "filters not turned", "u.direction * i32(position)", "i32(position)"),
  fault(DX, "slope of the first plane", "finish(at,", "finish(u32(column),"),
  fault(DX, "group of the first channel", "inner / u.inner_group", "0u"),
  fault(DW, "dilation ignored", "at * i32(u.spread_w) == place", "true"),
  fault(DW, "first image of every part", "u.first + plane", "plane"),
  fault(LINE, "tap of a neighbour", "y_1 += tap_0 * x_1", "y_1 += tap_0 * x_0"),
  fault(LINE, "window not moved on", "x_0 = x_8", "x_0 = x_7"),
  fault(LINE, "last eight taps dropped", "t + 8u <= u.count", "t + 8u < u.count"),
  fault(
    LINE,
    "border repeated",
    "select(0.0, x[begin + select",
    "select(x[begin], x[begin + select",
  ),
  fault("filter2d", "numbers beyond the sixtieth at the front", "u.begin + ", ""),
];

const TILES_OF_2 = "convolution winograd, tiles of 2";
const TILES_OF_4 = "convolution winograd, tiles of 4";
const TILES_OF_2_WEIGHTS = `${TILES_OF_2} weight gradient`;
const TILES_OF_4_WEIGHTS = `${TILES_OF_4} weight gradient`;
const TILES_OF_2_BACK = `${TILES_OF_2} input gradient`;

const WINOGRAD: readonly Fault[] = [
  fault(TILES_OF_2, "filter: wrong sign", "0.5 * (ends - g[1])", "0.5 * (ends + g[1])"),
  fault(TILES_OF_2, "input: missing subtraction", "d[0] - d[2]", "d[0]"),
  fault(TILES_OF_2, "output: wrong sign", "m[1] - m[2] - m[3]", "m[1] - m[2] + m[3]"),
  fault(TILES_OF_4, "filter: a coefficient off by a 40,000th", "1.0 / 6.0", "1.0 / 5.99985"),
  fault(TILES_OF_4, "input: 4 for 5", "5.0 * d[2]", "4.0 * d[2]"),
  fault(TILES_OF_4, "output: 4 for 8", "8.0 * far_difference", "4.0 * far_difference"),
  fault(TILES_OF_2, "positions transposed", "transformed[1u * plane", "transformed[4u * plane"),
  fault(TILES_OF_2, "outside not zero", /exists_0_0 && inside_0_0/, "exists_0_0"),
  fault(TILES_OF_2, "inside one too far", "u32(top_0 + 3) < u.in_h", "u32(top_0 + 3) <= u.in_h"),
  fault(TILES_OF_2, "padding of the other axis", "* 2u) - u.pad_h", "* 2u) - u.pad_w"),
  fault(TILES_OF_2, "part of the batch not offset", "(u.first + image_0)", "(image_0)"),
  fault(TILES_OF_2, "group ignored", "let row = group * u.rows", "let row = 0u"),
  fault(TILES_OF_2, "rows beyond the edge written", "top + 1u < u.out_h", "top < u.out_h"),
  fault(TILES_OF_2, "columns beyond the edge written", "left + 1u < u.out_w", "left < u.out_w"),
  fault(TILES_OF_2, "bias of another filter", "bias[filter_index]", "bias[0]"),
  fault(TILES_OF_2, "tiles filled up are written", "tile < u.tiles && ", ""),
  fault(TILES_OF_2_BACK, "slope of the tile's first element", "finish(to,", "finish(begin,"),
  fault(TILES_OF_2_BACK, "filters not turned", "begin + 8u - 1u", "begin + 1u"),
  fault(
    TILES_OF_2_BACK,
    "filters and channels not exchanged",
    "* u.rows + row) * 9u",
    "+ row) * 9u",
  ),
  fault(TILES_OF_2_WEIGHTS, "tiles filled up are not zero", "< u.tiles;", "<= u.tiles;"),
  fault(TILES_OF_2_WEIGHTS, "wrong sign", "near_sum - m[3]", "near_sum + m[3]"),
  fault(TILES_OF_2_WEIGHTS, "weights transposed", "dw[9u * i + 1u]", "dw[9u * i + 3u]"),
  fault(TILES_OF_4_WEIGHTS, "a coefficient off by a factor of 2", "+ 2.0 * dy[3]", "+ dy[3]"),
];

/** The faults of this file. */
export const CONVOLUTION_FAULTS: readonly Fault[] = [...CONVOLUTION, ...POOLS, ...FFT, ...WINOGRAD];

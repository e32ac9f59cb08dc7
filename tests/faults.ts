/**
 * Mistakes that could be made in the kernels, as edits of their text: the controls of the oracle tests.
 *
 * @module
 */

import { type Fault, fault } from "./fault.ts";
import { CONVOLUTION_FAULTS } from "./faults_convolution.ts";
import { LAYER_FAULTS } from "./faults_layers.ts";
import { NORMALIZATION_FAULTS } from "./faults_normalization.ts";
import { UPDATE_FAULTS } from "./faults_updates.ts";

const ELEMENTWISE: readonly Fault[] = [
  fault("add", "wrong sign", "a[i] + other", "a[i] - other"),
  fault("subtract", "operands exchanged", "a[i] - other", "other - a[i]"),
  fault("multiply", "row instead of column", "b[i % u.period]", "b[i / u.period]"),
  fault("scale", "< for <= in the edge guard", "i >= u.length", "i > u.length"),
  fault("scale", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("scale", "missing factor", "u.factor * a[i]", "a[i]"),
];

const HALF: readonly Fault[] = [
  fault("cast", "not to the nearest", "f16>(x[i])", "f16>(0.9999 * x[i])"),
  fault(
    "cast",
    "subnormals flushed",
    "f16>(x[i])",
    "f16>(select(x[i], vec4f(), abs(x[i]) < vec4f(0x1p-14)))",
  ),
  fault("cast", "infinity lost", "f16>(x[i])", "f16>(min(x[i], vec4f(65504.0)))"),
  fault(
    "matmul plain in 16 bits",
    "sum in 16 bits",
    /sum \+= (f32\(a.*);/,
    "sum = f32(f16(sum + $1));",
  ),
  fault("add in 16 bits", "operand off", "other)", "0.999 * other)"),
];

const ACTIVATIONS: readonly Fault[] = [
  fault("relu", "missing NaN guard", "select(x, 0.0, x < 0.0)", "max(x, 0.0)"),
  fault("leakyRelu", "wrong slope", "0.01 * x", "0.1 * x"),
  fault("sigmoid", "sides exchanged", "e, x < 0.0", "e, x > 0.0"),
  fault("sigmoid", "overflow", "exp(-abs(x))", "exp(x)"),
  fault("tanh", "wrong coefficient", "62.0 / 2835.0", "62.0 / 2385.0"),
  fault("tanh", "series too far", "abs(x) < 0.4", "abs(x) < 0.6"),
  fault("step", "<= for <", "select(0.0, 1.0, x > 0.0)", "select(0.0, 1.0, x >= 0.0)"),
  fault("step", "missing NaN guard", "x, is_nan(x))", "0.0, is_nan(x))"),
  fault("softplus", "missing max", "max(x, 0.0) + ", ""),
  fault("gelu", "wrong coefficient", "1.00002368", "1.0002368"),
  fault("gelu", "missing half", "1.0 + 0.5 * z", "1.0 + z"),
  fault("sigmoid gradient", "wrong derivative", "(1.0 - saved)", "(1.0 + saved)"),
  fault("tanh gradient", "wrong derivative", " * (1.0 + saved)", ""),
  fault("relu gradient", "wrong side at the kink", "saved <= 0.0", "saved < 0.0"),
  fault("relu gradient", "missing NaN guard of dy", "dy, is_nan(dy)", "dx, is_nan(dy)"),
  fault("step gradient", "missing NaN guard of x", "saved, is_nan(saved)", "dx, is_nan(saved)"),
  fault("leakyRelu gradient", "missing slope", "0.01 * dy", "dy"),
  fault("softplus gradient", "wrong sign", "sigmoid(saved)", "sigmoid(-saved)"),
  fault("gelu gradient", "missing density", " + saved * density", ""),
];

const RECORDED = "softmaxCrossEntropy with statistics";

const ROWS: readonly Fault[] = [
  fault("softmax", "overflow", "exp(x[begin + j] - highest)", "exp(x[begin + j])"),
  fault("softmax", "sum not accumulated", "partial += exp", "partial = exp"),
  fault("softmax", "missing sum", " / total", ""),
  fault("softmax", "a component left out", "+ (v.z + v.w)", "+ v.z"),
  fault("softmax", "wrong stride", "row * u.columns", "row * (u.columns + 1u)"),
  fault("softmax", "<= for < in the edge guard", "row < u.rows", "row <= u.rows"),
  fault("softmax", "last step of the tree dropped", "half > 0u", "half > 1u", true),
  fault(
    "softmax",
    "sum of another row",
    /shared_values\[lane \/ \S+ \* \S+\]/,
    "shared_values[0]",
    true,
  ),
  fault("softmax", "minimum for maximum", "q, q > p", "q, q < p"),
  fault("logSoftmax", "missing log of the sum", " - log_total", ""),
  fault("softmax gradient", "wrong sign", "dy[begin + j] - total", "dy[begin + j] + total"),
  fault("logSoftmax gradient", "missing exponential", "exp(x[begin + j])", "x[begin + j]"),
  fault("softmaxCrossEntropy", "missing factor", "- t) * u.factor", "- t)"),
  fault("softmaxCrossEntropy", "label off by one", "== Index(label)", "== Index(label + 1u)"),
  fault("softmaxCrossEntropy", "wrong sign of the target", "* weight - t)", "* weight + t)"),
  fault("softmaxCrossEntropy", "missing weight", "weight * log(total)", "log(total)"),
  fault("softmaxCrossEntropy", "missing maximum", "- highest, label", ", label"),
  fault("softmaxCrossEntropy", "first of four for the label's", "return v[i]", "return v[0]"),
  fault("softmaxCrossEntropy", "the same four everywhere", "4u * j + vec4u", "vec4u"),
  fault(
    "softmaxCrossEntropy",
    "kept twice",
    "kept_1 = logits[begin + 1u]",
    "kept_1 = logits[begin]",
  ),
  fault(RECORDED, "sums in another slot", "u.slot", "0u"),
  fault(RECORDED, "last of equals", "min(place, indices_of(j))", "indices_of(j)"),
  fault(RECORDED, "rows beyond the last counted", "first == 0u && row < u.rows)", "first == 0u)"),
  fault(RECORDED, "every lane counts", "!is_nan(highest) && first == 0u", "!is_nan(highest)", true),
  fault(RECORDED, "largest of one lane", /u32\(-row_max\(-f32\((.*)\), lane\)\)/, "$1", true),
  fault(RECORDED, "largest of three in four", "min(v.z, v.w)", "v.z"),
  fault(RECORDED, "a step of the tree dropped", "var half = 32u", "var half = 16u"),
  fault(RECORDED, "rows overlap", "round * (64u", "round * (32u"),
  fault(RECORDED, "one column as several", "highest > 0.0", "highest > 1.0"),
  fault("hinge", "wrong side at the kink", "margin <= 0.0", "margin < 0.0"),
  fault("hinge", "label 0 read as 0", "Value(-1.0), Value(1.0)", "Value(0.0), Value(1.0)"),
  fault("meanSquaredError", "missing 2 in the derivative", "2.0 * (z - t)", "(z - t)"),
  fault(
    "hinge",
    "four rows as one",
    "losses[row] = partial",
    "losses[row] = Value(sum_of(partial))",
  ),
  fault("meanSquaredError", "sum for mean", "total / f32(WIDTH * u.columns)", "total"),
  fault("meanSquaredError", "mean of vectors", "f32(WIDTH * u.columns)", "f32(u.columns)"),
  fault("sigmoidCrossEntropy", "missing target", "max(z, 0.0) - z * t", "max(z, 0.0)"),
  fault("sigmoidCrossEntropy", "overflow", "exp(-abs(z))", "exp(z)"),
];

const REDUCTIONS: readonly Fault[] = [
  fault("sum", "wrong stride", "begin + j * u.inner", "begin + j"),
  fault("sum", "transposed index", "(i % columns)", "(i / columns)"),
  fault("sum", "steps too long", "j < end; j += step", "j < end; j += step + 1u"),
  fault("sum", "part and outer mixed", "(i / columns) % u.parts", "(i / columns) / u.parts"),
  fault("sum", "guard one too early", "i >= u.outputs", "i + 1u >= u.outputs"),
  fault("sum", "last loads left out", "for (; j < end; j += step)", "for (; j < first; j += step)"),
  fault("sum", "a component left out", "merge_f32(of_z, of_w)", "of_z"),
  fault("sum", "a sum of its own left out", /result_0 = merge_\w+\(result_0, result_1\);/, ""),
  fault("sum as planned", "last step of the tree dropped", "half > 0u", "half > 1u"),
  fault("sum as planned", "turns overlap", "+ part % step", "", true),
  fault("sum as planned", "a column twice", "take(at + 1u, j)", "take(at, j)"),
  fault("sum as planned", "results shifted", /u\.y_begin \+ \w+ \* i/, "u.y_begin + i"),
  fault("sumOfSquares", "missing square", "v * v", "v"),
  fault("mean", "missing factor", "u.factor * ", ""),
  fault(
    "max",
    "missing NaN guard",
    /q\.value, is_nan_\w+\(q\.value\)/,
    "q.value, larger != larger",
  ),
  fault("max", "minimum", "q.value, q.value > p.value", "q.value, q.value < p.value"),
  fault("max as planned", "empty part", "max(u.length, 1u) - 1u", "u.length"),
  fault("argmax as planned", "last of equals", "q.index < p.index", "q.index > p.index"),
  fault(
    "argmax",
    "NaN is not the largest",
    / \| \(is_nan_\w+\(q\.value\) & !is_nan_\w+\(p\.value\)\)/,
    "",
  ),
  fault("argmax as planned", "equals not looked at", " | (equal & (q.index < p.index))", ""),
  fault("argmax", "vectors for their components", "4u * j", "j"),
  fault("argmax", "index of a later pass", "indices[at]", "indices[0]"),
  fault("matches", "last of equals", "z > best", "z >= best"),
  fault("matches", "missing NaN guard", " && !broken", ""),
  fault("matches", "wrong threshold", "largest > 0.5", "largest > 0.9"),
  fault("recordSums", "slot ignored", "u.slot", "0u"),
  fault("recordSums", "wrong stride", "i += 64u", "i += 65u"),
];

const RANDOM: readonly Fault[] = [
  fault("randomUniform", "wrong rotation", "x, 13u", "x, 14u"),
  fault("randomUniform", "missing round number", "third + 1u", "third"),
  fault("randomUniform", "wrong constant", "0x1bd11bdau", "0x1bd11bdbu"),
  fault("randomUniform", "rotation without its other half", "x.y >> (32u - rotation)", "0u"),
  fault("randomUniform", "counter ignored", "vec2u(i, u.counter)", "vec2u(i, 0u)"),
  fault("randomUniform", "wrong shift", "word >> 8u", "word >> 9u"),
  fault("randomUniform", "<= for < in the edge guard", "+ 1u < u.length", "+ 1u <= u.length"),
  fault(
    "randomNormal",
    "sine and cosine exchanged",
    "cos(angle), sin(angle)",
    "sin(angle), cos(angle)",
  ),
  fault("randomNormal", "missing 2", "-2.0 * log", "-1.0 * log"),
  fault("randomNormal", "missing mean", "u.offset + u.scale", "u.scale"),
  fault("dropout", "missing scale", "u.scale * v", "v"),
  fault("dropout", "kept and dropped exchanged", "< u.rate", "> u.rate"),
  fault("dropout", "missing NaN guard", " && !is_nan(v)", ""),
  fault("dropout", "one word for both", "words[1]", "words[0]"),
  fault("dropout on the way back", "slope of the neighbour", "finish(2u * i + 1u", "finish(2u * i"),
  fault("dropout on the way back", "slope left out", "activation_gradient(before, sum)", "sum"),
  fault("channel sums", "half of the invocations left out", "lane < 1u)", "lane < 0u)"),
  fault("channel sums", "a number of four left out", "(total.z + total.w)", "total.z"),
  fault("channel sums", "planes of another channel", "u.channels + channel)", "u.channels)"),
  fault("channel sums", "images left out", /n \+= \d+u \/ \d+u/, "n += 64u"),
  fault(
    "gatherExamples",
    "targets in another order",
    "targets[index *",
    "targets[(u.start + row) *",
  ),
  fault("gatherExamples", "first element of a target only", "j < u.target_width", "j < 1u"),
  fault("gatherRows", "bytes in reverse", "8u * (at % 4u)", "8u * (3u - at % 4u)"),
  fault("gatherRows", "start ignored", "u.start + row", "row"),
  fault("gatherRows", "wrong constant", "0x735a2d97u", "0x735a2d99u"),
  fault("gatherRows", "one round too few", "5u * 0x9e3779b9u", "4u * 0x9e3779b9u"),
  fault("gatherRows", "missing scale", "u.scale * ", ""),
  fault("gatherRows", "not walked into the range", "index < u.examples", "index <= u.examples"),
  fault("gatherRows", "< for <= in the edge guard", "row >= u.rows", "row > u.rows"),
];

const UPDATES: readonly Fault[] = [
  fault("sgdUpdate", "wrong sign", "old - u.rate", "old + u.rate"),
  fault("sgdUpdate", "missing momentum", "u.momentum * v[i] + g", "v[i] + g"),
  fault("sgdUpdate", "velocity not kept", "v[i] = velocity;", ""),
  fault("sgdUpdate", "Nesterov forgets the gradient", "g += u.momentum", "g = u.momentum"),
  fault("sgdUpdate", "missing decay", " + u.decay * old", ""),
  fault("sgdUpdate", "clipped by the norm", "clip[0]", "clip[1]"),
  fault("clipScale", "clips small gradients", "norm <= u.limit", "norm >= u.limit"),
  fault("clipScale", "missing root", "sqrt(sum_of_squares[0])", "sum_of_squares[0]"),
];

const REGISTER = "matmul register 4×4 by 2×4";
const BROADCAST = "matmul broadcast 8×4 by 1×8";
const TEXTURES = "matmul broadcast from textures 8×4 by 1×8";
const ALONG_ROWS = "matmul broadcast 4×8 by 8×1";
const BLOCK = "matmul block 4×4 by 8×8";
const BACK = "matmul on the way back";

const MATMUL: readonly Fault[] = [
  fault(
    "matmul plain",
    "a transposed",
    "row * u.a_row + k * u.a_step",
    "row * u.a_step + k * u.a_row",
  ),
  fault("matmul plain", "<= for < in the loop", "k < k_end", "k <= k_end"),
  fault("matmul plain", "missing bias", "sum += bias[column];", ""),
  fault("matmul plain", "bias of the row", "bias[column]", "bias[row]"),
  fault("matmul plain", "missing activation", "activate(sum)", "sum"),
  fault("matmul plain", "part not offset", "part * u.chunk", "0u"),
  fault("matmul plain", "first part dropped", "var sum = parts[at]", "var sum = 0.0"),
  fault("matmul plain", "last part dropped", "part < u.parts", "part + 1u < u.parts"),
  fault(REGISTER, "tail counted twice", "(k_end - k_begin) / 4u", "(k_end - k_begin + 3u) / 4u"),
  fault(REGISTER, "step of another k", "a_0_0[1]", "a_0_0[2]"),
  fault(REGISTER, "rows exchanged", "c_0_1_0 += a_0[1]", "c_0_1_0 += a_0[2]"),
  fault(REGISTER, "row guard <= for <", "row >= u.m", "row > u.m"),
  fault(REGISTER, "column guard <= for <", "column + 1u < u.n", "column + 1u <= u.n"),
  fault(REGISTER, "bias of one column", "bias[min(column + 1u, last)]", "bias[column]"),
  fault(REGISTER, "clamp one too early", "u.m - 1u", "u.m - 2u"),
  fault(REGISTER, "parts at one place", "part * u.batches", "0u"),
  fault(REGISTER, "tiles transposed", "flat % u.tiles_m", "flat % u.tiles_n"),
  fault(BROADCAST, "broadcast from another lane", "[0], 3u)", "[0], 2u)"),
  fault(BROADCAST, "step of another k", "x_1 * step_0_1", "x_1 * step_0_2"),
  fault(
    BROADCAST,
    "steps beyond the last are kept",
    "select(vec4f(0.0), four,",
    "select(four, four,",
  ),
  fault(BROADCAST, "clamp one too early", "u.m - 1u) * u.k", "u.m - 2u) * u.k"),
  fault(TEXTURES, "texels of another row", "/ 512u", "/ 256u"),
  fault(TEXTURES, "texels not counted in fours", "width - 4u)) / 4u", "width - 4u)) / 2u"),
  fault(TEXTURES, "numbers of one texel", "texel(at / 4u + 1u)", "texel(at / 4u)"),
  fault(TEXTURES, "moved by three for one", "(offset & 2u) != 0u", "offset != 0u"),
  fault(
    TEXTURES,
    "last of the numbers moved",
    "select(second.x, second.z",
    "select(second.x, second.w",
  ),
  fault(TEXTURES, "the last of a line twice", "min(inner, width - 1u)", "min(inner, width - 2u)"),
  fault(BROADCAST, "a part too long", "min(k_begin + u.chunk, u.k)", "u.k"),
  fault(ALONG_ROWS, "columns exchanged", "c_0_0[0], c_1_0[0]", "c_1_0[0], c_0_0[0]"),
  fault(ALONG_ROWS, "column guard <= for <", "first_x + 4u < u.n", "first_x + 4u <= u.n"),
  fault(
    ALONG_ROWS,
    "bias of the first columns",
    "column_bias(first_x + 4u)",
    "column_bias(first_x)",
  ),
  fault(ALONG_ROWS, "tiles transposed", "flat % u.tiles_n", "flat % u.tiles_m"),
  fault(BLOCK, "a block's rows rotated", "[row % 4u]", "[(row + 1u) % 4u]"),
  fault(BLOCK, "last step of a part dropped", "u.chunk, u.k)", "u.chunk, max(u.k, 1u) - 1u)"),
  fault(
    BLOCK,
    "outside not zero",
    "outer >= outer_end || inner >= inner_end",
    "outer >= outer_end",
  ),
  fault(BLOCK, "wrong width", "outer * width + inner", "outer * (width + 1u) + inner"),
  fault(BLOCK, "one step of the depth dropped", /\{\s+let a_0 = a_block\[15u[^}]*\}/, ""),
  fault("batched matmul", "first matrix for all", "batch % u.a_count", "0u"),
  fault("batched matmul", "matrices not in turn", "batch % u.b_count", "batch / 2u"),
  fault("batched matmul", "bias of another row", "min(row, u.m - 1u)]", "0u]"),
  fault("batched matmul", "results in one place", "u.batches + batch)", "u.batches)"),
  fault(
    BACK,
    "activation for its derivative",
    /activation_gradient\((?:s\.x|saved\[[^\]]*\]), sum(?:\.x)?\)/,
    "0.5",
  ),
  fault(BACK, "derivative of a neighbour", /saved\[(at \/ 4u|at)\]/, "saved[0]"),
  fault(BACK, "edge of another column", "saved[min(at + 1u, end)]", "saved[at]"),
  fault(BACK, "last row of a sum dropped", "k < u.k; k++", "k + 1u < u.k; k++"),
  fault(BACK, "sums of other rows", "at = k * width + i", "at = i * width + k"),
  fault(BACK, "sums of the first of a texel", "texel(at / 4u))[at % 4u]", "texel(at / 4u))[0]"),
  fault(BACK, "sums one too few", "i >= width", "i + 1u >= width"),
  fault(BLOCK, "lanes transposed", "lane % 8u", "lane / 8u"),
];

/** All faults. */
export const FAULTS: readonly Fault[] = [
  ...ELEMENTWISE,
  ...HALF,
  ...ACTIVATIONS,
  ...ROWS,
  ...REDUCTIONS,
  ...RANDOM,
  ...UPDATES,
  ...MATMUL,
  ...CONVOLUTION_FAULTS,
  ...NORMALIZATION_FAULTS,
  ...LAYER_FAULTS,
  ...UPDATE_FAULTS,
];

/**
 * Mistakes that could be made in the kernels, as edits of their text: the controls of the oracle tests.
 *
 * @module
 */

/** One edit. */
export interface Fault {
  /** The row of `cases.ts` that must notice. */
  readonly row: string;
  /** What is wrong. */
  readonly name: string;
  readonly from: string | RegExp;
  readonly to: string;
  /** Whether the kernel variants for graphics cards are to be tried. */
  readonly card?: boolean;
}

const fault = (
  row: string,
  name: string,
  from: string | RegExp,
  to: string,
  card = false,
): Fault => ({ row, name, from, to, card });

const ELEMENTWISE: readonly Fault[] = [
  fault("add", "wrong sign", "a[i] + other", "a[i] - other"),
  fault("subtract", "operands exchanged", "a[i] - other", "other - a[i]"),
  fault("multiply", "row instead of column", "b[i % u.period]", "b[i / u.period]"),
  fault("scale", "< for <= in the edge guard", "i >= u.length", "i > u.length"),
  fault("scale", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("scale", "missing factor", "u.factor * a[i]", "a[i]"),
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

const ROWS: readonly Fault[] = [
  fault("softmax", "overflow", "exp(x[begin + j] - highest)", "exp(x[begin + j])"),
  fault("softmax", "sum not accumulated", "partial += exp", "partial = exp"),
  fault("softmax", "missing sum", " / total", ""),
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
  fault("softmaxCrossEntropy", "label off by one", "j == label", "j + 1u == label"),
  fault("softmaxCrossEntropy", "wrong sign of the target", "* weight - t)", "* weight + t)"),
  fault("softmaxCrossEntropy", "missing weight", "weight * log(total)", "log(total)"),
  fault("softmaxCrossEntropy", "missing maximum", "- highest, label", ", label"),
  fault("hinge", "wrong side at the kink", "margin <= 0.0", "margin < 0.0"),
  fault("hinge", "label 0 read as 0", "select(-1.0, 1.0", "select(0.0, 1.0"),
  fault("meanSquaredError", "missing 2 in the derivative", "2.0 * (z - t)", "(z - t)"),
  fault("meanSquaredError", "sum for mean", "total / f32(u.columns)", "total"),
  fault("sigmoidCrossEntropy", "missing target", "max(z, 0.0) - z * t", "max(z, 0.0)"),
  fault("sigmoidCrossEntropy", "overflow", "exp(-abs(z))", "exp(z)"),
];

const REDUCTIONS: readonly Fault[] = [
  fault("sum", "wrong stride", "begin + j * u.inner", "begin + j"),
  fault("sum", "transposed index", "i % u.inner", "i / u.inner"),
  fault("sum", "steps too long", "j += u.parts", "j += u.parts + 1u"),
  fault("sum", "part and outer mixed", "(i / u.inner) % u.parts", "(i / u.inner) / u.parts"),
  fault("sum", "guard one too early", "i >= u.outputs", "i + 1u >= u.outputs"),
  fault("sumOfSquares", "missing square", "v * v", "v"),
  fault("mean", "missing factor", "u.factor * result", "result"),
  fault("max", "missing NaN guard", "v, is_nan(v)", "result, is_nan(v)"),
  fault("max", "minimum", "v, v > result", "v, v < result"),
  fault("argmax", "last of equals", "index < best_index", "index > best_index"),
  fault("argmax", "NaN is not the largest", " || (is_nan(v) && !is_nan(best))", ""),
  fault("argmax", "equals not looked at", " || (equal && index < best_index)", ""),
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
const BLOCK = "matmul block 4×4 by 8×8";

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
  fault(REGISTER, "parts at one place", "part * u.m * u.n", "0u"),
  fault(REGISTER, "tiles transposed", "flat % u.tiles_m", "flat % u.tiles_n"),
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
  fault("batched matmul", "first matrix for all", "batch * u.a_batch", "0u"),
  fault("batched matmul", "results in one place", "u.batches + batch)", "u.batches)"),
  fault(BLOCK, "lanes transposed", "lane % 8u", "lane / 8u"),
];

const AUGMENT: readonly Fault[] = [
  fault("augmentImages", "mirrored about the wrong axis", "width - 1 - (j", "width - (j"),
  fault("augmentImages", "always mirrored", "(words.x >> 31u) == 1u", "true"),
  fault("augmentImages", "another bit mirrors", "words.x >> 31u", "words.x & 1u"),
  fault("augmentImages", "one offset for both directions", "words.y & 0xffffu", "words.y >> 16u"),
  fault("augmentImages", "no offset down and right", "2u * u.shift + 1u", "2u * u.shift"),
  fault("augmentImages", "offsets not centred", " - i32(u.shift)", ""),
  fault("augmentImages", "the step ignored", "vec2u(image, u.counter)", "vec2u(image, 0u)"),
  fault(
    "augmentImages",
    "channels move by themselves",
    "row / (u.channels * u.height)",
    "row / u.height",
  ),
  fault("augmentImages", "a row too many at the bottom", "line < height", "line <= height"),
  fault("augmentImages", "border repeated", "var value = 0.0", "var value = x[from_row]"),
  fault("augmentImages gradient", "moved on, not back", "-offset(words.y", "offset(words.y"),
  fault("augmentImages gradient", "mirrored images moved on", "select(-1, 1,", "select(-1, -1,"),
  fault("normalizeChannels", "missing mean", "x[begin + j] - mean", "x[begin + j]"),
  fault("normalizeChannels", "channels not offset", "u.first + channel", "channel"),
  fault("normalizeChannels", "the first channel's scale", "scale = u.scale_1", "scale = u.scale_0"),
  fault("normalizeChannels", "image for channel", "plane % u.count", "plane / u.count"),
  fault("normalizeChannels gradient", "missing scale", "scale * (", "("),
];

const NORMALIZATION: readonly Fault[] = [
  fault("localResponseNorm", "window too wide", "first + 0u + u.after", "first + 1u + u.after"),
  fault(
    "localResponseNorm",
    "window not cut off in front",
    "first - min(first, u.before)",
    "first",
  ),
  fault("localResponseNorm", "last channel of the window dropped", "4u + u.after", "3u + u.after"),
  fault("localResponseNorm", "missing square", "v * v", "v"),
  fault("localResponseNorm", "wrong sign of the exponent", "-u.beta", "u.beta"),
  fault("localResponseNorm", "missing NaN guard", "<= Bits(0x7f800000u)", "<= Bits(0x7fffffffu)"),
  fault("localResponseNorm gradient", "exponent not one less", "(power / s)", "power"),
  fault("localResponseNorm gradient", "wrong sign of the sum", "y[at] -= ", "y[at] += "),
  fault("channelStatistics", "not corrected by the second walk", "center + shift", "center"),
  fault(
    "channelStatistics",
    "squares of x",
    "squares += d * d",
    "squares += x[place.at] * x[place.at]",
  ),
  fault("channelStatistics", "row not stepped over", "select(0u, u.skip, over)", "0u"),
  fault("channelStatistics", "position not set back", "position >= u.area", "position > u.area"),
  fault(
    "channelStatistics",
    "part and channel mixed",
    "output % u.channels, first",
    "output / u.channels, first",
  ),
  fault(
    "channelStatistics",
    "last part as long as the others",
    "part + 1u == u.parts",
    "part == u.parts",
  ),
  fault(
    "channelStatistics",
    "spread between the parts dropped",
    "part_variance[at] + d * d",
    "part_variance[at]",
  ),
  fault("channelStatistics", "last step of the tree dropped", "half > 0u", "half > 1u", true),
  fault("updateRunningStatistics", "biased variance", "u.mix_variance *", "u.mix *"),
  fault("updateRunningStatistics", "old and new exchanged", "u.keep * mean[i]", "u.mix * mean[i]"),
  fault(
    "batchNorm",
    "epsilon outside the root",
    "variance[channel] + u.epsilon)",
    "variance[channel]) + u.epsilon",
  ),
  fault("batchNorm", "channel of another row", "plane % u.channels", "plane / u.channels"),
  fault("batchNorm", "missing shift", " + shift", ""),
  fault("batchNorm", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("batchNorm gradient", "missing mean of dy", "(level + normal * slope)", "normal * slope"),
  fault("batchNorm gradient", "missing term of the variance", "(level + normal * slope)", "level"),
  fault("batchNorm gradient", "sum for mean", "d_gamma[channel] / u.count", "d_gamma[channel]"),
  fault("batchNorm gradient", "x for x̂", "((x[place.at] - center) * inverse)", "x[place.at]"),
];

const LAYERS: readonly Fault[] = [
  fault("concatenate", "row and place exchanged", "let row = i / u.width", "let row = i % u.width"),
  fault("concatenate", "start ignored", "u.to_start + j", "j"),
  fault("concatenate", "rows of the piece's length", "row * u.to_stride", "row * u.width"),
  fault("concatenate", "guard one too early", "i >= u.length", "i + 1u >= u.length"),
  fault("split", "start ignored", "u.from_start + j", "j"),
  fault("split", "rows of the piece's length", "row * u.from_stride", "row * u.width"),
  fault("embedding", "row of the position", "i % u.positions]", "i / u.positions]"),
  fault("embedding", "example ignored", "example * u.positions + i", "i"),
  fault("embedding", "fractions rounded", "f32(row) == id && ", ""),
  fault("embedding", "rows that do not exist", " && row < rows", ""),
  fault("embedding", "0 for what is no row", "0x7fc00000u | ", ""),
  fault("embedding gradient", "sum not accumulated", "sum += dy", "sum = dy"),
  fault("embedding gradient", "parts not added", "+= sum", "= sum"),
  fault("embedding gradient", "not cleared", "dw[i] = 0.0;", ""),
  fault("embedding gradient", "every place a head", "head = false;", ""),
  fault("embedding gradient", "place counted twice", "var q = place + 1u", "var q = place + 2u"),
  fault("embedding gradient", "search leaves the part", "2048u, u.places)", "4096u, u.places)"),
  fault("embedding gradient", "wrong row", "(head - 1u) * u.dimension", "head * u.dimension"),
  fault(
    "embedding gradient",
    "channels transposed",
    "u.dimension + d) * u.positions",
    "u.dimension) * u.positions + d",
  ),
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
  fault(DX, "group of the first channel", "inner / u.inner_group", "0u"),
  fault(DW, "dilation ignored", "at * i32(u.spread_w) == place", "true"),
  fault(DW, "first image of every part", "u.first + plane", "plane"),
  fault(LINE, "tap of a neighbour", "y_1 += tap_0 * x_1", "y_1 += tap_0 * x_0"),
  fault(LINE, "window not moved on", "x_0 = x_8", "x_0 = x_7"),
  fault(LINE, "last eight taps dropped", "t + 8u <= u.count", "t + 8u < u.count"),
  fault(LINE, "border repeated", "select(0.0, x[begin", "select(x[begin], x[begin"),
  fault("filter2d", "numbers beyond the sixtieth at the front", "u.begin + ", ""),
];

/** All faults. */
export const FAULTS: readonly Fault[] = [
  ...ELEMENTWISE,
  ...ACTIVATIONS,
  ...ROWS,
  ...REDUCTIONS,
  ...RANDOM,
  ...UPDATES,
  ...MATMUL,
  ...AUGMENT,
  ...NORMALIZATION,
  ...LAYERS,
  ...FFT,
];

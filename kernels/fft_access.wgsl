// Where a pass of a Fourier transform finds and leaves its numbers: the bindings, and functions for fft_source.wgsl and
// fft_target.wgsl.
//
// Images are transformed side by side as `items`, the fastest dimension of all that lies between passes: vec2f (real, imaginary),
// rows [pair, x, item] or columns [y, v, item]. A real image's rows go in pairs, 2p the real and 2p + 1 the imaginary part of one
// complex row, so that no work is done twice; the columns of the half spectrum, v ≤ width / 2, follow from both halves of such a row.
// A tile's place in the image is origin + tile · step; a tap t of a dilated filter lies at place t · spread (SPREAD), and positions
// count from the other end where direction is -1. Spectra lie in tensors of f32, an item's at the sum of the steps of its indices.

struct Uniforms {
  invocations: u32,
  items: u32,
  length: u32, // of a line
  lines: u32, // pairs of rows, or columns
  butterflies: u32, // length / radix
  done: u32, // product of the radices before
  kept: u32, // positions that are stored
//# if TURN
  span: u32, // done · radix
  inverse_span: f32,
  unit: f32,
//# end
//# if SOURCE == pairs
  width: u32,
  rows: u32, // rows that are not 0
//# end
//# if SOURCE == merged
  half: u32, // columns of the half spectrum
  rows: u32, // rows that are wanted
//# end
//# if PLACED
  inner: u32, // items are [outer, inner]
//# end
//# if IMAGE
  first: u32, // plane of the first item
  tiles: u32, // items are [image, tile, inner]
  tiles_w: u32,
  step_h: u32, step_w: u32,
  origin_h: i32, origin_w: i32,
  direction: i32,
  extent_h: u32, extent_w: u32, // of the transform that has to do with the image
  spread_h: u32, spread_w: u32,
  size_h: u32, size_w: u32, // of the image
//# end
//# if SPECTRUM
  inner_group: u32,
  outer_group: u32,
//# for S in ${SPECTRA}
  inner_group_step_${S}: u32, inner_step_${S}: u32,
  outer_group_step_${S}: u32, outer_step_${S}: u32,
  frequency_step_${S}: u32,
  imaginary_step_${S}: u32,
  term_step_${S}: u32,
//# end
//# end
//# if SOURCE == product
  terms: u32,
//# end
//# if TARGET == spectrum
  sign: f32, // -1 for the conjugate
//# end
//# if DOUBLE
  second_real_step: u32,
  minus_step: u32, // of the imaginary part with the other sign
//# end
//# if TARGET == image
  scale: f32,
//# end
}

//# if FLOATS_IN
@group(0) @binding(0) var<storage, read> source: array<f32>;
//# else
@group(0) @binding(0) var<storage, read> source: array<vec2f>;
//# end
//# if FLOATS_OUT
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
//# else
@group(0) @binding(1) var<storage, read_write> result: array<vec2f>;
//# end
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
//# end
//# if SOURCE == product
@group(0) @binding(4) var<storage, read> other: array<f32>;
//# end

// Where a complex number lies between the passes along this axis.
fn index_of(line: u32, position: u32, item: u32) -> u32 {
//# if AXIS == rows
  return (line * u.length + position) * u.items + item;
//# else
  return (position * u.lines + line) * u.items + item;
//# end
}
//# if IMAGE

// The first element of the item's image.
fn plane_of(item: u32) -> u32 {
  let plane = item / u.inner / u.tiles * u.inner + item % u.inner;
  return (u.first + plane) * u.size_h * u.size_w;
}
//# for D in h w

// The image's row or column at a position of the transform, or -1.
fn place_${D}(position: u32, tile: u32) -> i32 {
  let place = u.direction * i32(position) + i32(tile * u.step_${D}) + u.origin_${D};
//# if SPREAD
  let at = place / i32(u.spread_${D});
  let exists = position < u.extent_${D} && place >= 0 && at < i32(u.size_${D}) && at * i32(u.spread_${D}) == place;
//# else
  let at = place;
  let exists = position < u.extent_${D} && place >= 0 && at < i32(u.size_${D});
//# end
  return select(-1, at, exists);
}
//# end
//# end
//# if SPECTRUM
//# for S in ${SPECTRA}

// The real part of the item's spectrum ${S} at a frequency.
fn spectrum_${S}(line: u32, position: u32, item: u32) -> u32 {
  let inner = item % u.inner;
  let outer = item / u.inner;
  return inner / u.inner_group * u.inner_group_step_${S} + inner % u.inner_group * u.inner_step_${S} +
    outer / u.outer_group * u.outer_group_step_${S} + outer % u.outer_group * u.outer_step_${S} +
    (position * u.lines + line) * u.frequency_step_${S};
}
//# end
//# end

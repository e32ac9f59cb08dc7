// What a pass of a Fourier transform reads and writes. Functions `load` and `store` and what they need; the passes follow.
//
// Images are transformed side by side as `items`, the fastest dimension of all that lies between passes. A real image's rows go
// in pairs, 2p the real and 2p + 1 the imaginary part of one complex row, so that no work is done twice; the columns of the half
// spectrum, v ≤ width / 2, follow from both halves of such a row. SOURCE and TARGET:
//   complex   vec2f, rows [pair, x, item] or columns [y, v, item]
//   image     f32: the tile of the item in an image, or the image itself; 0 outside of it, and nothing written
//   pairs     (columns, forward) columns of the half spectrum, out of transformed pairs of rows
//   merged    (rows, inverse) a pair of rows, out of the columns of the half spectrum
//   spectrum  f32: real and imaginary part at places of their own, with DOUBLE both a second time: the real matrix of a complex one
// A tile's place in the image is origin + tile · step; a tap t of a dilated filter lies at place t · spread (SPREAD), counted from
// the other end where direction is -1.

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
  frequency_step: u32,
  inner_group: u32, inner_group_step: u32, inner_step: u32,
  outer_group: u32, outer_group_step: u32, outer_step: u32,
  imaginary_step: u32,
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

// The item's real part at frequency 0.
fn spectrum_of(item: u32) -> u32 {
  let inner = item % u.inner;
  let outer = item / u.inner;
  return inner / u.inner_group * u.inner_group_step + inner % u.inner_group * u.inner_step +
    outer / u.outer_group * u.outer_group_step + outer % u.outer_group * u.outer_step;
}
//# end

fn load(line: u32, position: u32, item: u32) -> vec2f {
//# if SOURCE == complex
  return source[index_of(line, position, item)];
//# end
//# if SOURCE == image
  let tile = item / u.inner % u.tiles;
  let column = place_w(position, tile % u.tiles_w);
  let even = place_h(2u * line, tile / u.tiles_w);
  let odd = place_h(2u * line + 1u, tile / u.tiles_w);
  let plane = plane_of(item) + u32(max(column, 0));
  let real = source[plane + u32(max(even, 0)) * u.size_w];
  let imaginary = source[plane + u32(max(odd, 0)) * u.size_w];
  return vec2f(select(0.0, real, even >= 0 && column >= 0), select(0.0, imaginary, odd >= 0 && column >= 0));
//# end
//# if SOURCE == pairs
  // With the transform Z of rows a + ib: A[v] = (Z[v] + Z*[-v]) / 2, B[v] = (Z[v] - Z*[-v]) / 2i.
  if (position >= u.rows) {
    return vec2f(0.0);
  }
  let row = position / 2u * u.width;
  let mirrored = select(u.width - line, 0u, line == 0u);
  let a = source[(row + line) * u.items + item];
  let b = source[(row + mirrored) * u.items + item];
  let even = vec2f(a.x + b.x, a.y - b.y);
  let odd = vec2f(a.y + b.y, b.x - a.x);
  return 0.5 * select(even, odd, position % 2u == 1u);
//# end
//# if SOURCE == merged
  let mirrored = position >= u.half;
  let column = select(position, u.length - position, mirrored);
  let row = 2u * line;
  let paired = row + 1u < u.rows;
  var a = source[(row * u.half + column) * u.items + item];
  var b = source[(select(0u, row + 1u, paired) * u.half + column) * u.items + item];
  b = select(vec2f(0.0), b, paired);
  // What is its own mirror image is real; a NaN of its imaginary part stays.
  if (column == 0u || 2u * column == u.length) {
    a.y = select(0.0, a.y, is_nan(a.y));
    b.y = select(0.0, b.y, is_nan(b.y));
  }
  let conjugate = select(1.0, -1.0, mirrored);
  return vec2f(a.x - conjugate * b.y, conjugate * a.y + b.x);
//# end
//# if SOURCE == spectrum
  let at = spectrum_of(item) + (position * u.lines + line) * u.frequency_step;
  return vec2f(source[at], source[at + u.imaginary_step]);
//# end
}

fn store(line: u32, position: u32, item: u32, value: vec2f) {
//# if TARGET == complex
  if (position < u.kept) {
    result[index_of(line, position, item)] = value;
  }
//# end
//# if TARGET == spectrum
  let at = spectrum_of(item) + (position * u.lines + line) * u.frequency_step;
  result[at] = value.x;
  result[at + u.imaginary_step] = u.sign * value.y;
//# if DOUBLE
  result[at + u.second_real_step] = value.x;
  result[at + u.minus_step] = -u.sign * value.y;
//# end
//# end
//# if TARGET == image
  let tile = item / u.inner % u.tiles;
  let column = place_w(position, tile % u.tiles_w);
  if (column < 0) {
    return;
  }
//# if BIAS
  let offset = bias[item % u.inner];
//# else
  let offset = 0.0;
//# end
  let plane = plane_of(item) + u32(column);
  let even = place_h(2u * line, tile / u.tiles_w);
  if (even >= 0) {
    result[plane + u32(even) * u.size_w] = activate(u.scale * value.x + offset);
  }
  let odd = place_h(2u * line + 1u, tile / u.tiles_w);
  if (odd >= 0) {
    result[plane + u32(odd) * u.size_w] = activate(u.scale * value.y + offset);
  }
//# end
}

// Each image mirrored with probability 1/2 (if FLIP) and moved by a random offset (down, right), each in -s ... s:
// y[n, c, i, j] = f[n, c, i + down, j + right], zero outside, f[..., j] = x[..., w - 1 - j] if mirrored, else x.
// GRADIENT: dx (here y) from dy (here x), every pixel taken back to where it came from: i - down, and j - right unless the
// image is mirrored, for w - 1 - (j + right) is its own inverse.
//
// x, y (n, c, h, w) f32; a row is one of n · c · h. Image n draws from threefry(key, (n, counter)): the top bit of the first
// word mirrors it; the halves of the second give down and right, floor(half · (2s + 1) / 2^16) - s, s ≤ 32,767, each offset
// as likely as any other within one part in 2^16 / (2s + 1).
// LANES invocations of a workgroup of 64 share a row, flat workgroup index. No loop runs beyond w / LANES + 1 trips
// (≤ 60,001, checked by the host). Exact: values are moved, none is computed.

struct Uniforms {
  rows: u32,
  first: u32, // number of the first image
  channels: u32,
  height: u32,
  width: u32,
  shift: u32, // s
  key_0: u32,
  key_1: u32,
  counter: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

fn offset(half: u32) -> i32 {
  return i32((half * (2u * u.shift + 1u)) >> 16u) - i32(u.shift);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  if (row >= u.rows) {
    return;
  }
  let image = row / (u.channels * u.height);
  let words = threefry(vec2u(u.key_0, u.key_1), vec2u(u.first + image, u.counter));
//# if FLIP
  let mirrored = (words.x >> 31u) == 1u;
//# else
  let mirrored = false;
//# end
//# if GRADIENT
  let down = -offset(words.y >> 16u);
  let right = select(-1, 1, mirrored) * offset(words.y & 0xffffu);
//# else
  let down = offset(words.y >> 16u);
  let right = offset(words.y & 0xffffu);
//# end
  let height = i32(u.height);
  let width = i32(u.width);
  let line = i32(row % u.height) + down;
  let inside = line >= 0 && line < height;
  let from_row = (i32(row / u.height) * height + line) * width; // not used if it is not inside
  let to_row = i32(row) * width;
  for (var j = i32(lane % ${LANES}u); j < width; j += ${LANES}) {
    let column = select(j + right, width - 1 - (j + right), mirrored);
    var value = 0.0;
    if (inside && column >= 0 && column < width) {
      value = x[from_row + column];
    }
    y[to_row + j] = value;
  }
}

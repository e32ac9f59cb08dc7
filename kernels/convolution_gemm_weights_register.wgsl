// Gradient of a convolution to its weights as an implicit matrix product, with the weights in registers:
//   dw[part, f, c, t] = Σ_n Σ_o x[n, o · stride + t · dilation, c] · dy[n, o, f], n and o in one part
//
// x (images, group, ext_d, ext_h, ext_w, channels), with zeros around it, and dy (images, group, out_d, out_h, out_w, filters), of
// convolution_channels_last.wgsl: channels padded to 4 · COLUMN_GROUPS · column_tiles, filters to 4 · ROW_GROUPS · row_tiles.
// dw (parts, groups · filters, channels, k_d, k_h, k_w) f32. The host adds up the parts.
// An invocation computes 4 · ROW_GROUPS filters × 4 · COLUMN_GROUPS channels of one tap over the output rows of its part; LANES
// invocations a workgroup take neighbouring channels, taps and parts; flat workgroup index, filters fastest.
// No loop runs beyond rows of a part · (out_w + 1) trips (≤ 60,000, checked by the host).
// Order of summation: rows, columns. Error ≤ (outputs of a part + 4) · 2⁻²⁴ · Σ|x||dy|.

struct Uniforms {
  items: u32, // parts · taps · column_tiles
  part_rows: u32, // output rows (n, d, h) of a part
  rows: u32, // of all
  row_tiles: u32, // of filters in a group
  column_tiles: u32, // of channels in a group
  groups: u32,
  channels: u32, // of a group
  filters: u32, // of a group
  ext_d: u32, ext_h: u32, ext_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
  let tile = flat % u.row_tiles;
  let group = (flat / u.row_tiles) % u.groups;
  let item = flat / (u.row_tiles * u.groups) * ${LANES}u + lane;
  if (item >= u.items) {
    return;
  }
  let taps = u.k_d * u.k_h * u.k_w;
  let column = item % u.column_tiles * ${COLUMN_GROUPS}u;
  let tap = item / u.column_tiles % taps;
  let part = item / (u.column_tiles * taps);
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
  var w_${g}_${r}_${h} = vec4f(0.0);
//# end
//# end
//# end
  let tap_w = tap % u.k_w * u.dilation_w;
  let tap_h = tap / u.k_w % u.k_h * u.dilation_h;
  let tap_d = tap / (u.k_w * u.k_h) * u.dilation_d;
  let x_row = u.column_tiles * ${COLUMN_GROUPS}u;
  let dy_row = u.row_tiles * ${ROW_GROUPS}u;
  let row_end = min((part + 1u) * u.part_rows, u.rows);
  for (var row = part * u.part_rows; row < row_end; row++) {
    let h = row % u.out_h;
    let d = row / u.out_h % u.out_d;
    let n = row / (u.out_h * u.out_d) * u.groups + group;
    var dy_at = ((n * u.out_d + d) * u.out_h + h) * u.out_w * dy_row + tile * ${ROW_GROUPS}u;
    let x_h = (n * u.ext_d + d * u.stride_d + tap_d) * u.ext_h + h * u.stride_h + tap_h;
    var x_at = (x_h * u.ext_w + tap_w) * x_row + column;
    for (var w = 0u; w < u.out_w; w++) {
//# for g in 0..ROW_GROUPS
      let dy_${g} = dy[dy_at + ${g}u];
//# end
//# for h in 0..COLUMN_GROUPS
      let x_${h} = x[x_at + ${h}u];
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
      w_${g}_${r}_${h} += dy_${g}[${r}] * x_${h};
//# end
//# end
//# end
      dy_at += dy_row;
      x_at += u.stride_w * x_row;
    }
  }
//# for g in 0..ROW_GROUPS
//# for r in 0..4
  {
    let f = (tile * ${ROW_GROUPS}u + ${g}u) * 4u + ${r}u;
    if (f < u.filters) {
      let begin = ((part * u.groups + group) * u.filters + f) * u.channels;
//# for h in 0..COLUMN_GROUPS
//# for s in 0..4
      if (4u * (column + ${h}u) + ${s}u < u.channels) {
        dw[(begin + 4u * (column + ${h}u) + ${s}u) * taps + tap] = w_${g}_${r}_${h}[${s}];
      }
//# end
//# end
    }
  }
//# end
//# end
}

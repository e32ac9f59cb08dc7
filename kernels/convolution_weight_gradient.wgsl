// Gradient of a convolution to its weights, with the weights in registers:
//   dw[part, f, c, t] = Σ_n Σ_o x[n, c, o · stride + t · dilation - pad] · dy[n, f, o], n and o in one part
//
// x (n, groups · channels, in_d, in_h, in_w) f32; dy interleaved (n, group, pixel, filters padded) by
// convolution_channels_last.wgsl; dw (parts, groups · filters, channels, k_d, k_h, TAPS) f32. The host adds up the parts.
// An invocation computes 4 · ROW_GROUPS filters × TAP_ROWS rows of TAPS weights of one channel; it walks along the output rows
// of its part, COLUMNS outputs at a time, so that an input is loaded once for all taps of its row. LANES invocations a workgroup,
// flat workgroup index. Along the width, TAPS, STRIDE and DILATION are parameters of the text.
// Inputs outside are 0, and so are outputs beyond the end of a row. No loop runs beyond rows of a part · (blocks + 1) trips
// (≤ 60,000, checked by the host). Order of summation: rows, columns. Error ≤ (outputs of a part + 4) · 2⁻²⁴ · Σ|x||dy|.

struct Uniforms {
  items: u32, // parts · channels · k_d · tap_blocks
  first: u32, // image of x; dy begins with it
  parts: u32,
  part_rows: u32, // output rows (n, d, h) of a part
  rows: u32, // of all
  row_tiles: u32, // of filters in a group
  groups: u32,
  channels: u32, // of a group
  filters: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32,
  tap_blocks: u32, // blocks of TAP_ROWS rows of a kernel
  stride_d: u32, stride_h: u32,
  dilation_d: u32, dilation_h: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
  let tap_row = item % u.tap_blocks * ${TAP_ROWS}u;
  let tap_depth = item / u.tap_blocks % u.k_d;
  let channel = item / (u.tap_blocks * u.k_d) % u.channels;
  let part = item / (u.tap_blocks * u.k_d * u.channels);
//# for g in 0..ROW_GROUPS
//# for t in 0..TAP_ROWS
//# for k in 0..TAPS
  var w_${g}_${t}_${k} = vec4f(0.0);
//# end
//# end
//# end
  let padded = u.row_tiles * ${ROW_GROUPS}u; // vec4s of filters
  let row_end = min((part + 1u) * u.part_rows, u.rows);
  for (var r = part * u.part_rows; r < row_end; r++) {
    let out_row = r % u.out_h;
    let out_depth = r / u.out_h % u.out_d;
    let n = r / (u.out_h * u.out_d);
    let depth = u32(i32(out_depth * u.stride_d + tap_depth * u.dilation_d) - u.pad_d);
    let plane = (((u.first + n) * u.groups + group) * u.channels + channel) * u.in_d + select(0u, depth, depth < u.in_d);
    let first_row = i32(out_row * u.stride_h + tap_row * u.dilation_h) - u.pad_h;
//# for t in 0..TAP_ROWS
    let row_${t} = u32(first_row + i32(${t}u * u.dilation_h));
    let exists_${t} = depth < u.in_d && row_${t} < u.in_h;
    let begin_${t} = (plane * u.in_h + select(0u, row_${t}, exists_${t})) * u.in_w;
//# end
    let pixel = ((n * u.groups + group) * u.out_d + out_depth) * u.out_h + out_row;
    let dy_row = pixel * u.out_w * padded + tile * ${ROW_GROUPS}u;
    for (var column = 0u; column < u.out_w; column += ${COLUMNS}u) {
//# for c in 0..COLUMNS
      let real_${c} = column + ${c}u < u.out_w;
      let dy_at_${c} = dy_row + min(column + ${c}u, u.out_w - 1u) * padded;
//# for g in 0..ROW_GROUPS
      let dy_${g}_${c} = select(vec4f(0.0), dy[dy_at_${c} + ${g}u], real_${c});
//# end
//# end
      let in_column = i32(column * ${STRIDE}u) - u.pad_w;
      // Inputs that only outputs beyond the row would meet must not spread a NaN.
      let last = i32((u.out_w - 1u) * ${STRIDE}u + ${TAPS}u * ${DILATION}u) - u.pad_w;
//# for p in 0..POSITIONS
      let inside_${p} = u32(in_column + ${p}) < u.in_w && in_column + ${p} < last;
      let at_${p} = u32(clamp(in_column + ${p}, 0, i32(u.in_w) - 1));
//# end
//# for t in 0..TAP_ROWS
      {
//# for p in 0..POSITIONS
        let x_${p} = select(0.0, x[begin_${t} + at_${p}], exists_${t} && inside_${p});
//# end
//# for c in 0..COLUMNS
//# for k in 0..TAPS
//# for g in 0..ROW_GROUPS
        w_${g}_${t}_${k} += dy_${g}_${c} * x_${c*STRIDE+k*DILATION};
//# end
//# end
//# end
      }
//# end
    }
  }
  let taps = u.k_d * u.k_h * ${TAPS}u;
//# for g in 0..ROW_GROUPS
//# for r in 0..4
  {
    let f = (tile * ${ROW_GROUPS}u + ${g}u) * 4u + ${r}u;
    if (f < u.filters) {
      let filter_index = (part * u.groups + group) * u.filters + f;
      let begin = (filter_index * u.channels + channel) * taps + tap_depth * u.k_h * ${TAPS}u;
//# for t in 0..TAP_ROWS
      if (tap_row + ${t}u < u.k_h) {
//# for k in 0..TAPS
        dw[begin + (tap_row + ${t}u) * ${TAPS}u + ${k}u] = w_${g}_${t}_${k}[${r}];
//# end
      }
//# end
    }
  }
//# end
//# end
}

// Convolution (cross-correlation) with the outputs in registers:
//   y[n, f, o] = activation(bias[f] + Σ_c Σ_t x[n, c, o · stride + t · dilation - pad] · w[f, c, t])
//
// x (n, groups · channels, in_d, in_h, in_w), y (n, groups · filters, out_d, out_h, out_w) f32 row-major; weight packed
// (group, channel, k_d, k_h, TAPS, filters padded to 4 · ROW_GROUPS · row_tiles) by convolution_pack.wgsl; bias (groups · filters).
// NARROW: a group has ROW_GROUPS filters, fewer than 4, which are not padded.
// An invocation computes 4 · ROW_GROUPS filters (or those of NARROW) × COLUMNS neighbours of an output row: the inputs of a row are loaded once for all
// TAPS of it. LANES invocations of a workgroup take neighbouring blocks of columns; flat workgroup index, filters fastest.
// Along the width, TAPS, STRIDE and DILATION are parameters of the text; along height and depth they are uniforms.
// For the gradient to the input of a strided convolution, outputs go to every out_step-th position from out_first (SCATTER),
// and rows beyond the real size are dropped.
// Inputs outside are 0: positions are clamped, values selected. No loop runs beyond channels · k_d · k_h trips (≤ 60,000,
// checked by the host). Order of summation: channel, depth, height, width. Error ≤ (K + 4) · 2⁻²⁴ · Σ|x||w|, K its length.

struct Uniforms {
  blocks: u32, // blocks of COLUMNS outputs in a row
  items: u32, // n · grid_d · grid_h · blocks
  row_tiles: u32,
  groups: u32,
  channels: u32, // of a group
  filters: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32,
  grid_d: u32, grid_h: u32, grid_w: u32, // outputs that are computed
  out_d: u32, out_h: u32, out_w: u32, // outputs that exist
  k_d: u32, k_h: u32,
  stride_d: u32, stride_h: u32,
  dilation_d: u32, dilation_h: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
  out_step_d: u32, out_step_h: u32, out_step_w: u32,
  out_first_d: i32, out_first_h: i32, out_first_w: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
//# if NARROW
@group(0) @binding(1) var<storage, read> weight: array<f32>;
alias Filters = f32;
//# else
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
alias Filters = vec4f;
//# end
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end

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
  let column = item % u.blocks * ${COLUMNS}u;
  let row = item / u.blocks % u.grid_h;
  let depth = item / (u.blocks * u.grid_h) % u.grid_d;
  let n = item / (u.blocks * u.grid_h * u.grid_d);
  let in_row = i32(row * u.stride_h) - u.pad_h;
  let in_depth = i32(depth * u.stride_d) - u.pad_d;
  let in_column = i32(column * ${STRIDE}u) - u.pad_w;
//# for c in 0..COLUMNS
//# for g in 0..ROW_GROUPS
  var y_${g}_${c} = Filters(0.0);
//# end
//# end
  // The positions of an input row that the block reads, and whether they exist.
//# for p in 0..POSITIONS
  let inside_${p} = u32(in_column + ${p}) < u.in_w;
  let at_${p} = u32(clamp(in_column + ${p}, 0, i32(u.in_w) - 1));
//# end
  let packed_row = u.row_tiles * ${ROW_GROUPS}u;
  var w_at = group * u.channels * u.k_d * u.k_h * ${TAPS}u * packed_row + tile * ${ROW_GROUPS}u;
  let image = u.in_d * u.in_h * u.in_w;
  var plane = (n * u.groups + group) * u.channels * image;
  for (var c = 0u; c < u.channels; c++) {
    for (var t = 0u; t < u.k_d * u.k_h; t++) {
//# if VOLUME
      let d = u32(in_depth + i32(t / u.k_h * u.dilation_d));
      let h = u32(in_row + i32(t % u.k_h * u.dilation_h));
      let exists = d < u.in_d && h < u.in_h;
      let begin = plane + select(0u, (d * u.in_h + h) * u.in_w, exists);
//# else
      let h = u32(in_row + i32(t * u.dilation_h));
      let exists = h < u.in_h;
      let begin = plane + select(0u, h * u.in_w, exists);
//# end
//# for p in 0..POSITIONS
      let x_${p} = select(0.0, x[begin + at_${p}], exists && inside_${p});
//# end
//# for k in 0..TAPS
      {
//# for g in 0..ROW_GROUPS
        let w_${g} = weight[w_at + ${g}u];
//# end
        w_at += packed_row;
//# for g in 0..ROW_GROUPS
//# for c in 0..COLUMNS
        y_${g}_${c} += w_${g} * x_${c*STRIDE+k*DILATION};
//# end
//# end
      }
//# end
    }
    plane += image;
  }
//# if SCATTER
  let out_row = i32(row * u.out_step_h) + u.out_first_h;
  let out_depth = i32(depth * u.out_step_d) + u.out_first_d;
  if (u32(out_row) >= u.out_h || u32(out_depth) >= u.out_d) {
    return;
  }
//# else
  let out_row = i32(row);
  let out_depth = i32(depth);
//# end
  let pixel = (u32(out_depth) * u.out_h + u32(out_row)) * u.out_w;
  let out_image = u.out_d * u.out_h * u.out_w;
//# for g in 0..ROW_GROUPS
//# for r in 0..ROWS_OF_GROUP
  {
//# if NARROW
    let f = ${g}u;
//# else
    let f = (tile * ${ROW_GROUPS}u + ${g}u) * 4u + ${r}u;
//# end
    if (f < u.filters) {
      let filter_index = group * u.filters + f;
      let begin = (n * u.groups * u.filters + filter_index) * out_image + pixel;
//# if BIAS
      let offset = bias[filter_index];
//# else
      let offset = 0.0;
//# end
//# for c in 0..COLUMNS
      {
//# if NARROW
        let sum = y_${g}_${c} + offset;
//# else
        let sum = y_${g}_${c}[${r}] + offset;
//# end
//# if SCATTER
        let at = i32((column + ${c}u) * u.out_step_w) + u.out_first_w;
        if (column + ${c}u < u.grid_w && u32(at) < u.out_w) {
          y[begin + u32(at)] = finish(begin + u32(at), sum);
        }
//# else
        if (column + ${c}u < u.out_w) {
          y[begin + column + ${c}u] = finish(begin + column + ${c}u, sum);
        }
//# end
      }
//# end
    }
  }
//# end
//# end
}

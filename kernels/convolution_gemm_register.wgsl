// Convolution as an implicit matrix product, with the outputs in registers and no workgroup memory:
//   y[n, f, o] = activation(bias[f] + Σ_t Σ_c x[n, o · stride + t · dilation, c] · w[t, c, f])
//
// x (images, group, ext_d, ext_h, ext_w, channels) f32 with zeros around it, of convolution_channels_last.wgsl; weight (group, k_d,
// k_h, k_w, channels, filters padded to 4 · ROW_GROUPS · row_tiles) of convolution_pack.wgsl, TAPS_FIRST; channels are padded to a
// multiple of 4. bias (groups · filters), y (n, groups · filters, out_d, out_h, out_w) f32.
// An invocation computes 4 · ROW_GROUPS filters × COLUMNS outputs that follow one another in the order (n, d, h, w); LANES
// invocations a workgroup take neighbouring outputs; flat workgroup index, filters fastest.
// For the gradient to the input of a strided convolution, outputs go to every out_step-th position from out_first (SCATTER).
// No loop runs beyond taps · (channels / 4 + 3) trips (≤ 60,000, checked by the host).
// Order of summation: taps, channels. Error ≤ (K + 4) · 2⁻²⁴ · Σ|x||w|, K the number of products.

struct Uniforms {
  outputs: u32, // images · grid
  first: u32, // image of y; x begins with it
  row_tiles: u32,
  groups: u32,
  channels: u32, // of a group, in vec4s
  filters: u32, // of a group
  ext_d: u32, ext_h: u32, ext_w: u32,
  begin_d: u32, begin_h: u32, begin_w: u32, // where in x the first output begins
  grid_d: u32, grid_h: u32, grid_w: u32, // outputs that are computed
  out_d: u32, out_h: u32, out_w: u32, // outputs that exist
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
  out_step_d: u32, out_step_h: u32, out_step_w: u32,
  out_first_d: u32, out_first_h: u32, out_first_w: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
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
  let output = (flat / (u.row_tiles * u.groups) * ${LANES}u + lane) * ${COLUMNS}u;
  if (output >= u.outputs) {
    return;
  }
//# for c in 0..COLUMNS
//# for g in 0..ROW_GROUPS
  var y_${g}_${c} = vec4f(0.0);
//# end
  let x_at_${c} = input_of(min(output + ${c}u, u.outputs - 1u), group);
//# end
  let row = u.row_tiles * ${ROW_GROUPS}u;
  var w_at = group * u.k_d * u.k_h * u.k_w * u.channels * 4u * row + tile * ${ROW_GROUPS}u;
  for (var d = 0u; d < u.k_d; d++) {
    for (var h = 0u; h < u.k_h; h++) {
      var at = (d * u.dilation_d * u.ext_h + h * u.dilation_h) * u.ext_w * u.channels;
      for (var w = 0u; w < u.k_w; w++) {
        for (var k = 0u; k < u.channels; k++) {
//# for c in 0..COLUMNS
          let x_${c} = x[x_at_${c} + at + k];
//# end
//# for i in 0..4
          {
//# for g in 0..ROW_GROUPS
            let w_${g} = weight[w_at + ${g}u];
//# end
            w_at += row;
//# for g in 0..ROW_GROUPS
//# for c in 0..COLUMNS
            y_${g}_${c} += w_${g} * x_${c}[${i}];
//# end
//# end
          }
//# end
        }
        at += u.dilation_w * u.channels;
      }
    }
  }
//# for c in 0..COLUMNS
  let y_at_${c} = output_of(output + ${c}u, group);
//# end
  let plane = u.out_d * u.out_h * u.out_w;
//# for g in 0..ROW_GROUPS
//# for r in 0..4
  {
    let f = (tile * ${ROW_GROUPS}u + ${g}u) * 4u + ${r}u;
    if (f < u.filters) {
//# if BIAS
      let offset = bias[group * u.filters + f];
//# else
      let offset = 0.0;
//# end
//# for c in 0..COLUMNS
      if (y_at_${c} != NOWHERE) {
        y[y_at_${c} + f * plane] = finish(y_at_${c} + f * plane, y_${g}_${c}[${r}] + offset);
      }
//# end
    }
  }
//# end
//# end
}

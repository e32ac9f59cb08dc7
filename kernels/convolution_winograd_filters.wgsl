// Filters of a Winograd convolution: U[position] = (G · g · Gᵀ)[position], for every filter and channel.
//
// weight (filters, channels / groups, 3, 3) f32 → transformed (SIDE², groups, summed, padded) f32, with the channels that are
// summed and those that come out of a group; the latter are filled up with zeros to `padded`, a multiple of 4.
// TRANSPOSE: for the gradient to the input, filters are summed and channels come out, and each filter is turned by 180°.
// One invocation of 64 for each filter and channel, flat workgroup index, those that come out fastest. No loop.
// Error of an element: 2 · (roundings of G) · 2⁻²⁴ · (|G| · |g| · |Gᵀ|).

struct Uniforms {
  length: u32, // groups · summed · padded
  padded: u32,
  rows: u32, // channels that come out of a group
  summed: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> transformed: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.length) {
    return;
  }
  let row = i % u.padded;
  let channel = i / u.padded % u.summed;
  let group = i / (u.padded * u.summed);
  let exists = row < u.rows;
//# if TRANSPOSE
  let begin = select(0u, ((group * u.summed + channel) * u.rows + row) * 9u, exists);
//# else
  let begin = select(0u, ((group * u.rows + row) * u.summed + channel) * 9u, exists);
//# end
//# for r in 0..3
//# for c in 0..3
//# if TRANSPOSE
  let g_${r}_${c} = select(0.0, weight[begin + 8u - ${r*3+c}u], exists);
//# else
  let g_${r}_${c} = select(0.0, weight[begin + ${r*3+c}u], exists);
//# end
//# end
  let row_${r} = transform_filter(Taps(g_${r}_0, g_${r}_1, g_${r}_2));
//# end
//# for c in 0..SIDE
  let column_${c} = transform_filter(Taps(row_0[${c}], row_1[${c}], row_2[${c}]));
//# for r in 0..SIDE
  transformed[${r*SIDE+c}u * u.length + i] = column_${c}[${r}];
//# end
//# end
}

// Gradient to the weights from its Winograd products: dw = Cᵀ · M · C, for every filter and channel.
//
// products (SIDE², filters, channels / groups) f32 → dw (filters, channels / groups, 3, 3) f32.
// One invocation of 64 for each filter and channel, flat workgroup index. No loop.
// Error: 2 · (roundings of Cᵀ) · 2⁻²⁴ · (|Cᵀ| · |M| · |C|).

struct Uniforms {
  length: u32, // filters · channels / groups
}

@group(0) @binding(0) var<storage, read> products: array<f32>;
@group(0) @binding(1) var<storage, read_write> dw: array<f32>;
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
//# for r in 0..SIDE
  let row_${r} = transform_weights(Side(
//# for c in 0..SIDE
    products[${r*SIDE+c}u * u.length + i],
//# end
  ));
//# end
//# for c in 0..3
  let column_${c} = transform_weights(Side(
//# for r in 0..SIDE
    row_${r}[${c}],
//# end
  ));
//# for r in 0..3
  dw[9u * i + ${r*3+c}u] = column_${c}[${r}];
//# end
//# end
}

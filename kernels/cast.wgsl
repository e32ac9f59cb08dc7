// y = x, elementwise, between floats of 32 and of 16 bits: the buffers' types are those of the tensors, and loads and stores convert.
//
// x, y (n). VECTOR: n is a multiple of 4 and an invocation copies a vec4, else one element. 64 invocations a workgroup, flat
// workgroup index. Exact, or to the nearest of 16 bits: error ≤ 2⁻¹¹ |x| + 2⁻²⁵; 65,520 and more become infinite, NaN stays NaN.

struct Uniforms {
  length: u32, // in vec4s if VECTOR
}

//# if VECTOR
alias Element = vec4f;
//# else
alias Element = f32;
//# end
@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
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
  y[i] = x[i];
}

// Elementwise arithmetic: y = a ∘ b, y = factor · a. OPERATION: add | subtract | multiply | scale.
//
// a, y (n) f32; b (n), or (period) repeated along a (BROADCAST). VECTOR: n is a multiple of 4 and b is not repeated,
// then an invocation computes a vec4, else one element. 64 invocations a workgroup, flat workgroup index.
// Error: 1 rounding.

struct Uniforms {
  length: u32, // in vec4s if VECTOR
  period: u32,
  factor: f32,
}

//# if VECTOR
alias Element = vec4f;
//# else
alias Element = f32;
//# end
@group(0) @binding(0) var<storage, read> a: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if OPERATION != scale
@group(0) @binding(3) var<storage, read> b: array<Element>;
//# end

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
//# if OPERATION == scale
  y[i] = u.factor * a[i];
//# else
//# if BROADCAST
  let other = b[i % u.period];
//# else
  let other = b[i];
//# end
//# end
//# if OPERATION == add
  y[i] = a[i] + other;
//# end
//# if OPERATION == subtract
  y[i] = a[i] - other;
//# end
//# if OPERATION == multiply
  y[i] = a[i] * other;
//# end
}

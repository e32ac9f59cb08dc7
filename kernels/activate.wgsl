// y = f(x) elementwise, or (GRADIENT) dx = f'(x) · dy. Functions and errors: activation.wgsl.
//
// Forward: x → y. Gradient: saved (y, or x for softplus and gelu) and dy → dx. All (n) f32.
// VECTOR: n is a multiple of 4 and an invocation computes a vec4, else one element. 64 invocations a workgroup,
// flat workgroup index.

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
//# if GRADIENT
@group(0) @binding(3) var<storage, read> dy: array<Element>;
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
  let v = x[i];
//# if GRADIENT
  let g = dy[i];
//# if VECTOR
  y[i] = vec4f(
    activation_gradient(v.x, g.x), activation_gradient(v.y, g.y),
    activation_gradient(v.z, g.z), activation_gradient(v.w, g.w),
  );
//# else
  y[i] = activation_gradient(v, g);
//# end
//# else
//# if VECTOR
  y[i] = vec4f(activate(v.x), activate(v.y), activate(v.z), activate(v.w));
//# else
  y[i] = activate(v);
//# end
//# end
}

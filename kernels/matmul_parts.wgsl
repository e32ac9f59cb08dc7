// c[i] = activation(Σ_part parts[part, i] + bias[i mod n]), or the bias of a row (ROW_BIAS), or (GRADIENT) f'(saved[i]) · Σ: the second pass of a matmul whose sum over k was split.
//
// parts (parts, batches·m·n), bias (n) or (a_count, m), c (batches·m·n), row-major f32. One invocation of 64 per output, flat workgroup index.
// Order of summation: parts ascending. At most 65,535 parts.

struct Uniforms {
  outputs: u32,
  m: u32,
  n: u32,
  a_count: u32,
  parts: u32,
  c_first: u32, // matrix of c
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if BIAS || ROW_BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
//# end
//# if GRADIENT
@group(0) @binding(5) var<storage, read> saved: array<f32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (at >= u.outputs) {
    return;
  }
  var sum = parts[at];
  for (var part = 1u; part < u.parts; part++) {
    sum += parts[part * u.outputs + at];
  }
//# if BIAS
  sum += bias[at % u.n];
//# end
//# if ROW_BIAS
  sum += bias[at / (u.m * u.n) % u.a_count * u.m + at / u.n % u.m];
//# end
//# if GRADIENT
  c[u.c_first * u.m * u.n + at] = activation_gradient(saved[u.c_first * u.m * u.n + at], sum);
//# else
  c[u.c_first * u.m * u.n + at] = activate(sum);
//# end
}

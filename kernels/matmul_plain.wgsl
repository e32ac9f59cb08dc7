// c = activation(op(a) · op(b) + bias), one output per invocation: the reference among the variants.
//
// a, b, bias, c as in matmul_register.wgsl; any strides: a[i, k] = a[i · a_row + k · a_step], b alike.
// One invocation of 64 per output, columns fastest; flat workgroup index. Parts of the sum over k (SPLITS) go to
// c[part]. No loop runs beyond chunk trips (≤ 65,535). Order: k ascending. Error ≤ (chunk + 4) · 2⁻²⁴ · Σ|a||b|.

struct Uniforms {
  m: u32,
  n: u32,
  k: u32,
  chunk: u32,
  parts: u32,
  a_row: u32,
  a_step: u32,
  b_step: u32,
  b_column: u32,
  batches: u32, // products, one after the other
  a_batch: u32, // from a matrix to the next; 0 if all products share it
  b_batch: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  let column = at % u.n;
  let row = (at / u.n) % u.m;
  let batch = (at / (u.n * u.m)) % u.batches;
  let part = at / (u.n * u.m * u.batches);
  if (part >= u.parts) {
    return;
  }
  let k_begin = part * u.chunk;
  let k_end = min(k_begin + u.chunk, u.k);
  var sum = 0.0;
  for (var k = k_begin; k < k_end; k++) {
    sum += a[batch * u.a_batch + row * u.a_row + k * u.a_step] * b[batch * u.b_batch + k * u.b_step + column * u.b_column];
  }
//# if BIAS
  sum += bias[column];
//# end
  c[at] = activate(sum);
}

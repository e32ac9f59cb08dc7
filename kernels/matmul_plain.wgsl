// c = activation(op(a) · op(b) + bias), one output per invocation: the reference among the variants.
//
// a, b, bias, c as in matmul_register.wgsl; any strides: a[i, k] = a[i · a_row + k · a_step], b alike.
// One invocation of 64 per output, columns fastest; flat workgroup index. Parts of the sum over k (SPLITS) go to
// c[part]. GRADIENT: c = f'(saved) · sum, saved (m, n). ROW_SUMS: see matmul_row_sums.wgsl. No loop runs beyond chunk trips (≤ 65,535). Order: k ascending. Error ≤ (chunk + 4) · 2⁻²⁴ · Σ|a||b|.

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
  a_count: u32, // matrices a, which are used in turn
  b_count: u32,
  a_first: u32, // the first of them in its buffer
  b_first: u32,
  c_first: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS || ROW_BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
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
  let column = at % u.n;
  let row = (at / u.n) % u.m;
  let batch = (at / (u.n * u.m)) % u.batches;
  let part = at / (u.n * u.m * u.batches);
//# if ROW_SUMS
  if (at >= u.n * u.m * u.batches * u.parts) {
    sum_row(at - u.n * u.m * u.batches * u.parts);
    return;
  }
//# end
  if (part >= u.parts) {
    return;
  }
  let k_begin = part * u.chunk;
  let k_end = min(k_begin + u.chunk, u.k);
  var sum = 0.0;
  for (var k = k_begin; k < k_end; k++) {
    sum += a[(u.a_first + batch % u.a_count) * u.m * u.k + row * u.a_row + k * u.a_step] * b[(u.b_first + batch % u.b_count) * u.k * u.n + k * u.b_step + column * u.b_column];
  }
//# if BIAS
  sum += bias[column];
//# end
//# if ROW_BIAS
  sum += bias[batch % u.a_count * u.m + row];
//# end
//# if GRADIENT
  c[u.c_first * u.m * u.n + at] = activation_gradient(saved[u.c_first * u.m * u.n + at], sum);
//# else
  c[u.c_first * u.m * u.n + at] = activate(sum);
//# end
}

// c = activation(op(a) · op(b) + bias) with a block of each operand in workgroup memory: for real GPUs, where a
// load from storage costs far more than one from workgroup memory.
//
// a, b, bias, c, TRANSPOSE_*, VECTOR_* and parts as in matmul_register.wgsl. VECTOR_c says whether c is written as
// vec4. A workgroup of THREADS_M × THREADS_N invocations computes a block of 4·ROW_GROUPS·THREADS_M rows ×
// 4·COLUMN_GROUPS·THREADS_N columns, DEPTH steps of k at a time; workgroup memory (BLOCK_M + BLOCK_N) · DEPTH · 4 B.
// GRADIENT: see matmul_store.wgsl. ROW_SUMS: see matmul_row_sums.wgsl.
// The host computes BLOCK_M, BLOCK_N, THREADS and LOADS_A, LOADS_B (vec4s that each invocation brings).
// Edges: what lies outside is loaded as zero, stores are guarded. No loop runs beyond chunk / DEPTH + 1 trips.
// Order of summation: k ascending within a part. Error ≤ (chunk + DEPTH + 4) · 2⁻²⁴ · Σ|a||b|.
// Source: S. Boehm, "How to optimize a CUDA matmul kernel" (2022), kernels 5 and 6.

struct Uniforms {
  m: u32,
  n: u32,
  k: u32,
  chunk: u32, // a multiple of DEPTH if there are several parts
  tiles_m: u32,
  tiles_n: u32,
  batches: u32, // products, one after the other
  a_count: u32, // matrices a, which are used in turn
  b_count: u32,
  a_first: u32, // the first of them in its buffer
  b_first: u32,
  c_first: u32,
  parts: u32,
}

//# if VECTOR_a
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
//# else
@group(0) @binding(0) var<storage, read> a: array<f32>;
//# end
//# if VECTOR_b
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
//# else
@group(0) @binding(1) var<storage, read> b: array<f32>;
//# end
//# if VECTOR_c
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
//# else
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
//# end
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS || ROW_BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end

// [step of k][vec4 of rows] and [step of k][vec4 of columns]
var<workgroup> a_block: array<vec4f, ${DEPTH} * ${BLOCK_M} / 4>;
var<workgroup> b_block: array<vec4f, ${DEPTH} * ${BLOCK_N} / 4>;

// Four neighbours of a matrix (outer, inner) along its inner dimension, zero outside.
//# for M in a b
fn load_${M}(base: u32, outer: u32, outer_end: u32, inner: u32, inner_end: u32, width: u32) -> vec4f {
  if (outer >= outer_end || inner >= inner_end) {
    return vec4f(0.0);
  }
  let at = base + outer * width + inner;
//# if VECTOR_${M}
  return ${M}[at / 4u];
//# else
  var four = vec4f(${M}[at], 0.0, 0.0, 0.0);
//# for i in 1..4
  if (inner + ${i}u < inner_end) { four[${i}] = ${M}[at + ${i}u]; }
//# end
  return four;
//# end
}
//# end

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
//# if ROW_SUMS
  let products = u.tiles_m * u.tiles_n * u.parts * u.batches;
  if (flat >= products) {
    sum_row((flat - products) * ${THREADS}u + lane);
    return;
  }
//# end
  let tile_m = flat % u.tiles_m;
  let tile_n = (flat / u.tiles_m) % u.tiles_n;
  let part = (flat / (u.tiles_m * u.tiles_n)) % u.parts;
  let batch = flat / (u.tiles_m * u.tiles_n * u.parts);
  let block_row = tile_m * ${BLOCK_M}u;
  let block_column = tile_n * ${BLOCK_N}u;
  let lane_n = lane % ${THREADS_N}u;
  let lane_m = lane / ${THREADS_N}u;
  let k_begin = part * u.chunk;
  let k_end = min(k_begin + u.chunk, u.k);
  if (batch >= u.batches) {
    return; // a superfluous workgroup of the fold; all its invocations leave, so the barriers below stay legal
  }

//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
  var c_${g}_${r}_${h} = vec4f(0.0);
//# end
//# end
//# end

  for (var k = k_begin; k < k_end; k += ${DEPTH}u) {
//# for l in 0..LOADS_A
    {
      let slot = lane + ${l}u * ${THREADS}u;
//# if TRANSPOSE_a
      let step = slot / (${BLOCK_M}u / 4u);
      let row = 4u * (slot % (${BLOCK_M}u / 4u));
      a_block[slot] = load_a((u.a_first + batch % u.a_count) * u.m * u.k, k + step, k_end, block_row + row, u.m, u.m);
//# else
      let row = slot / (${DEPTH}u / 4u);
      let step = 4u * (slot % (${DEPTH}u / 4u));
      let four = load_a((u.a_first + batch % u.a_count) * u.m * u.k, block_row + row, u.m, k + step, k_end, u.k);
//# for i in 0..4
      a_block[(step + ${i}u) * (${BLOCK_M}u / 4u) + row / 4u][row % 4u] = four[${i}];
//# end
//# end
    }
//# end
//# for l in 0..LOADS_B
    {
      let slot = lane + ${l}u * ${THREADS}u;
//# if TRANSPOSE_b
      let column = slot / (${DEPTH}u / 4u);
      let step = 4u * (slot % (${DEPTH}u / 4u));
      let four = load_b((u.b_first + batch % u.b_count) * u.k * u.n, block_column + column, u.n, k + step, k_end, u.k);
//# for i in 0..4
      b_block[(step + ${i}u) * (${BLOCK_N}u / 4u) + column / 4u][column % 4u] = four[${i}];
//# end
//# else
      let step = slot / (${BLOCK_N}u / 4u);
      let column = 4u * (slot % (${BLOCK_N}u / 4u));
      b_block[slot] = load_b((u.b_first + batch % u.b_count) * u.k * u.n, k + step, k_end, block_column + column, u.n, u.n);
//# end
    }
//# end
    workgroupBarrier();
//# for i in 0..DEPTH
    {
//# for g in 0..ROW_GROUPS
      let a_${g} = a_block[${i}u * (${BLOCK_M}u / 4u) + ${g}u * ${THREADS_M}u + lane_m];
//# end
//# for h in 0..COLUMN_GROUPS
      let b_${h} = b_block[${i}u * (${BLOCK_N}u / 4u) + ${h}u * ${THREADS_N}u + lane_n];
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
      c_${g}_${r}_${h} += a_${g}[${r}] * b_${h};
//# end
//# end
//# end
    }
//# end
    workgroupBarrier();
  }

  let base = (u.c_first + part * u.batches + batch) * u.m * u.n;
//# for h in 0..COLUMN_GROUPS
  {
    let column = block_column + 4u * (${h}u * ${THREADS_N}u + lane_n);
    if (column < u.n) {
//# if BIAS
      let last = u.n - 1u;
      let offset = vec4f(bias[column], bias[min(column + 1u, last)], bias[min(column + 2u, last)], bias[min(column + 3u, last)]);
//# else
      let offset = vec4f(0.0);
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
      {
        let row = block_row + 4u * (${g}u * ${THREADS_M}u + lane_m) + ${r}u;
        store(base, row, column, c_${g}_${r}_${h} + offset + row_bias(batch, row));
      }
//# end
//# end
    }
  }
//# end
}

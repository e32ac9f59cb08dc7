// c = activation(op(a) · op(b) + bias), without workgroup memory: each invocation keeps a tile of rows × columns
// of c in registers and streams both operands past it, four steps of k at a time.
//
// a (m, k), or (k, m) if TRANSPOSE_a; b (k, n), or (n, k) if TRANSPOSE_b; bias (n); c (m, n); row-major f32. Several products
// of the same size lie one after the other (batches), or share an operand (a_batch or b_batch 0); c (parts, batches, m, n).
// VECTOR_a, VECTOR_b, VECTOR_c: the last dimension is a multiple of 4, so the buffer is read or written as vec4.
// Tile of an invocation: 4·ROW_GROUPS × 4·COLUMN_GROUPS. Workgroup: LANES_N × LANES_M invocations, lanes along n
// own every LANES_N-th vec4 of columns. A flat workgroup index, rows fastest (the columns of b stay in the cache).
// SPLITS: part s of the sum over k, [s · chunk, (s + 1) · chunk), goes to c[s] without bias and activation.
// GRADIENT: see matmul_store.wgsl. ROW_SUMS: see matmul_row_sums.wgsl.
// Edges: loads are clamped to the last row or column, stores are guarded. No loop runs beyond chunk / 4 + 3 trips.
// Order of summation: k ascending within a part. Error ≤ (chunk + 4) · 2⁻²⁴ · Σ|a||b|.
// Source: register tiling after S. Boehm, "How to optimize a CUDA matmul kernel" (2022), kernels 5 and 6.

struct Uniforms {
  m: u32,
  n: u32,
  k: u32,
  chunk: u32, // steps of k in one part, a multiple of 4 if there are several
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

@compute @workgroup_size(${LANES_N}, ${LANES_M})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
//# if ROW_SUMS
  let products = u.tiles_m * u.tiles_n * u.parts * u.batches;
  if (flat >= products) {
    sum_row(((flat - products) * ${LANES_M}u + local.y) * ${LANES_N}u + local.x);
    return;
  }
//# end
  let tile_m = flat % u.tiles_m;
  let tile_n = (flat / u.tiles_m) % u.tiles_n;
  let part = (flat / (u.tiles_m * u.tiles_n)) % u.parts;
  let batch = flat / (u.tiles_m * u.tiles_n * u.parts);
  let row = (tile_m * ${LANES_M}u + local.y) * (4u * ${ROW_GROUPS}u);
  let group = tile_n * (${LANES_N}u * ${COLUMN_GROUPS}u) + local.x; // in vec4s of columns
  let k_begin = part * u.chunk;
  let k_end = min(k_begin + u.chunk, u.k);
  if (row >= u.m || 4u * group >= u.n || batch >= u.batches) {
    return;
  }

//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
  var c_${g}_${r}_${h} = vec4f(0.0);
//# end
//# end
//# end

  // Where each row of a and column of b begins.
//# if VECTOR_a
  let base_a = (u.a_first + batch % u.a_count) * u.m * u.k / 4u;
//# else
  let base_a = (u.a_first + batch % u.a_count) * u.m * u.k;
//# end
//# if VECTOR_b
  let base_b = (u.b_first + batch % u.b_count) * u.k * u.n / 4u;
//# else
  let base_b = (u.b_first + batch % u.b_count) * u.k * u.n;
//# end
//# for g in 0..ROW_GROUPS
//# if TRANSPOSE_a
//# if VECTOR_a
  let row_${g} = base_a + min(row / 4u + ${g}u, u.m / 4u - 1u);
//# else
//# for r in 0..4
  let row_${g}_${r} = base_a + min(row + 4u * ${g}u + ${r}u, u.m - 1u);
//# end
//# end
//# else
//# for r in 0..4
//# if VECTOR_a
  let row_${g}_${r} = base_a + min(row + 4u * ${g}u + ${r}u, u.m - 1u) * (u.k / 4u);
//# else
  let row_${g}_${r} = base_a + min(row + 4u * ${g}u + ${r}u, u.m - 1u) * u.k;
//# end
//# end
//# end
//# end
//# for h in 0..COLUMN_GROUPS
//# if TRANSPOSE_b
//# for s in 0..4
//# if VECTOR_b
  let column_${h}_${s} = base_b + min(4u * (group + ${h}u * ${LANES_N}u) + ${s}u, u.n - 1u) * (u.k / 4u);
//# else
  let column_${h}_${s} = base_b + min(4u * (group + ${h}u * ${LANES_N}u) + ${s}u, u.n - 1u) * u.k;
//# end
//# end
//# else
//# if VECTOR_b
  let column_${h} = base_b + min(group + ${h}u * ${LANES_N}u, u.n / 4u - 1u);
//# else
//# for s in 0..4
  let column_${h}_${s} = base_b + min(4u * (group + ${h}u * ${LANES_N}u) + ${s}u, u.n - 1u);
//# end
//# end
//# end
//# end

  let k_whole = k_begin + (k_end - k_begin) / 4u * 4u;
  for (var k = k_begin; k < k_whole; k += 4u) {
//# if !TRANSPOSE_a
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# if VECTOR_a
    let a_${g}_${r} = a[row_${g}_${r} + k / 4u];
//# else
    let at_${g}_${r} = row_${g}_${r} + k;
    let a_${g}_${r} = vec4f(a[at_${g}_${r}], a[at_${g}_${r} + 1u], a[at_${g}_${r} + 2u], a[at_${g}_${r} + 3u]);
//# end
//# end
//# end
//# end
//# if TRANSPOSE_b
//# for h in 0..COLUMN_GROUPS
//# for s in 0..4
//# if VECTOR_b
    let b_${h}_${s} = b[column_${h}_${s} + k / 4u];
//# else
    let bt_${h}_${s} = column_${h}_${s} + k;
    let b_${h}_${s} = vec4f(b[bt_${h}_${s}], b[bt_${h}_${s} + 1u], b[bt_${h}_${s} + 2u], b[bt_${h}_${s} + 3u]);
//# end
//# end
//# end
//# end
//# for i in 0..4
    {
//# if TRANSPOSE_a
//# for g in 0..ROW_GROUPS
//# if VECTOR_a
      let a_${g} = a[(k + ${i}u) * (u.m / 4u) + row_${g}];
//# else
      let ka_${g} = (k + ${i}u) * u.m;
      let a_${g} = vec4f(a[ka_${g} + row_${g}_0], a[ka_${g} + row_${g}_1], a[ka_${g} + row_${g}_2], a[ka_${g} + row_${g}_3]);
//# end
//# end
//# end
//# for h in 0..COLUMN_GROUPS
//# if TRANSPOSE_b
      let b_${h} = vec4f(b_${h}_0[${i}], b_${h}_1[${i}], b_${h}_2[${i}], b_${h}_3[${i}]);
//# else
//# if VECTOR_b
      let b_${h} = b[(k + ${i}u) * (u.n / 4u) + column_${h}];
//# else
      let kb_${h} = (k + ${i}u) * u.n;
      let b_${h} = vec4f(b[kb_${h} + column_${h}_0], b[kb_${h} + column_${h}_1], b[kb_${h} + column_${h}_2], b[kb_${h} + column_${h}_3]);
//# end
//# end
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
//# if TRANSPOSE_a
      c_${g}_${r}_${h} += a_${g}[${r}] * b_${h};
//# else
      c_${g}_${r}_${h} += a_${g}_${r}[${i}] * b_${h};
//# end
//# end
//# end
//# end
    }
//# end
  }

//# if TAIL
  // The last k % 4 steps; an operand that is read along k is not read as vec4 then.
  for (var k = k_whole; k < k_end; k++) {
//# for g in 0..ROW_GROUPS
//# if TRANSPOSE_a
//# if VECTOR_a
    let a_${g} = a[k * (u.m / 4u) + row_${g}];
//# else
    let ka_${g} = k * u.m;
    let a_${g} = vec4f(a[ka_${g} + row_${g}_0], a[ka_${g} + row_${g}_1], a[ka_${g} + row_${g}_2], a[ka_${g} + row_${g}_3]);
//# end
//# else
    let a_${g} = vec4f(a[row_${g}_0 + k], a[row_${g}_1 + k], a[row_${g}_2 + k], a[row_${g}_3 + k]);
//# end
//# end
//# for h in 0..COLUMN_GROUPS
//# if TRANSPOSE_b
    let b_${h} = vec4f(b[column_${h}_0 + k], b[column_${h}_1 + k], b[column_${h}_2 + k], b[column_${h}_3 + k]);
//# else
//# if VECTOR_b
    let b_${h} = b[k * (u.n / 4u) + column_${h}];
//# else
    let kb_${h} = k * u.n;
    let b_${h} = vec4f(b[kb_${h} + column_${h}_0], b[kb_${h} + column_${h}_1], b[kb_${h} + column_${h}_2], b[kb_${h} + column_${h}_3]);
//# end
//# end
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

  let base = (u.c_first + part * u.batches + batch) * u.m * u.n;
//# for h in 0..COLUMN_GROUPS
  {
    let column = 4u * (group + ${h}u * ${LANES_N}u);
    if (column < u.n) {
//# if BIAS
      let last = u.n - 1u;
      let offset = vec4f(bias[column], bias[min(column + 1u, last)], bias[min(column + 2u, last)], bias[min(column + 3u, last)]);
//# else
      let offset = vec4f(0.0);
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
      store(base, row + 4u * ${g}u + ${r}u, column, c_${g}_${r}_${h} + offset + row_bias(batch, row + 4u * ${g}u + ${r}u));
//# end
//# end
    }
  }
//# end
}

// c = activation(op(a) · op(b) + bias) with eight invocations that share what they load: one operand, x, is loaded once
// for all of them and spread by subgroupBroadcast, of the other, y, each loads columns of its own. For adapters where loads
// are dear, such as lavapipe, which loads lane by lane.
//
// a, b, bias, c, VECTOR_* and parts as in matmul_register.wgsl. If lanes lie along n, x is a and y is b; along m, x is b
// and y is a, and an invocation computes columns of cᵀ (SWAPPED). SIDE_X, SIDE_Y: m and n, or n and m.
// INNER_K_X, INNER_K_Y: whether neighbours in memory are steps of k. TAIL: k is no multiple of 4.
// TEXTURE_a, TEXTURE_b: the operand is read as vec4 from a texture (texels.wgsl), four times as fast there as from a buffer. If rows
// are no whole texels (not VECTOR), four neighbours are taken out of two texels.
// An invocation computes 8·LOADS_X values of SIDE_X × 4·GROUPS_Y of SIDE_Y, four steps of k at a time. Workgroup: 8
// invocations, which must lie in one subgroup. A flat workgroup index, SIDE_X fastest (what is loaded of y stays in the cache).
// GRADIENT: see matmul_store.wgsl. ROW_SUMS: see matmul_row_sums.wgsl.
// Edges: loads are clamped, or what they find beyond a line gets into no sum that is stored; steps beyond the last are zero, stores
// are guarded. No loop runs beyond chunk / 4 + 1 trips.
// Order of summation: k ascending within a part. Error ≤ (chunk + 8) · 2⁻²⁴ · Σ|a||b|.
// The four products of a sum stand together, so that it is fetched and put back once for all: naga and llvmpipe keep the order of
// the text, and few of the sums are in registers.

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

//# if TEXTURE_a
@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
//# else
//# if VECTOR_a
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
//# else
@group(0) @binding(0) var<storage, read> a: array<f32>;
//# end
//# end
//# if TEXTURE_b
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
//# else
//# if VECTOR_b
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
//# else
@group(0) @binding(1) var<storage, read> b: array<f32>;
//# end
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

// Four of eight numbers, from the one at `offset` (≤ 3) on: moved by two, then by one.
fn four_from(offset: u32, first: vec4f, second: vec4f) -> vec4f {
  let by_two = (offset & 2u) != 0u;
  let by_one = (offset & 1u) != 0u;
  let begin = select(first, vec4f(first.zw, second.xy), by_two);
  let end = select(second.x, second.z, by_two);
  return select(begin, vec4f(begin.yzw, end), by_one);
}

// Four neighbours of a line of `width` numbers that begins at `line`; those beyond its end are its last ones, or any others.
//# for M in a b
fn load_${M}(line: u32, inner: u32, width: u32) -> vec4f {
//# if TEXTURE_${M}
//# if VECTOR_${M}
  return textureLoad(${M}, texel((line + min(inner, width - 4u)) / 4u));
//# else
  let at = line + min(inner, width - 1u);
  return four_from(at % 4u, textureLoad(${M}, texel(at / 4u)), textureLoad(${M}, texel(at / 4u + 1u)));
//# end
//# else
//# if VECTOR_${M}
  return ${M}[(line + min(inner, width - 4u)) / 4u];
//# else
  let last = width - 1u;
  return vec4f(
    ${M}[line + min(inner, last)],
    ${M}[line + min(inner + 1u, last)],
    ${M}[line + min(inner + 2u, last)],
    ${M}[line + min(inner + 3u, last)],
  );
//# end
//# end
}
//# end

// Steps of k beyond the last are zero.
fn up_to(k_end: u32, k: vec4u, four: vec4f) -> vec4f {
//# if TAIL
  return select(vec4f(0.0), four, k < vec4u(k_end));
//# else
  return four;
//# end
}

fn column_bias(column: u32) -> vec4f {
//# if BIAS
  let last = u.n - 1u;
  return vec4f(bias[column], bias[min(column + 1u, last)], bias[min(column + 2u, last)], bias[min(column + 3u, last)]);
//# else
  return vec4f(0.0);
//# end
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
//# if ROW_SUMS
  let products = u.tiles_m * u.tiles_n * u.parts * u.batches;
  if (flat >= products) {
    sum_row((flat - products) * 8u + lane);
    return;
  }
//# end
  let tile_x = flat % u.tiles_${SIDE_X};
  let tile_y = (flat / u.tiles_${SIDE_X}) % u.tiles_${SIDE_Y};
  let part = (flat / (u.tiles_m * u.tiles_n)) % u.parts;
  let batch = flat / (u.tiles_m * u.tiles_n * u.parts);
  if (batch >= u.batches) {
    return; // a superfluous workgroup of the fold; all its invocations leave, as broadcasts ask for
  }
  let k_begin = part * u.chunk;
  let k_end = min(k_begin + u.chunk, u.k);
  let first_x = tile_x * (8u * ${LOADS_X}u);
  let first_y = tile_y * (32u * ${GROUPS_Y}u) + 4u * lane;
  let base_x = (u.${X}_first + batch % u.${X}_count) * u.${SIDE_X} * u.k;
  let base_y = (u.${Y}_first + batch % u.${Y}_count) * u.${SIDE_Y} * u.k;

//# for r in 0..ROWS_X
//# for h in 0..GROUPS_Y
  var c_${r}_${h} = vec4f(0.0);
//# end
//# end

  // Invocation `lane` loads vector 8·j + lane of x: one of a value and four steps of k, or of a step and four values.
//# for j in 0..LOADS_X
//# if INNER_K_X
  let x_line_${j} = base_x + min(first_x + 8u * ${j}u + lane, u.${SIDE_X} - 1u) * u.k;
//# else
  let x_at_${j} = first_x + 8u * ${j}u + lane / 4u * 4u;
//# end
//# end
//# if INNER_K_Y
//# for h in 0..GROUPS_Y
//# for s in 0..4
  let y_line_${h}_${s} = base_y + min(first_y + 32u * ${h}u + ${s}u, u.${SIDE_Y} - 1u) * u.k;
//# end
//# end
//# end

  let steps = vec4u(0u, 1u, 2u, 3u);
  for (var k = k_begin; k < k_end; k += 4u) {
//# for j in 0..LOADS_X
//# if INNER_K_X
    let vector_${j} = up_to(k_end, k + steps, load_${X}(x_line_${j}, k, u.k));
//# else
    let k_${j} = k + lane % 4u;
    let vector_${j} = up_to(k_end, vec4u(k_${j}), load_${X}(base_x + min(k_${j}, k_end - 1u) * u.${SIDE_X}, x_at_${j}, u.${SIDE_X}));
//# end
//# end
//# for h in 0..GROUPS_Y
//# for i in 0..4
//# if INNER_K_Y
    let y_${h}_${i} = up_to(k_end, k + steps, load_${Y}(y_line_${h}_${i}, k, u.k));
//# else
    let y_${h}_${i} = up_to(k_end, vec4u(k + ${i}u), load_${Y}(base_y + min(k + ${i}u, k_end - 1u) * u.${SIDE_Y}, first_y + 32u * ${h}u, u.${SIDE_Y}));
//# end
//# end
//# for i in 0..4
//# if INNER_K_Y
    let step_${h}_${i} = vec4f(y_${h}_0[${i}], y_${h}_1[${i}], y_${h}_2[${i}], y_${h}_3[${i}]);
//# else
    let step_${h}_${i} = y_${h}_${i};
//# end
//# end
//# end
//# for j in 0..LOADS_X
//# for e in 0..2
//# for r in 0..4
    {
//# for i in 0..4
//# if INNER_K_X
      let x_${i} = subgroupBroadcast(vector_${j}[${i}], ${4*e+r}u);
//# else
      let x_${i} = subgroupBroadcast(vector_${j}[${r}], ${4*e+i}u);
//# end
//# end
//# for h in 0..GROUPS_Y
      c_${8*j+4*e+r}_${h} = (((c_${8*j+4*e+r}_${h} + x_0 * step_${h}_0) + x_1 * step_${h}_1) + x_2 * step_${h}_2) + x_3 * step_${h}_3;
//# end
    }
//# end
//# end
//# end
  }

  let base = (u.c_first + part * u.batches + batch) * u.m * u.n;
//# for h in 0..GROUPS_Y
//# if SWAPPED
//# for j in 0..LOADS_X
//# for e in 0..2
  if (first_x + ${8*j+4*e}u < u.n) {
    let offset = column_bias(first_x + ${8*j+4*e}u);
//# for s in 0..4
    {
      let row = first_y + ${32*h+s}u;
      let four = vec4f(c_${8*j+4*e}_${h}[${s}], c_${8*j+4*e+1}_${h}[${s}], c_${8*j+4*e+2}_${h}[${s}], c_${8*j+4*e+3}_${h}[${s}]);
      store(base, row, first_x + ${8*j+4*e}u, four + offset + row_bias(batch, row));
    }
//# end
  }
//# end
//# end
//# else
  let column_${h} = first_y + 32u * ${h}u;
  if (column_${h} < u.n) {
    let offset = column_bias(column_${h});
//# for r in 0..ROWS_X
    store(base, first_x + ${r}u, column_${h}, c_${r}_${h} + offset + row_bias(batch, first_x + ${r}u));
//# end
  }
//# end
//# end
}

// The end of a matmul kernel: the bias of a row (ROW_BIAS; bias (a_count, m) then), activation and guarded store of four neighbours of a row of c (parts, m, n).
// Functions only; the text of a matmul kernel, with c and u, follows this one.

fn row_bias(batch: u32, row: u32) -> f32 {
//# if ROW_BIAS
  return bias[batch % u.a_count * u.m + min(row, u.m - 1u)];
//# else
  return 0.0;
//# end
}

fn store(base: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= u.m) {
    return;
  }
  let y = vec4f(activate(sum.x), activate(sum.y), activate(sum.z), activate(sum.w));
  let at = base + row * u.n + column;
//# if VECTOR_c
  c[at / 4u] = y;
//# else
  c[at] = y.x;
//# for s in 1..4
  if (column + ${s}u < u.n) {
    c[at + ${s}u] = y[${s}];
  }
//# end
//# end
}

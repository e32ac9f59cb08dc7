// The end of a matmul kernel: the bias of a row (ROW_BIAS; bias (a_count, m) then), activation and guarded store of four neighbours of a row of c (parts, m, n).
// GRADIENT: c = f'(saved) · sum in place of f(sum), for saved of the shape of c; see activation.wgsl.
// Functions and the binding of saved only; the text of a matmul kernel, with c and u, follows this one.

//# if GRADIENT
//# if VECTOR_c
@group(0) @binding(5) var<storage, read> saved: array<vec4f>;
//# else
@group(0) @binding(5) var<storage, read> saved: array<f32>;
//# end
//# end

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
  let at = base + row * u.n + column;
//# if GRADIENT
//# if VECTOR_c
  let s = saved[at / 4u];
//# else
  let end = base + u.m * u.n - 1u;
  let s = vec4f(saved[at], saved[min(at + 1u, end)], saved[min(at + 2u, end)], saved[min(at + 3u, end)]);
//# end
  let y = vec4f(
    activation_gradient(s.x, sum.x), activation_gradient(s.y, sum.y),
    activation_gradient(s.z, sum.z), activation_gradient(s.w, sum.w),
  );
//# else
  let y = vec4f(activate(sum.x), activate(sum.y), activate(sum.z), activate(sum.w));
//# end
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

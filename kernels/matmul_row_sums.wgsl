// row_sums[i] = Σ_k op(a)[i, k] for an a that is stored as its transpose: the gradient to the bias beside that to the
// weights, by invocations behind those of the product. Function and binding; the text of a matmul kernel follows.
//
// a (k, m), from a texture if TEXTURE_a; if VECTOR_a an invocation reads and sums four neighbours, else one. row_sums (m).
// Order of summation: k ascending. Error ≤ k · 2⁻²⁴ · Σ|a|. No loop runs beyond k trips (≤ 1,024, checked by the host).

//# if ROW_SUMS
//# if VECTOR_a
alias RowSum = vec4f;
//# else
alias RowSum = f32;
//# end
@group(0) @binding(6) var<storage, read_write> row_sums: array<RowSum>;

fn sum_row(i: u32) {
//# if VECTOR_a
  let width = u.m / 4u;
//# else
  let width = u.m;
//# end
  if (i >= width) {
    return;
  }
  var total = RowSum(0.0);
  for (var k = 0u; k < u.k; k++) {
    let at = k * width + i;
//# if TEXTURE_a
//# if VECTOR_a
    total += textureLoad(a, texel(at));
//# else
    total += textureLoad(a, texel(at / 4u))[at % 4u];
//# end
//# else
    total += a[at];
//# end
  }
  row_sums[i] = total;
}
//# end

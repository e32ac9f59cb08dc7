// One pass of a Fourier transform (Stockham's form, in order, out of place) with a butterfly of n = FIRST · SECOND numbers:
//   v[r] = source[j + r · butterflies] · e^(SIGN · 2πi · r · (j mod done) / (done · n)),  r < n
//   result[⌊j / done⌋ · done · n + j mod done + k · done] = Σ_r v[r] · e^(SIGN · 2πi · r · k / n),  k < n
// along the rows or the columns of all items. After the passes of all radices the line is transformed.
//
// Source and result: fft_source.wgsl and fft_target.wgsl. One invocation of 64 per butterfly, flat workgroup index, items fastest,
// then what is next in memory; no workgroup memory, no loop. A butterfly of two factors is itself two steps with constant roots
// between them, all in registers, so that most lines need one or two passes.
// Error of a pass, in the L2 norm of all its numbers and relative to that of the result, u = 2⁻²⁴: (4 + √5)u for the roots by which
// it multiplies (none in a first pass), (1 + √5)u for the constant ones, and the butterflies' own (fft_butterflies.wgsl).
// Source: N. K. Govindaraju et al., High performance discrete Fourier transforms on graphics processors, SC 2008.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.invocations) {
    return;
  }
  let item = i % u.items;
//# if AXIS == rows
  let j = i / u.items % u.butterflies;
  let line = i / u.items / u.butterflies;
//# else
  let line = i / u.items % u.lines;
  let j = i / u.items / u.lines;
//# end
//# for r in 0..RADIX
  var v_${r} = load(line, j + ${r}u * u.butterflies, item);
//# end
//# if TURN
  let k = j % u.done;
//# for r in 1..RADIX
  v_${r} = multiply(v_${r}, turn(${r}u * k));
//# end
//# else
  let k = 0u; // a first pass
//# end
  // Of r = a · SECOND + b, first the sums over a, then those over b.
//# if FIRST != 1
//# for b in 0..SECOND
  dft_${FIRST}(
//# for a in 0..FIRST
    &v_${a*SECOND+b},
//# end
  );
//# end
//# end
//# if SECOND != 1
//# for b in 1..SECOND
//# for a in 1..FIRST
  v_${a*SECOND+b} = multiply(v_${a*SECOND+b}, vec2f(cos(6.283185307179586 * ${a*b} / ${RADIX}), SIGN * sin(6.283185307179586 * ${a*b} / ${RADIX})));
//# end
//# end
//# for a in 0..FIRST
  dft_${SECOND}(
//# for b in 0..SECOND
    &v_${a*SECOND+b},
//# end
  );
//# end
//# end
  let begin = (j - k) * ${RADIX}u + k;
//# for a in 0..FIRST
//# for b in 0..SECOND
  store(line, begin + ${b*FIRST+a}u * u.done, item, v_${a*SECOND+b});
//# end
//# end
}

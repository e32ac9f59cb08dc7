// One pass of a Fourier transform, like fft_pass.wgsl, for a radix n that is any number: the sum as it stands, in a loop.
//   result[⌊j / done⌋ · done · n + m] = Σ_r source[j + r · butterflies] · e^(SIGN · 2πi · r · m / (done · n)),  m ≡ j mod done
//
// Source and result: fft_source.wgsl and fft_target.wgsl. One invocation of 64 per number of the result, flat workgroup index, items
// fastest. The loop runs n trips (≤ 60,000, checked by the host), n² multiplications for n numbers, so that small primes cost
// little and large ones are only possible. Order of summation: r. Error: every result is a sum of n products,
// (n + 5 + √5)u · Σ|source| ≤ (n + 8)u · √n · ‖source‖; relative in the L2 norm (n + 8) · √n · u, u = 2⁻²⁴.

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
  let position = i / u.items % u.length;
  let line = i / u.items / u.length;
//# else
  let line = i / u.items % u.lines;
  let position = i / u.items / u.lines;
//# end
  let m = position % u.span;
  let j = position / u.span * u.done + m % u.done;
  var total = vec2f(0.0);
  var k = 0u; // r · m modulo span
  for (var r = 0u; r < u.span / u.done; r++) {
    total += multiply(load(line, j + r * u.butterflies, item), turn(k));
    k += m;
    k -= select(0u, u.span, k >= u.span);
  }
  store(line, position, item, total);
}

// Complex numbers (x real, y imaginary) and the roots of unity of a pass of a Fourier transform. Functions only; the kernel that
// follows declares `u` with span (the order of the roots), inverse_span = 1 / span and unit = π / (2 · span), both f32. SIGN is
// that of the exponent: -1 forward, 1 inverse.
//
// The built-in cos and sin are exact to 2⁻¹¹ only. Here the angle is first reduced to an eighth of a turn in whole numbers, so
// without error, and the Taylor polynomials to the 9th and the 10th power follow, whose remainders lie below 0.1 · 2⁻²⁴.
// |Δturn| ≤ 4 · 2⁻²⁴: the angle is off by two roundings of at most π/4; the polynomials end in one rounding of about 1, and what
// they add up before is below 0.31. Source: the octant symmetry in J. C. Schatzman, Accuracy of the discrete Fourier transform
// and the fast Fourier transform, SIAM J. Sci. Comput. 17 (1996).

const SIGN = ${SIGN}.0;

fn multiply(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// SIGN · i · a.
fn quarter_turn(a: vec2f) -> vec2f {
  return vec2f(-SIGN * a.y, SIGN * a.x);
}
//# if TURN

// e^(SIGN · 2πi · k / span), for k < span < 2²².
fn turn(k: u32) -> vec2f {
  let quarters = i32(round(f32(4u * k) * u.inverse_span));
  let angle = f32(i32(4u * k) - quarters * i32(u.span)) * u.unit;
  let z = angle * angle;
  let s = angle * (1.0 - z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * (1.0 / 362880.0)))));
  let c = 1.0 - z * (0.5 - z * (1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40320.0 - z * (1.0 / 3628800.0)))));
  let odd = (quarters & 1) != 0;
  let rotated = select(vec2f(c, s), vec2f(-s, c), odd);
  let root = select(rotated, -rotated, (quarters & 2) != 0);
  return vec2f(root.x, SIGN * root.y);
}
//# end

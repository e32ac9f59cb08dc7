// Discrete Fourier transforms of 2, 3, 4, 5 and 8 complex numbers in place: a[k] = Σ_j a[j] · e^(SIGN · 2πi · j · k / n).
// Functions only; they need those of fft_turn.wgsl.
//
// Error of the n numbers together, in the L2 norm and relative to that of the result, with u = 2⁻²⁴: additions u for each level,
// so n = 2: u, n = 4: 2u; n = 8: 6u, with 3u for the eighth turns; n = 3 and 5: every result is a sum of at most 4 and 6 roundings
// of Σ|a| ≤ √n · ‖a‖, so 4√3 · u < 7u and 6√5 · u < 14u. Source of the formulas: H. J. Nussbaumer, Fast Fourier Transform and
// Convolution Algorithms, chapter 5 (Winograd's short transforms).

const SINE_3 = 0.8660254037844386; // sin(2π/3)
const COSINE_5 = 0.30901699437494745; // cos(2π/5)
const SINE_5 = 0.9510565162951535;
const COSINE_52 = -0.8090169943749475; // cos(4π/5)
const SINE_52 = 0.5877852522924731;
const HALF_ROOT = 0.7071067811865476;

fn dft_2(a: ptr<function, vec2f>, b: ptr<function, vec2f>) {
  let difference = *a - *b;
  *a = *a + *b;
  *b = difference;
}

fn dft_3(a: ptr<function, vec2f>, b: ptr<function, vec2f>, c: ptr<function, vec2f>) {
  let sum = *b + *c;
  let middle = *a - 0.5 * sum;
  let side = SINE_3 * quarter_turn(*b - *c);
  *a = *a + sum;
  *b = middle + side;
  *c = middle - side;
}

fn dft_4(
  a: ptr<function, vec2f>,
  b: ptr<function, vec2f>,
  c: ptr<function, vec2f>,
  d: ptr<function, vec2f>,
) {
  let even_sum = *a + *c;
  let even_difference = *a - *c;
  let odd_sum = *b + *d;
  let odd_difference = quarter_turn(*b - *d);
  *a = even_sum + odd_sum;
  *b = even_difference + odd_difference;
  *c = even_sum - odd_sum;
  *d = even_difference - odd_difference;
}

fn dft_5(
  a: ptr<function, vec2f>,
  b: ptr<function, vec2f>,
  c: ptr<function, vec2f>,
  d: ptr<function, vec2f>,
  e: ptr<function, vec2f>,
) {
  let outer_sum = *b + *e;
  let inner_sum = *c + *d;
  let outer = *b - *e;
  let inner = *c - *d;
  let middle_1 = *a + COSINE_5 * outer_sum + COSINE_52 * inner_sum;
  let middle_2 = *a + COSINE_52 * outer_sum + COSINE_5 * inner_sum;
  let side_1 = quarter_turn(SINE_5 * outer + SINE_52 * inner);
  let side_2 = quarter_turn(SINE_52 * outer - SINE_5 * inner);
  *a = *a + outer_sum + inner_sum;
  *b = middle_1 + side_1;
  *c = middle_2 + side_2;
  *d = middle_2 - side_2;
  *e = middle_1 - side_1;
}

fn dft_8(
  a: ptr<function, vec2f>,
  b: ptr<function, vec2f>,
  c: ptr<function, vec2f>,
  d: ptr<function, vec2f>,
  e: ptr<function, vec2f>,
  f: ptr<function, vec2f>,
  g: ptr<function, vec2f>,
  h: ptr<function, vec2f>,
) {
  // Differences of opposite numbers, the j-th turned by j eighths; then two transforms of four.
  var odd_0 = *a - *e;
  var odd_1 = *b - *f;
  var odd_2 = quarter_turn(*c - *g);
  var odd_3 = *d - *h;
  odd_1 = HALF_ROOT * (odd_1 + quarter_turn(odd_1));
  odd_3 = HALF_ROOT * (quarter_turn(odd_3) - odd_3);
  var even_0 = *a + *e;
  var even_1 = *b + *f;
  var even_2 = *c + *g;
  var even_3 = *d + *h;
  dft_4(&even_0, &even_1, &even_2, &even_3);
  dft_4(&odd_0, &odd_1, &odd_2, &odd_3);
  *a = even_0;
  *b = odd_0;
  *c = even_1;
  *d = odd_1;
  *e = even_2;
  *f = odd_2;
  *g = even_3;
  *h = odd_3;
}

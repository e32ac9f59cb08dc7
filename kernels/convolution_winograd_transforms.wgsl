// The transforms of Winograd's F(m × m, 3 × 3) along one dimension, m = TILE (2 or 4), SIDE = m + 2: m outputs of a filter with
// three taps from SIDE products, y = Aᵀ · ((G · g) ∘ (Bᵀ · d)). Along both dimensions, rows first, then columns.
// And of F(3 × 3, m × m), the gradient to the filter from the same inputs, dg = Cᵀ · ((E · dy) ∘ (Bᵀ · d)).
// Functions only, of numbers or of vec4s of them (the parameter VALUE); a kernel of the convolution follows this text.
//
// Roundings along the longest path: of G 2 (TILE 2) or 4, the rounded constant 1/6 counted; of Bᵀ 1 or 3; of Aᵀ 2 or 3;
// of E 1 or 4; of Cᵀ 2 or 3. Products with powers of two are exact.
// Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.1; TILE 4 takes the points
// 0, ±1, ±2 and ∞.

alias Taps = array<${VALUE}, 3>;
alias Side = array<${VALUE}, ${SIDE}>;
alias Tile = array<${VALUE}, ${TILE}>;

// G · g
fn transform_filter(g: Taps) -> Side {
//# if TILE == 2
  let ends = g[0] + g[2];
  return Side(g[0], 0.5 * (ends + g[1]), 0.5 * (ends - g[1]), g[2]);
//# else
  let ends = g[0] + g[2];
  let far = 0.25 * g[0] + g[2];
  let sixth = 1.0 / 6.0;
  return Side(
    0.25 * g[0],
    -sixth * (ends + g[1]),
    -sixth * (ends - g[1]),
    sixth * (far + 0.5 * g[1]),
    sixth * (far - 0.5 * g[1]),
    g[2],
  );
//# end
}

// Bᵀ · d
fn transform_input(d: Side) -> Side {
//# if TILE == 2
  return Side(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
//# else
  let even = d[4] - 4.0 * d[2];
  let odd = d[3] - 4.0 * d[1];
  let far_even = d[4] - d[2];
  let far_odd = 2.0 * (d[3] - d[1]);
  return Side(
    4.0 * d[0] - 5.0 * d[2] + d[4],
    even + odd,
    even - odd,
    far_even + far_odd,
    far_even - far_odd,
    4.0 * d[1] - 5.0 * d[3] + d[5],
  );
//# end
}

// Aᵀ · m
fn transform_output(m: Side) -> Tile {
//# if TILE == 2
  return Tile(m[0] + m[1] + m[2], m[1] - m[2] - m[3]);
//# else
  let near_sum = m[1] + m[2];
  let near_difference = m[1] - m[2];
  let far_sum = m[3] + m[4];
  let far_difference = m[3] - m[4];
  return Tile(
    m[0] + near_sum + far_sum,
    near_difference + 2.0 * far_difference,
    near_sum + 4.0 * far_sum,
    near_difference + 8.0 * far_difference + m[5],
  );
//# end
}

// E · dy
fn transform_gradient(dy: Tile) -> Side {
//# if TILE == 2
  return Side(dy[0], 0.5 * (dy[0] + dy[1]), 0.5 * (dy[0] - dy[1]), dy[1]);
//# else
  let even = dy[0] + dy[2];
  let odd = dy[1] + dy[3];
  let far_even = 0.25 * dy[0] + dy[2];
  let far_odd = 0.5 * dy[1] + 2.0 * dy[3];
  let sixth = 1.0 / 6.0;
  return Side(
    0.25 * dy[0],
    -sixth * (even + odd),
    -sixth * (even - odd),
    sixth * (far_even + far_odd),
    sixth * (far_even - far_odd),
    dy[3],
  );
//# end
}

// Cᵀ · m
fn transform_weights(m: Side) -> Taps {
//# if TILE == 2
  let near_sum = m[1] + m[2];
  return Taps(m[0] + near_sum, m[1] - m[2], near_sum - m[3]);
//# else
  let near_sum = m[1] + m[2];
  let far_sum = m[3] + m[4];
  return Taps(m[0] + near_sum + far_sum, (m[1] - m[2]) + 2.0 * (m[3] - m[4]), near_sum + 4.0 * far_sum + m[5]);
//# end
}

// What a pass of a Fourier transform reads at a position of a line of an item, by SOURCE. Functions only, for fft_access.wgsl.
//   complex   what the pass before has left
//   image     (rows, forward) two rows of the item's tile or image; 0 outside of it
//   pairs     (columns, forward) columns of the half spectrum, out of transformed pairs of rows: one rounding more
//   spectrum  (columns, inverse) a real and an imaginary part at places of their own
//   product   (columns, inverse) Σ of `terms` products of two spectra, in their order: so small a matrix product that it needs no
//             pass of its own; terms · radix ≤ 60,000 is up to the host
//   merged    (rows, inverse) a pair of rows, out of the columns of the half spectrum: one rounding more

// A NaN in both parts, so that it reaches both parts of whatever it is added to.
fn spread_nan(z: vec2f) -> vec2f {
  return vec2f(select(z.x, z.y, is_nan(z.y)), select(z.y, z.x, is_nan(z.x)));
}

fn load(line: u32, position: u32, item: u32) -> vec2f {
//# if SOURCE == complex
  return source[index_of(line, position, item)];
//# end
//# if SOURCE == image
  let tile = item / u.inner % u.tiles;
  let column = place_w(position, tile % u.tiles_w);
  let even = place_h(2u * line, tile / u.tiles_w);
  let odd = place_h(2u * line + 1u, tile / u.tiles_w);
  let plane = plane_of(item) + u32(max(column, 0));
  let real = source[plane + u32(max(even, 0)) * u.size_w];
  let imaginary = source[plane + u32(max(odd, 0)) * u.size_w];
  let inside = column >= 0;
  return spread_nan(vec2f(select(0.0, real, inside && even >= 0), select(0.0, imaginary, inside && odd >= 0)));
//# end
//# if SOURCE == pairs
  // With the transform Z of rows a + ib: A[v] = (Z[v] + Z*[-v]) / 2, B[v] = (Z[v] - Z*[-v]) / 2i.
  if (position >= u.rows) {
    return vec2f(0.0);
  }
  let row = position / 2u * u.width;
  let mirrored = select(u.width - line, 0u, line == 0u);
  let a = source[(row + line) * u.items + item];
  let b = source[(row + mirrored) * u.items + item];
  let even = vec2f(a.x + b.x, a.y - b.y);
  let odd = vec2f(a.y + b.y, b.x - a.x);
  return 0.5 * select(even, odd, position % 2u == 1u);
//# end
//# if SOURCE == merged
  let mirrored = position >= u.half;
  let column = select(position, u.length - position, mirrored);
  let row = 2u * line;
  let paired = row + 1u < u.rows;
  var a = source[(row * u.half + column) * u.items + item];
  var b = source[(select(0u, row + 1u, paired) * u.half + column) * u.items + item];
  b = select(vec2f(0.0), b, paired);
  // What is its own mirror image is real.
  if (column == 0u || 2u * column == u.length) {
    a.y = 0.0;
    b.y = 0.0;
  }
  let conjugate = select(1.0, -1.0, mirrored);
  return vec2f(a.x - conjugate * b.y, conjugate * a.y + b.x);
//# end
//# if SOURCE == spectrum
  let at = spectrum_a(line, position, item);
  return spread_nan(vec2f(source[at], source[at + u.imaginary_step_a]));
//# end
//# if SOURCE == product
  var at_a = spectrum_a(line, position, item);
  var at_b = spectrum_b(line, position, item);
  var total = vec2f(0.0);
  for (var term = 0u; term < u.terms; term++) {
    let a = vec2f(source[at_a], source[at_a + u.imaginary_step_a]);
    let b = vec2f(other[at_b], other[at_b + u.imaginary_step_b]);
    total += multiply(a, b);
    at_a += u.term_step_a;
    at_b += u.term_step_b;
  }
  return total;
//# end
}

// What a pass of a Fourier transform does with a number of its result, by TARGET. Functions only, for fft_access.wgsl.
//   complex   kept for the next pass, at positions below `kept`
//   spectrum  real and imaginary part at places of their own; with DOUBLE both a second time, the imaginary part with the other
//             sign: the real matrix of a complex one
//   image     activation(scale · value + bias): two rows of the item's tile or image; outside of it nothing

fn store(line: u32, position: u32, item: u32, value: vec2f) {
//# if TARGET == complex
  if (position < u.kept) {
    result[index_of(line, position, item)] = value;
  }
//# end
//# if TARGET == spectrum
  let at = spectrum_a(line, position, item);
  result[at] = value.x;
  result[at + u.imaginary_step_a] = u.sign * value.y;
//# if DOUBLE
  result[at + u.second_real_step] = value.x;
  result[at + u.minus_step] = -u.sign * value.y;
//# end
//# end
//# if TARGET == image
  let tile = item / u.inner % u.tiles;
  let column = place_w(position, tile % u.tiles_w);
  if (column < 0) {
    return;
  }
//# if BIAS
  let offset = bias[item % u.inner];
//# else
  let offset = 0.0;
//# end
  let plane = plane_of(item) + u32(column);
  let even = place_h(2u * line, tile / u.tiles_w);
  if (even >= 0) {
    let at = plane + u32(even) * u.size_w;
    result[at] = finish(at, u.scale * value.x + offset);
  }
  let odd = place_h(2u * line + 1u, tile / u.tiles_w);
  if (odd >= 0) {
    let at = plane + u32(odd) * u.size_w;
    result[at] = finish(at, u.scale * value.y + offset);
  }
//# end
}

// The values of one channel of a tensor (rows, channels, area), in a line: value j lies in row j / area, at j % area.
// VECTOR: area is a multiple of 4, and a value is a vec4. Functions only; the kernel's Uniforms have the fields that are
// used here. No division from one value to the next: they are slow on software adapters.

//# if VECTOR
alias Value = vec4f;
//# else
alias Value = f32;
//# end

struct Place {
  at: u32, // in the tensor
  position: u32, // in the row
}

fn place_of(channel: u32, j: u32) -> Place {
  let row = j / u.area;
  let position = j - row * u.area;
  return Place((row * u.channels + channel) * u.area + position, position);
}

// LANES values further, over the end of a row if need be: u.step_position = LANES % area,
// u.step_at = LANES / area · channels · area + step_position, u.skip = (channels - 1) · area.
fn next_place(place: Place) -> Place {
  let position = place.position + u.step_position;
  let over = position >= u.area;
  let at = place.at + u.step_at + select(0u, u.skip, over);
  return Place(at, position - select(0u, u.area, over));
}

fn sum_of(value: Value) -> f32 {
//# if VECTOR
  return (value.x + value.y) + (value.z + value.w);
//# else
  return value;
//# end
}

// Threefry-2x32 with 20 rounds: two random words from a key and a counter, the same as in src/random.ts.
// Functions only. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

fn threefry_round(x: vec2u, rotation: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

fn threefry_even(x: vec2u) -> vec2u {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 13u), 15u), 26u), 6u);
}

fn threefry_odd(x: vec2u) -> vec2u {
  return threefry_round(threefry_round(threefry_round(threefry_round(x, 17u), 29u), 16u), 24u);
}

fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  var x = counter + key;
  x = threefry_even(x) + vec2u(key.y, third + 1u);
  x = threefry_odd(x) + vec2u(third, key.x + 2u);
  x = threefry_even(x) + vec2u(key.x, key.y + 3u);
  x = threefry_odd(x) + vec2u(key.y, third + 4u);
  return threefry_even(x) + vec2u(third, key.x + 5u);
}

// Uniform on [0, 1), a multiple of 2^-24.
fn unit_interval(word: u32) -> f32 {
  return f32(word >> 8u) * 0x1p-24;
}

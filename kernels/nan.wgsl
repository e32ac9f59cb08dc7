// NaN by its bits: compilers may take `x != x` for false. Functions only.

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

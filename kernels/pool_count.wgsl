// The number of elements that the average over a window is divided by: those that exist, or (COUNT_PADDING) also the padding,
// but nothing beyond it. Functions only; a pooling kernel's text, with u, follows this one.

//# if COUNT_PADDING
fn extent(first: i32, k: u32, pad: i32, size: u32, after: i32) -> i32 {
  return min(first + i32(k), i32(size) + after) - max(first, -pad);
}
//# else
fn extent(first: i32, k: u32, pad: i32, size: u32, after: i32) -> i32 {
  return min(first + i32(k), i32(size)) - max(first, 0);
}
//# end

fn window_count(d: i32, h: i32, w: i32) -> f32 {
  return f32(extent(d, u.k_d, u.pad_d, u.in_d, u.after_d) * extent(h, u.k_h, u.pad_h, u.in_h, u.after_h)
    * extent(w, u.k_w, u.pad_w, u.in_w, u.after_w));
}

// Inputs of a Winograd convolution: V[position] = (Bᵀ · d · B)[position], for every channel and every tile d of SIDE × SIDE inputs.
//
// x (images, channels, in_h, in_w) f32 → transformed (SIDE², channels, padded) f32; tiles of the images from `first` on are numbered
// in the order (image, row, column), and what lies behind the last of them is not written.
// Tile (row, column) begins at input (TILE · row - pad_h, TILE · column - pad_w); inputs outside are 0: positions are clamped,
// values selected.
// One invocation of 64 for each channel and tile, flat workgroup index, tiles fastest. No loop.
// Error of an element: 2 · (roundings of Bᵀ) · 2⁻²⁴ · (|Bᵀ| · |d| · |B|).

struct Uniforms {
  length: u32, // channels · tiles
  first: u32,
  channels: u32,
  in_h: u32, in_w: u32,
  tiles: u32, // of all images
  tiles_h: u32, tiles_w: u32, // of an image
  padded: u32,
  pad_h: i32, pad_w: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> transformed: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.length) {
    return;
  }
  let tile = i % u.tiles;
  let channel = i / u.tiles;
  let image = u.first + tile / (u.tiles_h * u.tiles_w);
  let top = i32(tile / u.tiles_w % u.tiles_h * ${TILE}u) - u.pad_h;
  let left = i32(tile % u.tiles_w * ${TILE}u) - u.pad_w;
  let begin = (image * u.channels + channel) * u.in_h * u.in_w;
//# for c in 0..SIDE
  let inside_${c} = u32(left + ${c}) < u.in_w;
  let at_${c} = u32(clamp(left + ${c}, 0, i32(u.in_w) - 1));
//# end
//# for r in 0..SIDE
  let exists_${r} = u32(top + ${r}) < u.in_h;
  let begin_${r} = begin + u32(clamp(top + ${r}, 0, i32(u.in_h) - 1)) * u.in_w;
  let row_${r} = transform_input(Side(
//# for c in 0..SIDE
    select(0.0, x[begin_${r} + at_${c}], exists_${r} && inside_${c}),
//# end
  ));
//# end
  let plane = u.channels * u.padded;
  let at = channel * u.padded + tile;
//# for c in 0..SIDE
  let column_${c} = transform_input(Side(
//# for r in 0..SIDE
    row_${r}[${c}],
//# end
  ));
//# for r in 0..SIDE
  transformed[${r*SIDE+c}u * plane + at] = column_${c}[${r}];
//# end
//# end
}

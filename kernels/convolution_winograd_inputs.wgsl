// Inputs of a Winograd convolution, V[position] = (Bᵀ · d · B)[position], for every channel and every tile d of SIDE × SIDE inputs;
// or if GRADIENT, (E · d · Eᵀ)[position] for every tile d of TILE × TILE elements of dy.
//
// x (images, channels, in_h, in_w) f32 → transformed (SIDE², channels, quads · 4) f32; tiles of the images from `first` on are numbered
// in the order (image, row, column), filled up with zeros to a multiple of 4.
// Tile (row, column) begins at input (TILE · row - pad_h, TILE · column - pad_w); inputs outside are 0: positions are clamped,
// values selected.
// One invocation of 64 for each channel and four tiles, flat workgroup index, tiles fastest. No loop.
// ADJACENT: tiles_w is a multiple of 4, so the four are neighbours in a row, and what they share of it is loaded once.
// Error of an element: 2 · (roundings of Bᵀ or E) · 2⁻²⁴ · (|Bᵀ| · |d| · |B|).

//# if GRADIENT
alias Loaded = Tile;

fn transform(dy: Tile) -> Side {
  return transform_gradient(dy);
}
//# else
alias Loaded = Side;

fn transform(d: Side) -> Side {
  return transform_input(d);
}
//# end

struct Uniforms {
  quads: u32, // fours of tiles of all images
  channels: u32,
  first: u32,
  in_h: u32, in_w: u32,
  tiles: u32, // of all images
  tiles_h: u32, tiles_w: u32, // of an image
  pad_h: i32, pad_w: i32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> transformed: array<vec4f>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  let channel = i / u.quads;
  if (channel >= u.channels) {
    return;
  }
  let quad = i % u.quads;
//# for s in 0..TILES_LOADED
  let real_${s} = 4u * quad + ${s}u < u.tiles;
  let tile_${s} = min(4u * quad + ${s}u, u.tiles - 1u);
  let row_of_tiles_${s} = tile_${s} / u.tiles_w;
  let left_${s} = i32((tile_${s} - row_of_tiles_${s} * u.tiles_w) * ${TILE}u) - u.pad_w;
  let image_${s} = row_of_tiles_${s} / u.tiles_h;
  let top_${s} = i32((row_of_tiles_${s} - image_${s} * u.tiles_h) * ${TILE}u) - u.pad_h;
  let begin_${s} = ((u.first + image_${s}) * u.channels + channel) * u.in_h * u.in_w;
//# for c in 0..SPAN
  let inside_${s}_${c} = u32(left_${s} + ${c}) < u.in_w;
  let at_${s}_${c} = u32(clamp(left_${s} + ${c}, 0, i32(u.in_w) - 1));
//# end
//# end
//# for r in 0..LOADED
//# for s in 0..TILES_LOADED
  let exists_${s}_${r} = u32(top_${s} + ${r}) < u.in_h && real_${s};
  let begin_${s}_${r} = begin_${s} + u32(clamp(top_${s} + ${r}, 0, i32(u.in_h) - 1)) * u.in_w;
//# for c in 0..SPAN
  let x_${s}_${r}_${c} = select(0.0, x[begin_${s}_${r} + at_${s}_${c}], exists_${s}_${r} && inside_${s}_${c});
//# end
//# end
  let row_${r} = transform(Loaded(
//# for c in 0..LOADED
//# if ADJACENT
    vec4f(x_0_${r}_${c}, x_0_${r}_${c+TILE}, x_0_${r}_${c+2*TILE}, x_0_${r}_${c+3*TILE}),
//# else
    vec4f(x_0_${r}_${c}, x_1_${r}_${c}, x_2_${r}_${c}, x_3_${r}_${c}),
//# end
//# end
  ));
//# end
  let plane = u.channels * u.quads;
//# for c in 0..SIDE
  let column_${c} = transform(Loaded(
//# for r in 0..LOADED
    row_${r}[${c}],
//# end
  ));
//# for r in 0..SIDE
  transformed[${r*SIDE+c}u * plane + i] = column_${c}[${r}];
//# end
//# end
}

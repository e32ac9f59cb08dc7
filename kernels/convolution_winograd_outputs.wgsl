// Outputs of a Winograd convolution: y = activation(bias + Aᵀ · M · A), for every filter and tile of SIDE × SIDE products.
//
// products (SIDE², groups, rows, padded) f32, tiles last; bias (filters) → y (images, filters, out_h, out_w) f32, where images from
// `first` on are written, and of the tiles at the edges, what exists.
// One invocation of 64 for each filter and tile, flat workgroup index, tiles fastest. No loop.
// Error: (2 · (roundings of Aᵀ) + 1) · 2⁻²⁴ · (|bias| + |Aᵀ| · |M| · |A|), and that of the activation.

struct Uniforms {
  length: u32, // filters · tiles
  first: u32,
  filters: u32, // of all groups
  group_filters: u32, // of a group
  rows: u32, // of a group, with those that were filled up
  groups: u32,
  out_h: u32, out_w: u32,
  tiles: u32, // of all images
  tiles_h: u32, tiles_w: u32, // of an image
  padded: u32,
}

@group(0) @binding(0) var<storage, read> products: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
//# end

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
  let filter_index = i / u.tiles;
  let group = filter_index / u.group_filters;
  let row = group * u.rows + filter_index % u.group_filters;
  let plane = u.groups * u.rows * u.padded;
  let at = row * u.padded + tile;
//# for r in 0..SIDE
  let row_${r} = transform_output(Side(
//# for c in 0..SIDE
    products[${r*SIDE+c}u * plane + at],
//# end
  ));
//# end
//# for c in 0..TILE
  let column_${c} = transform_output(Side(
//# for r in 0..SIDE
    row_${r}[${c}],
//# end
  ));
//# end
  let image = u.first + tile / (u.tiles_h * u.tiles_w);
  let top = tile / u.tiles_w % u.tiles_h * ${TILE}u;
  let left = tile % u.tiles_w * ${TILE}u;
  let begin = ((image * u.filters + filter_index) * u.out_h + top) * u.out_w + left;
//# if BIAS
  let offset = bias[filter_index];
//# else
  let offset = 0.0;
//# end
//# for r in 0..TILE
  if (top + ${r}u < u.out_h) {
//# for c in 0..TILE
    if (left + ${c}u < u.out_w) {
      y[begin + ${r}u * u.out_w + ${c}u] = activate(column_${c}[${r}] + offset);
    }
//# end
  }
//# end
}

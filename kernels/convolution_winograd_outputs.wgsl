// Outputs of a Winograd convolution: y = activation(bias + Aᵀ · M · A), for every filter and tile of SIDE × SIDE products.
//
// products (SIDE², groups, rows, quads · 4) f32, tiles last; bias (filters) → y (images, filters, out_h, out_w) f32, where images
// from `first` on are written, and of the tiles at the edges, what exists.
// One invocation of 64 for each filter and four tiles, flat workgroup index, tiles fastest. No loop.
// Error: (2 · (roundings of Aᵀ) + 1) · 2⁻²⁴ · (|bias| + |Aᵀ| · |M| · |A|), and that of the activation.

struct Uniforms {
  quads: u32, // fours of tiles of all images
  filters: u32, // of all groups
  group_filters: u32, // of a group
  rows: u32, // of a group, with those that were filled up
  groups: u32,
  first: u32,
  out_h: u32, out_w: u32,
  tiles: u32, // of all images
  tiles_h: u32, tiles_w: u32, // of an image
}

@group(0) @binding(0) var<storage, read> products: array<vec4f>;
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
  let filter_index = i / u.quads;
  if (filter_index >= u.filters) {
    return;
  }
  let quad = i % u.quads;
  let group = filter_index / u.group_filters;
  let row = group * u.rows + filter_index % u.group_filters;
  let plane = u.groups * u.rows * u.quads;
  let at = row * u.quads + quad;
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
//# if BIAS
  let offset = bias[filter_index];
//# else
  let offset = 0.0;
//# end
//# for s in 0..4
  {
    let tile = 4u * quad + ${s}u;
    let row_of_tiles = tile / u.tiles_w;
    let left = (tile - row_of_tiles * u.tiles_w) * ${TILE}u;
    let image = row_of_tiles / u.tiles_h;
    let top = (row_of_tiles - image * u.tiles_h) * ${TILE}u;
    let begin = (((u.first + image) * u.filters + filter_index) * u.out_h + top) * u.out_w + left;
//# for r in 0..TILE
    if (tile < u.tiles && top + ${r}u < u.out_h) {
//# for c in 0..TILE
      if (left + ${c}u < u.out_w) {
        let to = begin + ${r}u * u.out_w + ${c}u;
        y[to] = finish(to, column_${c}[${r}][${s}] + offset);
      }
//# end
    }
//# end
  }
//# end
}

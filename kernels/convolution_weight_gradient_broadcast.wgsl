// Gradient of a convolution to its weights, by eight invocations that share the inputs they load: each loads an eighth of
// them, and subgroupBroadcast spreads them. For adapters where loads are dear, such as lavapipe, which loads lane by lane.
//   dw[part, f, c, t] = Σ_n Σ_o x[n, c, o · stride + t · dilation - pad] · dy[n, f, o], n and o in one part
//
// x (n, groups · channels, in_d, in_h, in_w), dy (n, groups · filters, out_d, out_h, out_w) f32 row-major;
// dw (parts, groups · filters, channels, k_d, k_h, TAPS) f32. The host adds up the parts.
// A line is a row of TAPS weights of a filter; a filter has channels · k_d · k_h of them. Invocation `lane` computes LINES lines
// of the filters 8 · f + lane, f < FILTERS, of its tile; it walks along the output rows of its part, COLUMNS outputs at a time.
// The products of a weight stand together, so that the sum is fetched and put back once for all of them.
// TEXTURE: x and dy lie in textures (texels.wgsl), with rows of whole texels, zeros behind the last column; in_w counts those of x.
// COLUMNS is COLUMN_TEXELS texels, so that a row ends with a block; UNITS texels cover the positions that a line reads, position p
// at element SHIFT + p.
// Workgroup: 8 invocations, which must lie in one subgroup; flat workgroup index, tiles of filters fastest. Filters and lines
// beyond the last are computed like the last, since every invocation takes part in the broadcasts, and not stored.
// Inputs outside are 0, and so are outputs beyond the end of a row. No loop runs beyond rows of a part · (blocks + 1) trips
// (≤ 60,000, checked by the host). Order of summation: rows, columns. Error ≤ (outputs of a part + 4) · 2⁻²⁴ · Σ|x||dy|.

struct Uniforms {
  first: u32, // image
  parts: u32,
  part_rows: u32, // output rows (n, d, h) of a part
  rows: u32, // of all
  row_tiles: u32, // of 8 · FILTERS filters
  line_tiles: u32, // of LINES lines
  groups: u32,
  channels: u32, // of a group
  filters: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32, // of x, or of its texels
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32,
  stride_d: u32, stride_h: u32,
  dilation_d: u32, dilation_h: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
}

//# if TEXTURE
@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
//# end
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
  let tile = flat % u.row_tiles;
  let group = (flat / u.row_tiles) % u.groups;
  let first_line = (flat / (u.row_tiles * u.groups)) % u.line_tiles * ${LINES}u;
  let part = flat / (u.row_tiles * u.groups * u.line_tiles);
  if (part >= u.parts) {
    return; // a superfluous workgroup of the fold; all its invocations leave, as broadcasts ask for
  }
  let lines = u.channels * u.k_d * u.k_h;
  // Input i of a step, number (or texel) i % UNITS of line i / UNITS, is loaded by invocation i % 8.
//# if TEXTURE
  let pad = (u.pad_w + ${SHIFT}) / 4; // without a remainder
//# else
  let pad = u.pad_w;
//# end
//# for j in 0..LOADS
  let line_${j} = min(first_line + (${8*j}u + lane) / ${UNITS}u, lines - 1u);
  let position_${j} = i32((${8*j}u + lane) % ${UNITS}u) - pad;
  let channel_${j} = line_${j} / (u.k_d * u.k_h);
  let tap_depth_${j} = i32(line_${j} / u.k_h % u.k_d * u.dilation_d) - u.pad_d;
  let tap_row_${j} = i32(line_${j} % u.k_h * u.dilation_h) - u.pad_h;
//# end
//# for f in 0..FILTERS
  let filter_${f} = (tile * ${FILTERS}u + ${f}u) * 8u + lane;
//# for q in 0..LINES
//# for k in 0..TAPS
  var w_${f}_${q}_${k} = 0.0;
//# end
//# end
//# end
//# if TEXTURE
  let last = i32(u.in_w);
//# else
  // Inputs that only outputs beyond the row would meet must not spread a NaN.
  let last = min(i32(u.in_w), i32((u.out_w - 1u) * ${STRIDE}u + ${TAPS}u * ${DILATION}u) - u.pad_w);
//# end
  let row_end = min((part + 1u) * u.part_rows, u.rows);
  for (var r = part * u.part_rows; r < row_end; r++) {
    let out_row = r % u.out_h;
    let out_depth = r / u.out_h % u.out_d;
    let n = u.first + r / (u.out_h * u.out_d);
//# for j in 0..LOADS
    let depth_${j} = u32(i32(out_depth * u.stride_d) + tap_depth_${j});
    let row_${j} = u32(i32(out_row * u.stride_h) + tap_row_${j});
    let exists_${j} = depth_${j} < u.in_d && row_${j} < u.in_h;
    let plane_${j} = ((n * u.groups + group) * u.channels + channel_${j}) * u.in_d + select(0u, depth_${j}, exists_${j});
    let begin_${j} = (plane_${j} * u.in_h + select(0u, row_${j}, exists_${j})) * u.in_w;
//# end
//# for f in 0..FILTERS
    let image_${f} = (n * u.groups + group) * u.filters + min(filter_${f}, u.filters - 1u);
//# if TEXTURE
    let dy_row_${f} = ((image_${f} * u.out_d + out_depth) * u.out_h + out_row) * ((u.out_w + 3u) / 4u);
//# else
    let dy_row_${f} = ((image_${f} * u.out_d + out_depth) * u.out_h + out_row) * u.out_w;
//# end
//# end
    for (var column = 0u; column < u.out_w; column += ${COLUMNS}u) {
//# if TEXTURE
//# for f in 0..FILTERS
//# for d in 0..COLUMN_TEXELS
      let texel_dy_${f}_${d} = textureLoad(dy, texel(dy_row_${f} + column / 4u + ${d}u));
//# for i in 0..4
      let dy_${f}_${4*d+i} = texel_dy_${f}_${d}[${i}];
//# end
//# end
//# end
      let in_column = i32(column * ${STRIDE}u / 4u);
//# else
//# for f in 0..FILTERS
//# for c in 0..COLUMNS
      let dy_${f}_${c} = select(0.0, dy[dy_row_${f} + min(column + ${c}u, u.out_w - 1u)], column + ${c}u < u.out_w);
//# end
//# end
      let in_column = i32(column * ${STRIDE}u);
//# end
//# for j in 0..LOADS
      let at_${j} = in_column + position_${j};
      let inside_${j} = exists_${j} && at_${j} >= 0 && at_${j} < last;
      let source_${j} = begin_${j} + u32(clamp(at_${j}, 0, i32(u.in_w) - 1));
//# if TEXTURE
      let loaded_${j} = select(vec4f(), textureLoad(x, texel(source_${j})), inside_${j});
//# else
      let loaded_${j} = select(0.0, x[source_${j}], inside_${j});
//# end
//# end
//# for j in 0..LOADS
//# for e in 0..8
//# if TEXTURE
      let texel_${8*j+e} = subgroupBroadcast(loaded_${j}, ${e}u);
//# for i in 0..4
      let x_${32*j+4*e+i} = texel_${8*j+e}[${i}];
//# end
//# else
      let x_${8*j+e} = subgroupBroadcast(loaded_${j}, ${e}u);
//# end
//# end
//# end
//# for q in 0..LINES
//# for k in 0..TAPS
//# for f in 0..FILTERS
//# for c in 0..COLUMNS
      w_${f}_${q}_${k} += dy_${f}_${c} * x_${q*LINE+SHIFT+c*STRIDE+k*DILATION};
//# end
//# end
//# end
//# end
    }
  }
//# for f in 0..FILTERS
  if (filter_${f} < u.filters) {
    let begin = (((part * u.groups + group) * u.filters + filter_${f}) * lines + first_line) * ${TAPS}u;
//# for q in 0..LINES
    if (first_line + ${q}u < lines) {
//# for k in 0..TAPS
      dw[begin + ${q*TAPS+k}u] = w_${f}_${q}_${k};
//# end
    }
//# end
  }
//# end
}

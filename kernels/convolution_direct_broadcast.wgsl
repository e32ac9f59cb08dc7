// Convolution as in convolution_direct.wgsl, by eight invocations that share the weights they load: each loads an eighth of
// them, and subgroupBroadcast spreads them. For adapters where loads are dear, such as lavapipe, which loads lane by lane.
//   y[n, f, o] = activation(bias[f] + Σ_c Σ_t x[n, c, o · stride + t · dilation - pad] · w[f, c, t])
//
// x, y, bias as in convolution_direct.wgsl; weight packed (group, channel, k_d, k_h, TAPS, filters padded to FILTERS · row_tiles)
// by convolution_pack.wgsl. NARROW: a group has fewer than 8 filters, FILTERS of them, and they are not padded.
// An invocation computes FILTERS × ROWS × COLUMNS outputs. It takes TAP_ROWS rows of taps of a channel at a time, one or all (1
// stands for k_h in tap_blocks then); ROWS or TAP_ROWS other than 1 ask for a stride and a dilation of 1 along the height.
// The taps of a sum stand together, so that it is fetched and put back once for all: few of the sums are in registers.
// TEXTURE: x lies in a texture (texels.wgsl), in_w counts its texels: rows are whole texels, with zeros behind the last column, and
// blocks begin where a texel would, unless one takes all of a row. The texels 0..TEXELS of a block cover the positions it reads,
// position p at element SHIFT + p; FIRST..LAST of them may lie inside.
// STORE neighbours of a row are stored at once: 1, or 2 or 4 where the columns and the rows of y are multiples of that.
// Workgroup: 8 invocations, which must lie in one subgroup; flat workgroup index, filters fastest. Items beyond the last are
// computed like the last, since every invocation takes part in the broadcasts, and not stored.
// Inputs outside are 0: positions are clamped, values selected. No loop runs beyond channels · k_d · k_h trips (≤ 60,000,
// checked by the host). Order of summation: channel, depth, height, width. Error ≤ (K + 4) · 2⁻²⁴ · Σ|x||w|, K its length.

struct Uniforms {
  blocks: u32, // blocks of COLUMNS outputs in a row
  row_blocks: u32, // blocks of ROWS rows
  items: u32, // n · grid_d · row_blocks · blocks
  row_tiles: u32,
  groups: u32,
  channels: u32, // of a group
  filters: u32, // of a group
  in_d: u32, in_h: u32, in_w: u32, // of x, or of its texels
  grid_d: u32, grid_h: u32, grid_w: u32, // outputs that are computed; those beyond lie outside of y
  out_d: u32, out_h: u32, out_w: u32, // outputs that exist
  k_d: u32,
  tap_blocks: u32, // blocks of TAP_ROWS rows of taps
  stride_d: u32, stride_h: u32,
  dilation_d: u32, dilation_h: u32,
  pad_d: i32, pad_h: i32, pad_w: i32, // before
  out_step_d: u32, out_step_h: u32, out_step_w: u32,
  out_first_d: i32, out_first_h: i32, out_first_w: i32,
}

//# if TEXTURE
@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(0) var<storage, read> x: array<f32>;
//# end
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
  let tile = flat % u.row_tiles;
  let group = (flat / u.row_tiles) % u.groups;
  let first_item = flat / (u.row_tiles * u.groups) * 8u;
  if (first_item >= u.items) {
    return; // a superfluous workgroup of the fold; all its invocations leave, as broadcasts ask for
  }
  let real = first_item + lane < u.items;
  let item = min(first_item + lane, u.items - 1u);
  let column = item % u.blocks * ${COLUMNS}u;
  let row = item / u.blocks % u.row_blocks * ${ROWS}u;
  let depth = item / (u.blocks * u.row_blocks) % u.grid_d;
  let n = item / (u.blocks * u.row_blocks * u.grid_d);
  let in_row = i32(row * u.stride_h) - u.pad_h;
  let in_depth = i32(depth * u.stride_d) - u.pad_d;
  let in_column = i32(column * ${STRIDE}u) - u.pad_w;
//# for f in 0..FILTERS
//# for r in 0..ROWS
//# for c in 0..COLUMNS
  var y_${f}_${r}_${c} = 0.0;
//# end
//# end
//# end
  // The positions of an input row that the block reads, or the texels, and whether they exist.
//# if TEXTURE
  let first = (in_column - ${SHIFT}) / 4; // without a remainder
//# else
  let first = in_column;
//# end
//# for p in FIRST..LAST
  let inside_${p} = u32(first + ${p}) < u.in_w;
  let at_${p} = u32(clamp(first + ${p}, 0, i32(u.in_w) - 1));
//# end
  let padded = u.row_tiles * ${FILTERS}u;
  var w_at = group * u.channels * u.k_d * u.tap_blocks * ${BLOCK_TAPS}u * padded + tile * ${FILTERS}u;
  let image = u.in_d * u.in_h * u.in_w;
  var plane = (n * u.groups + group) * u.channels * image;
  for (var c = 0u; c < u.channels; c++) {
    for (var t = 0u; t < u.k_d * u.tap_blocks; t++) {
//# if VOLUME
      let d = u32(in_depth + i32(t / u.tap_blocks * u.dilation_d));
      let first_row = in_row + i32(t % u.tap_blocks * u.dilation_h);
//# else
      let first_row = in_row + i32(t * u.dilation_h);
//# end
//# for q in 0..INPUT_ROWS
      let h_${q} = u32(first_row + ${q});
//# if VOLUME
      let exists_${q} = d < u.in_d && h_${q} < u.in_h;
      let begin_${q} = plane + select(0u, (d * u.in_h + h_${q}) * u.in_w, exists_${q});
//# else
      let exists_${q} = h_${q} < u.in_h;
      let begin_${q} = plane + select(0u, h_${q} * u.in_w, exists_${q});
//# end
//# if TEXTURE
//# for p in FIRST..LAST
      let texel_${q}_${p} = select(vec4f(), textureLoad(x, texel(begin_${q} + at_${p})), exists_${q} && inside_${p});
//# end
//# for e in 0..4
//# for p in 0..FIRST
      let x_${q}_${4*p+e} = 0.0;
//# end
//# for p in FIRST..LAST
      let x_${q}_${4*p+e} = texel_${q}_${p}[${e}];
//# end
//# for p in LAST..TEXELS
      let x_${q}_${4*p+e} = 0.0;
//# end
//# end
//# else
//# for p in FIRST..LAST
      let x_${q}_${p} = select(0.0, x[begin_${q} + at_${p}], exists_${q} && inside_${p});
//# end
//# end
//# end
//# if NARROW
      // Weight i of the block, of filter i % FILTERS, is loaded by invocation i % 8.
//# for j in 0..LOADS
      let part_${j} = weight[w_at + min(${8*j}u + lane, ${BLOCK_TAPS*FILTERS}u - 1u)];
//# for e in 0..8
      let weight_${8*j+e} = subgroupBroadcast(part_${j}, ${e}u);
//# end
//# end
//# for f in 0..FILTERS
//# for r in 0..ROWS
//# for c in 0..COLUMNS
//# for i in 0..TAP_ROWS
//# for k in 0..TAPS
      y_${f}_${r}_${c} += weight_${i*TAPS*FILTERS+k*FILTERS+f} * x_${r+i}_${SHIFT+c*STRIDE+k*DILATION};
//# end
//# end
//# end
//# end
//# end
//# else
//# for g in 0..FILTER_GROUPS
      {
        // Eight filters; invocation `lane` loads the weights of filter `lane` of them.
//# for k in 0..BLOCK_TAPS
        let part_${k} = weight[w_at + ${k}u * padded + ${8*g}u + lane];
//# end
//# for e in 0..8
        {
//# for k in 0..BLOCK_TAPS
          let weight_${k} = subgroupBroadcast(part_${k}, ${e}u);
//# end
//# for r in 0..ROWS
//# for c in 0..COLUMNS
//# for i in 0..TAP_ROWS
//# for k in 0..TAPS
          y_${8*g+e}_${r}_${c} += weight_${i*TAPS+k} * x_${r+i}_${SHIFT+c*STRIDE+k*DILATION};
//# end
//# end
//# end
//# end
        }
//# end
      }
//# end
//# end
      w_at += ${BLOCK_TAPS}u * padded;
    }
    plane += image;
  }
//# if SCATTER
  let out_depth = i32(depth * u.out_step_d) + u.out_first_d;
//# else
  let out_depth = i32(depth);
//# end
  if (!real || u32(out_depth) >= u.out_d) {
    return;
  }
  let out_image = u.out_d * u.out_h * u.out_w;
//# for f in 0..FILTERS
  if (tile * ${FILTERS}u + ${f}u < u.filters) {
    let filter_index = group * u.filters + tile * ${FILTERS}u + ${f}u;
//# if BIAS
    let offset = bias[filter_index];
//# else
    let offset = 0.0;
//# end
    let begin = (n * u.groups * u.filters + filter_index) * out_image + u32(out_depth) * u.out_h * u.out_w;
//# for r in 0..ROWS
    {
//# if SCATTER
      let out_row = i32((row + ${r}u) * u.out_step_h) + u.out_first_h;
//# else
      let out_row = i32(row + ${r}u);
//# end
      if (u32(out_row) < u.out_h) {
        let line = begin + u32(out_row) * u.out_w;
//# if SCATTER
//# for c in 0..COLUMNS
        {
          let at = i32((column + ${c}u) * u.out_step_w) + u.out_first_w;
          if (u32(at) < u.out_w) {
            y[line + u32(at)] = finish(line + u32(at), y_${f}_${r}_${c} + offset);
          }
        }
//# end
//# else
//# for s in 0..STORES
        if (column + ${s*STORE}u < u.out_w) {
          let to = (line + column) / ${STORE}u + ${s}u;
          y[to] = finish(to, Stored(
//# for i in 0..STORE
            y_${f}_${r}_${s*STORE+i} + offset,
//# end
          ));
        }
//# end
//# end
      }
    }
//# end
  }
//# end
}

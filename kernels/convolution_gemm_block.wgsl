// Convolution as an implicit matrix product with a block of each operand in workgroup memory: for real GPUs.
//
// x, weight, bias, y and the sum as in convolution_gemm_register.wgsl; filters padded to 4 · ROW_GROUPS · row_tiles of that file are
// here padded to BLOCK_M · row_tiles. A workgroup of THREADS_M × THREADS_N invocations computes BLOCK_M = 4·ROW_GROUPS·THREADS_M
// filters × BLOCK_N = 4·COLUMN_GROUPS·THREADS_N outputs that follow one another in the order (n, d, h, w), DEPTH products at a
// time (a multiple of 4); workgroup memory (BLOCK_M + BLOCK_N) · DEPTH · 4 B. Flat workgroup index, filters fastest.
// The host computes BLOCK_M, BLOCK_N, THREADS and LOADS_A, LOADS_B (vec4s that each invocation brings).
// What lies beyond the products is loaded as zero, stores are guarded. No loop runs beyond K / DEPTH + 1 trips (≤ 60,000).
// Order of summation: taps, channels. Error ≤ (K + DEPTH + 4) · 2⁻²⁴ · Σ|x||w|, K the number of products.

struct Uniforms {
  outputs: u32, // images · grid
  first: u32, // image of y; x begins with it
  row_tiles: u32,
  column_tiles: u32,
  groups: u32,
  channels: u32, // of a group, in vec4s
  filters: u32, // of a group
  ext_d: u32, ext_h: u32, ext_w: u32,
  begin_d: u32, begin_h: u32, begin_w: u32, // where in x the first output begins
  grid_d: u32, grid_h: u32, grid_w: u32, // outputs that are computed
  out_d: u32, out_h: u32, out_w: u32, // outputs that exist
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
  out_step_d: u32, out_step_h: u32, out_step_w: u32,
  out_first_d: u32, out_first_h: u32, out_first_w: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;
//# if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//# end

// [product][vec4 of filters] and [product][vec4 of outputs]
var<workgroup> a_block: array<vec4f, ${DEPTH} * ${BLOCK_M} / 4>;
var<workgroup> b_block: array<vec4f, ${DEPTH} * ${BLOCK_N} / 4>;

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = workgroup.y * workgroups.x + workgroup.x;
  let tile_m = flat % u.row_tiles;
  let group = (flat / u.row_tiles) % u.groups;
  let tile_n = flat / (u.row_tiles * u.groups);
  if (tile_n >= u.column_tiles) {
    return; // a superfluous workgroup of the fold; all its invocations leave, so the barriers below stay legal
  }
  let block_output = tile_n * ${BLOCK_N}u;
  let lane_n = lane % ${THREADS_N}u;
  let lane_m = lane / ${THREADS_N}u;
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
  var y_${g}_${r}_${h} = vec4f(0.0);
//# end
//# end
//# end
//# for l in 0..LOADS_B
  let slot_${l} = lane + ${l}u * ${THREADS}u;
  let output_${l} = slot_${l} / (${DEPTH}u / 4u);
  let quad_${l} = slot_${l} % (${DEPTH}u / 4u);
  let x_at_${l} = input_of(min(block_output + output_${l}, u.outputs - 1u), group);
//# end
  let row = u.row_tiles * (${BLOCK_M}u / 4u);
  let quads = u.k_d * u.k_h * u.k_w * u.channels; // vec4s of products
  for (var k = 0u; k < quads; k += ${DEPTH}u / 4u) {
//# for l in 0..LOADS_A
    {
      let slot = lane + ${l}u * ${THREADS}u;
      let product = 4u * k + slot / (${BLOCK_M}u / 4u);
      let at = (group * quads * 4u + product) * row + tile_m * (${BLOCK_M}u / 4u) + slot % (${BLOCK_M}u / 4u);
      var w = vec4f(0.0);
      if (product < 4u * quads) { w = weight[at]; }
      a_block[slot] = w;
    }
//# end
//# for l in 0..LOADS_B
    {
      let quad = k + quad_${l};
      let tap = quad / u.channels;
      let tap_h = tap / u.k_w % u.k_h * u.dilation_h;
      let tap_d = tap / (u.k_w * u.k_h) * u.dilation_d;
      let offset = (tap_d * u.ext_h + tap_h) * u.ext_w + tap % u.k_w * u.dilation_w;
      var four = vec4f(0.0);
      if (quad < quads) { four = x[x_at_${l} + offset * u.channels + quad % u.channels]; }
//# for i in 0..4
      b_block[(4u * quad_${l} + ${i}u) * (${BLOCK_N}u / 4u) + output_${l} / 4u][output_${l} % 4u] = four[${i}];
//# end
    }
//# end
    workgroupBarrier();
//# for i in 0..DEPTH
    {
//# for g in 0..ROW_GROUPS
      let w_${g} = a_block[${i}u * (${BLOCK_M}u / 4u) + ${g}u * ${THREADS_M}u + lane_m];
//# end
//# for h in 0..COLUMN_GROUPS
      let x_${h} = b_block[${i}u * (${BLOCK_N}u / 4u) + ${h}u * ${THREADS_N}u + lane_n];
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
      y_${g}_${r}_${h} += w_${g}[${r}] * x_${h};
//# end
//# end
//# end
    }
//# end
    workgroupBarrier();
  }
  let plane = u.out_d * u.out_h * u.out_w;
//# for h in 0..COLUMN_GROUPS
//# for s in 0..4
  let y_at_${h}_${s} = output_of(block_output + 4u * (${h}u * ${THREADS_N}u + lane_n) + ${s}u, group);
//# end
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
  {
    let f = tile_m * ${BLOCK_M}u + 4u * (${g}u * ${THREADS_M}u + lane_m) + ${r}u;
    if (f < u.filters) {
//# if BIAS
      let offset = bias[group * u.filters + f];
//# else
      let offset = 0.0;
//# end
//# for h in 0..COLUMN_GROUPS
//# for s in 0..4
      if (y_at_${h}_${s} != NOWHERE) {
        y[y_at_${h}_${s} + f * plane] = finish(y_at_${h}_${s} + f * plane, y_${g}_${r}_${h}[${s}] + offset);
      }
//# end
//# end
    }
  }
//# end
//# end
}

// Gradient of a convolution to its weights as an implicit matrix product with a block of each operand in workgroup memory: for
// real GPUs.
//
// x, dy, dw and the sum as in convolution_gemm_weights_register.wgsl, but channels padded to 4 · channel_quads and filters to
// BLOCK_M · row_tiles. A workgroup of THREADS_M × THREADS_N invocations computes BLOCK_M = 4·ROW_GROUPS·THREADS_M filters ×
// BLOCK_N = 4·COLUMN_GROUPS·THREADS_N pairs of tap and channel, DEPTH outputs at a time; workgroup memory
// (BLOCK_M + BLOCK_N) · DEPTH · 4 B. Flat workgroup index, filters fastest. The host computes BLOCK_M, BLOCK_N, THREADS and
// LOADS_A, LOADS_B (vec4s that each invocation brings).
// What lies beyond is loaded as zero, stores are guarded. No loop runs beyond chunk / DEPTH + 1 trips (≤ 60,000).
// Order of summation: outputs ascending. Error ≤ (chunk + DEPTH + 4) · 2⁻²⁴ · Σ|x||dy|.

struct Uniforms {
  outputs: u32, // images · output size: the sum
  chunk: u32, // outputs of a part, a multiple of DEPTH if there are several
  parts: u32,
  row_tiles: u32, // of filters in a group
  column_tiles: u32, // of taps · channels in a group
  groups: u32,
  channels: u32, // of a group
  channel_quads: u32, // the same in vec4s
  filters: u32, // of a group
  ext_d: u32, ext_h: u32, ext_w: u32,
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  dilation_d: u32, dilation_h: u32, dilation_w: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

// [output][vec4 of filters] and [output][vec4 of channels of a tap]
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
  let tile_n = (flat / (u.row_tiles * u.groups)) % u.column_tiles;
  let part = flat / (u.row_tiles * u.groups * u.column_tiles);
  if (part >= u.parts) {
    return; // a superfluous workgroup of the fold; all its invocations leave, so the barriers below stay legal
  }
  let lane_n = lane % ${THREADS_N}u;
  let lane_m = lane / ${THREADS_N}u;
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
  var w_${g}_${r}_${h} = vec4f(0.0);
//# end
//# end
//# end
  let taps = u.k_d * u.k_h * u.k_w;
  let columns = taps * u.channel_quads; // in vec4s
  // The tap and channels of each vec4 of x that this invocation brings.
//# for l in 0..LOADS_B
  let slot_${l} = lane + ${l}u * ${THREADS}u;
  let column_${l} = tile_n * (${BLOCK_N}u / 4u) + slot_${l} % (${BLOCK_N}u / 4u);
  let tap_${l} = column_${l} / u.channel_quads;
  let tap_w_${l} = tap_${l} % u.k_w * u.dilation_w;
  let tap_h_${l} = tap_${l} / u.k_w % u.k_h * u.dilation_h;
  let tap_d_${l} = tap_${l} / (u.k_w * u.k_h) * u.dilation_d;
//# end
  let area = u.out_d * u.out_h * u.out_w;
  let row = u.row_tiles * (${BLOCK_M}u / 4u);
  let end = min((part + 1u) * u.chunk, u.outputs);
  for (var k = part * u.chunk; k < end; k += ${DEPTH}u) {
//# for l in 0..LOADS_A
    {
      let slot = lane + ${l}u * ${THREADS}u;
      let output = k + slot / (${BLOCK_M}u / 4u);
      let pixel = (output / area * u.groups + group) * area + output % area;
      var four = vec4f(0.0);
      if (output < end) {
        four = dy[pixel * row + tile_m * (${BLOCK_M}u / 4u) + slot % (${BLOCK_M}u / 4u)];
      }
      a_block[slot] = four;
    }
//# end
//# for l in 0..LOADS_B
    {
      let output = k + slot_${l} / (${BLOCK_N}u / 4u);
      let w = output % u.out_w * u.stride_w + tap_w_${l};
      let h = output / u.out_w % u.out_h * u.stride_h + tap_h_${l};
      let d = output / (u.out_w * u.out_h) % u.out_d * u.stride_d + tap_d_${l};
      let n = output / area * u.groups + group;
      var four = vec4f(0.0);
      if (output < end && column_${l} < columns) {
        four = x[(((n * u.ext_d + d) * u.ext_h + h) * u.ext_w + w) * u.channel_quads + column_${l} % u.channel_quads];
      }
      b_block[slot_${l}] = four;
    }
//# end
    workgroupBarrier();
//# for i in 0..DEPTH
    {
//# for g in 0..ROW_GROUPS
      let dy_${g} = a_block[${i}u * (${BLOCK_M}u / 4u) + ${g}u * ${THREADS_M}u + lane_m];
//# end
//# for h in 0..COLUMN_GROUPS
      let x_${h} = b_block[${i}u * (${BLOCK_N}u / 4u) + ${h}u * ${THREADS_N}u + lane_n];
//# end
//# for g in 0..ROW_GROUPS
//# for r in 0..4
//# for h in 0..COLUMN_GROUPS
      w_${g}_${r}_${h} += dy_${g}[${r}] * x_${h};
//# end
//# end
//# end
    }
//# end
    workgroupBarrier();
  }
//# for h in 0..COLUMN_GROUPS
  {
    let column = tile_n * (${BLOCK_N}u / 4u) + ${h}u * ${THREADS_N}u + lane_n;
    let channel = 4u * (column % u.channel_quads);
    let tap = column / u.channel_quads;
//# for g in 0..ROW_GROUPS
//# for r in 0..4
    {
      let f = tile_m * ${BLOCK_M}u + 4u * (${g}u * ${THREADS_M}u + lane_m) + ${r}u;
      let begin = ((part * u.groups + group) * u.filters + f) * u.channels;
//# for s in 0..4
      if (column < columns && f < u.filters && channel + ${s}u < u.channels) {
        dw[(begin + channel + ${s}u) * taps + tap] = w_${g}_${r}_${h}[${s}];
      }
//# end
    }
//# end
//# end
  }
//# end
}

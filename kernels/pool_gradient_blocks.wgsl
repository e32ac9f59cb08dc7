// Gradient of pooling over images with small windows, block by block: dx[i] = Σ over the windows o that contain i, of dy[o] if the
// winner of o lies at i (MODE max), or of dy[o] / count of o (MODE average); times a slope, see epilogue.wgsl.
//
// dy, winners (planes, out_h, out_w), dx (planes, in_h, in_w) f32 and u32, as in pool.wgsl; windows of K_H × K_W, STRIDE_H and
// STRIDE_W apart. One invocation of 64, flat workgroup index, for a block of BLOCK_H × BLOCK_W positions of the padded input, ROWS ×
// COLUMNS strides. WINDOWS_H × WINDOWS_W windows reach into it; the first begin BACK_H and BACK_W strides, that is SHIFT_H and
// SHIFT_W positions, before it. Each is read once, where pool_gradient.wgsl reads it for every element, and the text knows which of
// the SPAN_H × SPAN_W sums its elements are; those beyond the block belong to its neighbours and are dropped.
// WHOLE: the blocks of a row end where it ends, so that no store needs a guard for its column. STORE neighbours of a row are stored
// at once: 1, or without padding before 2 or 4 where the columns and the rows of dx are multiples of that.
// No loops. Order of summation: windows ascending. Error ≤ (windows of an input) · 2⁻²⁴ · Σ|dy|; exact if windows do not overlap.

struct Uniforms {
  length: u32, // planes · blocks_h · blocks_w
  blocks_h: u32, blocks_w: u32, // of an image
  in_d: u32, in_h: u32, in_w: u32, // one in depth, here and below
  out_d: u32, out_h: u32, out_w: u32,
  k_d: u32, k_h: u32, k_w: u32,
  stride_d: u32, stride_h: u32, stride_w: u32,
  pad_d: i32, pad_h: i32, pad_w: i32,
  after_d: i32, after_h: i32, after_w: i32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if MODE == max
@group(0) @binding(3) var<storage, read> winners: array<u32>;
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
  let block_w = i % u.blocks_w;
  let block_h = i / u.blocks_w % u.blocks_h;
  let plane = i / (u.blocks_w * u.blocks_h);
//# for Q in 0..SPAN_H
//# for P in 0..SPAN_W
  var sum_${Q}_${P} = 0.0;
//# end
//# end
//# for A in 0..WINDOWS_H
//# for B in 0..WINDOWS_W
  {
    let h = block_h * ${ROWS}u + ${A}u - ${BACK_H}u; // wraps around before the first
    let w = block_w * ${COLUMNS}u + ${B}u - ${BACK_W}u;
    let exists = h < u.out_h && w < u.out_w;
    let at = select(0u, (plane * u.out_h + h) * u.out_w + w, exists);
//# if MODE == max
    let value = dy[at];
    let winner = select(0xffffffffu, winners[at], exists);
//# for I in 0..K_H
//# for J in 0..K_W
    sum_${A*STRIDE_H+I}_${B*STRIDE_W+J} += select(0.0, value, winner == ${I*K_W+J}u);
//# end
//# end
//# else
    let count = window_count(0, i32(h * ${STRIDE_H}u) - u.pad_h, i32(w * ${STRIDE_W}u) - u.pad_w);
    let value = select(0.0, dy[at] / count, exists);
//# for I in 0..K_H
//# for J in 0..K_W
    sum_${A*STRIDE_H+I}_${B*STRIDE_W+J} += value;
//# end
//# end
//# end
  }
//# end
//# end
//# for Q in 0..BLOCK_H
  {
    let row = block_h * ${BLOCK_H}u + ${Q}u - u32(u.pad_h);
    if (row < u.in_h) {
      let line = (plane * u.in_h + row) * u.in_w;
//# for P in 0..STORES
      {
        let column = block_w * ${BLOCK_W}u + ${P*STORE}u - u32(u.pad_w);
//# if WHOLE
        {
//# else
        if (column < u.in_w) {
//# end
          let to = (line + column) / ${STORE}u;
          dx[to] = finish(to, Stored(
//# for s in 0..STORE
            sum_${Q+SHIFT_H}_${P*STORE+s+SHIFT_W},
//# end
          ));
        }
      }
//# end
    }
  }
//# end
}

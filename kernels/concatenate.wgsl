// Copies blocks between tensors of different row lengths: y[r, to + j] = x[r, from + j] for r < rows, j < width. One launch for
// each piece puts pieces side by side, or cuts a piece out.
//
// x (rows, from_stride) f32, y (rows, to_stride) f32; the rest of y stays. One invocation for each element of the block, 64 a
// workgroup, flat workgroup index. VECTOR: the uniforms count vec4s, all of them being multiples of 4. No loop. Exact.

struct Uniforms {
  length: u32, // rows · width
  width: u32,
  from_stride: u32,
  from_start: u32,
  to_stride: u32,
  to_start: u32,
}

//# if VECTOR
alias Element = vec4f;
//# else
alias Element = f32;
//# end
@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
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
  let row = i / u.width;
  let j = i - row * u.width;
  y[row * u.to_stride + u.to_start + j] = x[row * u.from_stride + u.from_start + j];
}

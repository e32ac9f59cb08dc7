// Rows that are filled up with zeros to whole vec4s: z[r, j] = numbers[first + r · width + j] for j < width, else 0.
//
// numbers (n) f32, z (rows, vectors) vec4f, vectors = ⌈width / 4⌉. One invocation of 64 per vec4 of z, flat workgroup index. Exact.

struct Uniforms {
  length: u32, // of z, in vec4s
  first: u32,
  width: u32,
  vectors: u32, // of a row of z
}

@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> z: array<vec4f>;
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
  let column = 4u * (i % u.vectors);
  let row = u.first + i / u.vectors * u.width;
  z[i] = vec4f(
    numbers[row + column],
//# for c in 1..4
    select(0.0, numbers[row + min(column + ${c}u, u.width - 1u)], column + ${c}u < u.width),
//# end
  );
}

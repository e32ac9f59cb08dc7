// texels[i] = numbers[first + i], for i < length: what the GPU's command for copying does. A dispatch of this kernel is encoded as
// that command, which is some ten times as fast as the kernel on lavapipe; the text declares what is bound. See src/gpu/texture.ts.
//
// numbers (n) vec4f, texels (length) in rows of 512, as in texels.wgsl. One invocation of 64 per texel, flat workgroup index.

struct Uniforms {
  first: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> numbers: array<vec4f>;
@group(0) @binding(1) var texels: texture_storage_2d<rgba32float, write>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i < u.length) {
    textureStore(texels, texel(i), numbers[u.first + i]);
  }
}

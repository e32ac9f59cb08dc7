// Where texel i of a long array lies in its texture: rows of 512 texels (TEXELS_PER_ROW of src/gpu/memory.ts).
// Function only. A texel is a vec4f, so an array of floats lies in a texture as four to a texel.

fn texel(i: u32) -> vec2u {
  return vec2u(i % 512u, i / 512u);
}

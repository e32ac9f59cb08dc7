// Where texel i of a long array lies in its texture: rows of 4096 texels (TEXELS_PER_ROW of src/gpu/texture.ts).
// Function only. A texel is a vec4f, so an array of floats lies in a texture as four to a texel.

fn texel(i: u32) -> vec2u {
  return vec2u(i % 4096u, i / 4096u);
}

// clip = (min(1, limit / norm), norm) with norm = √(sum_of_squares): the factor that clips a gradient by its norm.
//
// sum_of_squares (1) f32, clip (2) f32. One invocation. A NaN norm gives a NaN factor. Error: 3 roundings.

struct Uniforms {
  limit: f32,
}

@group(0) @binding(0) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> clip: array<f32>;
@group(0) @binding(2) var<uniform> u: Uniforms;

@compute @workgroup_size(1)
fn main() {
  let norm = sqrt(sum_of_squares[0]);
  clip[0] = select(u.limit / norm, 1.0, norm <= u.limit);
  clip[1] = norm;
}

// Rows of a data set as a batch: y[r, :] = scale · x[index(first + start + r), :]; and (TARGETS u32 | f32, else none)
// batch_targets[r, :] = targets[index(first + start + r), :] with rows of target_width.
//
// x (examples, width) of TYPE u8 (bytes, four to a word) | f32 | u32; y (rows, width) f32, or u32 for u32 (scale 1).
// index(i) = i, or (SHUFFLE) the keyed permutation of src/random.ts: a Feistel network over the next power of four,
// walked until it falls inside; fewer than 4 walks on average, and no memory.
// VECTOR: width is a multiple of 4 and an element is a vec4. LANES invocations of a workgroup of 64 share a row, so that the
// permutation is walked once for many elements; flat workgroup index. The loops run no more than (width + target_width) / LANES
// + 2 trips (≤ 64,002, checked by the host). Exact for bytes with scale 1, else 1 rounding.

struct Uniforms {
  examples: u32,
  rows: u32,
  width: u32, // in vec4s if VECTOR
  start: u32,
  first: u32, // of these rows in a larger result
  key: u32,
  half_bits: u32,
  scale: f32,
//# if TARGETS != none
  target_width: u32,
//# end
}

//# if TYPE == u8
@group(0) @binding(0) var<storage, read> x: array<u32>;
//# else
//# if VECTOR
@group(0) @binding(0) var<storage, read> x: array<vec4<${TYPE}>>;
//# else
@group(0) @binding(0) var<storage, read> x: array<${TYPE}>;
//# end
//# end
//# if VECTOR
@group(0) @binding(1) var<storage, read_write> y: array<vec4<${OUTPUT}>>;
//# else
@group(0) @binding(1) var<storage, read_write> y: array<${OUTPUT}>;
//# end
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if TARGETS != none
@group(0) @binding(3) var<storage, read> targets: array<${TARGETS}>;
@group(0) @binding(4) var<storage, read_write> batch_targets: array<${TARGETS}>;
//# end

fn mix_bits(word: u32) -> u32 {
  var x = (word ^ (word >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}

fn permute(position: u32) -> u32 {
  let mask = (1u << u.half_bits) - 1u;
  var index = position;
  loop {
    var left = index >> u.half_bits;
    var right = index & mask;
//# for round in 0..6
    {
      let mixed = left ^ (mix_bits(right ^ mix_bits(u.key + ${round}u * 0x9e3779b9u)) & mask);
      left = right;
      right = mixed;
    }
//# end
    index = (left << u.half_bits) | right;
    if (index < u.examples) {
      break;
    }
  }
  return index;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  if (row >= u.rows) {
    return;
  }
//# if SHUFFLE
  let index = permute(u.first + u.start + row);
//# else
  let index = u.first + u.start + row;
//# end
//# if TARGETS != none
  for (var j = lane % ${LANES}u; j < u.target_width; j += ${LANES}u) {
    batch_targets[row * u.target_width + j] = targets[index * u.target_width + j];
  }
//# end
  let from_row = index * u.width;
  let to_row = row * u.width;
  for (var j = lane % ${LANES}u; j < u.width; j += ${LANES}u) {
    let at = from_row + j;
//# if TYPE == u8
//# if VECTOR
    let word = x[at];
    // Signed: the conversion of unsigned words is dear on a software adapter.
    y[to_row + j] = u.scale * vec4f(vec4i(vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(255u)));
//# else
    y[to_row + j] = u.scale * f32((x[at / 4u] >> (8u * (at % 4u))) & 255u);
//# end
//# end
//# if TYPE == f32
    y[to_row + j] = u.scale * x[at];
//# end
//# if TYPE == u32
    y[to_row + j] = x[at];
//# end
  }
}

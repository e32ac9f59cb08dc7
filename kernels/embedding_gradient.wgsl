// The gradient of a table of rows: dw[v, d] = Σ dy[n, d, l] over the places (n, l) with ids[n, l] = v.
//
// dw (rows, dimension) f32, dy (examples, dimension, positions) f32; next, heads (places) u32 chain the places n · positions + l
// of equal ids within a part (embedding_links.wgsl). First CLEAR fills dw with 0, then one launch for each part adds the sum of
// its places, in their order: the head of a chain walks along it. One invocation for each place and d, or for each element of dw
// if CLEAR, 64 a workgroup, flat workgroup index. A loop goes along one chain, at most a part. Error for m places in p parts:
// ≤ (m + p) · 2⁻²⁴ · Σ|dy|.

struct Uniforms {
//# if CLEAR
  length: u32, // rows · dimension
//# else
  length: u32, // places of the part · dimension
  first: u32, // place of the part
  positions: u32,
  dimension: u32,
//# end
}

@group(0) @binding(0) var<storage, read_write> dw: array<f32>;
@group(0) @binding(1) var<uniform> u: Uniforms;
//# if !CLEAR
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> next: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<u32>;
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
//# if CLEAR
  dw[i] = 0.0;
//# else
  // Neighbours share a place, and so the length of its chain.
  var place = u.first + i / u.dimension;
  let d = i % u.dimension;
  let head = heads[place];
  if (head == 0u) {
    return;
  }
  var sum = 0.0;
  loop {
    let example = place / u.positions;
    sum += dy[(example * u.dimension + d) * u.positions + place % u.positions];
    place = next[place];
    if (place == 0u) {
      break;
    }
  }
  dw[(head - 1u) * u.dimension + d] += sum;
//# end
}

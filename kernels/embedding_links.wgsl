// Chains the places of equal ids, so that each row's gradient can be summed by one invocation, in a fixed order:
// next[p] = the next place q > p of p's part with ids[q] = ids[p], or 0 if there is none;
// heads[p] = the row of ids[p], plus 1, if p is the first such place of its part, else 0. An id that is no row is never a head.
//
// ids (places) f32; next, heads (places) u32. Parts of PART places. One invocation for each place, 64 a workgroup, flat
// workgroup index. No invocation goes beyond PART trips of its loops. Exact.

struct Uniforms {
  places: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> ids: array<f32>;
@group(0) @binding(1) var<storage, read_write> next: array<u32>;
@group(0) @binding(2) var<storage, read_write> heads: array<u32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (place >= u.places) {
    return;
  }
  let id = ids[place];
  let row = row_of(id, u.rows);
  var head = row < u.rows;
  var after = 0u;
  let begin = place / ${PART}u * ${PART}u;
  let end = min(begin + ${PART}u, u.places);
  if (head) {
    for (var q = begin; q < place; q++) {
      if (ids[q] == id) {
        head = false;
        break;
      }
    }
    for (var q = place + 1u; q < end; q++) {
      if (ids[q] == id) {
        after = q;
        break;
      }
    }
  }
  next[place] = after;
  heads[place] = select(0u, row + 1u, head);
}

// The peak of memory traffic. KIND: copy, y = a; triad, y = a + factor · b; read, y = factor · Σ of an invocation's a.
//
// a, b (n) vec4f; y (n) vec4f, for read (invocations) vec4f. n = PARTS · invocations: part p of invocation i is element
// p · invocations + i, so that neighbours read neighbours.
// 64 invocations a workgroup, flat workgroup index, no workgroup memory, no loop. Bytes moved: 16 for each element of
// each buffer.
// Source: the triad of J. McCalpin, "Memory bandwidth and machine balance in current high performance computers" (1995).

struct Uniforms {
  invocations: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if KIND == triad
@group(0) @binding(3) var<storage, read> b: array<vec4f>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.invocations) {
    return;
  }
//# if KIND == read
  var sum = vec4f(0.0);
//# for p in 0..PARTS
  sum += a[i + ${p}u * u.invocations];
//# end
  y[i] = u.factor * sum;
//# else
//# for p in 0..PARTS
  let i_${p} = i + ${p}u * u.invocations;
//# if KIND == triad
  y[i_${p}] = a[i_${p}] + u.factor * b[i_${p}];
//# else
  y[i_${p}] = a[i_${p}];
//# end
//# end
//# end
}

// Mean and variance of every channel from those of its parts, w being a part's share of the values, in two walks:
//   m = Σ w · mean_p, d = mean_p - m;   mean = m + Σ w · d,   variance = Σ w · (variance_p + d²) - (Σ w · d)²
//
// part_mean, part_variance (parts, channels) f32, as channel_statistics.wgsl writes them; mean, variance (channels). All parts
// have `length` values, but the last has `last`. LANES invocations of a workgroup of 64 share a channel; flat workgroup index;
// workgroup memory 256 B if LANES > 1. Longest loop: parts / LANES trips, twice; parts ≤ 16,384.
// Order of summation: each lane's parts in order, then a tree over the lanes: R ≤ parts + 8 additions.
// Error besides that of the parts, with u, q, s of channel_statistics.wgsl: mean 3u · q + (R + 16) · u · s,
// variance (R + 16) · u · s², and 2s times the error of the mean.

struct Uniforms {
  channels: u32,
  parts: u32,
  length: f32,
  last: f32,
  count: f32,
  y_begin: u32, // where mean and variance begin
}

@group(0) @binding(0) var<storage, read> part_mean: array<f32>;
@group(0) @binding(1) var<storage, read> part_variance: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<uniform> u: Uniforms;

fn share(part: u32) -> f32 {
  return select(u.length, u.last, part + 1u == u.parts) / u.count;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let channel = (workgroup.y * workgroups.x + workgroup.x) * (64u / ${LANES}u) + lane / ${LANES}u;
  let first = lane % ${LANES}u;
  // Invocations beyond the last channel take part in the barriers and write nothing.
  let end = select(0u, u.parts, channel < u.channels);
  var total = 0.0;
  for (var p = first; p < end; p += ${LANES}u) {
    total += share(p) * part_mean[p * u.channels + channel];
  }
  let center = row_sum(total, lane);
  var distances = 0.0;
  var squares = 0.0;
  for (var p = first; p < end; p += ${LANES}u) {
    let at = p * u.channels + channel;
    let d = part_mean[at] - center;
    distances += share(p) * d;
    squares += share(p) * (part_variance[at] + d * d);
  }
  let shift = row_sum(distances, lane);
  let spread = row_sum(squares, lane) - shift * shift;
  if (channel < u.channels && first == 0u) {
    mean[u.y_begin + channel] = center + shift;
    variance[u.y_begin + channel] = select(spread, 0.0, spread < 0.0); // rounding must not make it negative; NaN stays
  }
}
